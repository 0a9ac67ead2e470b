"""The comparison as PDF."""

from __future__ import annotations

import shutil

import pytest

from advwindow.comparison import compare_runs
from advwindow.reports.document.comparison import write_comparison_pdf
from advwindow.runs import RunDirectory
from tests.comparison.runs import cell, make_run
from tests.reports.comparisons import called_out, hostile, several
from tests.reports.document.test_pdf import HOSTILE
from tests.reports.documents import alternatives, metadata, outline, pages


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("comparison")


@pytest.fixture(scope="module")
def pdf(folder):
    return write_comparison_pdf(called_out(folder), folder / "deep" / "comparison.pdf")


def test_outline(pdf):
    assert outline(pdf) == [
        (0, "Which of these 2 models and defences stands, and where does meaning survive?"),
        (1, "L∞ 8/255"),
        (0, "Accuracy and robustness"),
        (0, "Where meaning survives"),
        (0, "Side by side"),
        (1, "Alignment with words"),
        (1, "Drift: what each layer loses"),
        (1, "Verdicts, layer by layer"),
        (0, "Differences between pairs"),
        (1, "Robust accuracy, L∞ 8/255"),
        (1, "What is left of each layer, L∞ 8/255"),
        (0, "Cost"),
        (0, "Audits"),
        (0, "What was compared"),
        (1, "Run called"),
        (1, "To get these numbers again"),
    ]


def test_first_page_answers_and_warns(pdf):
    first = pages(pdf)[0]
    for text in (
        "ADVWINDOW COMPARISON Comparison of 2 models and defences Images npz:x.npz · words npz:w.npz · 21 November",
        "At L∞ 8/255, sample:plain + jpeg?quality=75 withstands most:",
        "Keep in mind. Only 40 images",
        "Warnings sample:plain + jpeg?quality=75, linf 8/255: robust accuracy is 75.0 %",
        "rank entry clean % oblivious % adaptive % black-box % worst per image % U I E C H kept % audit",
    ):
        assert text in first
    assert len(pages(pdf)) == 4


def test_pairs_cost_audits_and_provenance_are_there(pdf):
    text = " ".join(pages(pdf))
    for wanted in (
        "first second first − second, points",
        "Newcombe’s paired 95 % interval",
        "There is no interval of these differences",
        "pgd linf 8/255 quick, 40 images warn S9 warn: A surrogate <b>stands</b> in. Look at it.",
        "Not audited: 1.",
        "1" * 64,
        "advwindow attack called/sweep.toml --out called-again advwindow compare called-again --out comparison",
    ):
        assert wanted in text


def test_every_figure_has_words_and_the_file_is_for_archives(pdf):
    told = alternatives(pdf)
    assert all(text for _, text in told)
    assert any(text.startswith("Clean accuracy and robust accuracy in per cent") for _, text in told)
    facts = metadata(pdf)
    assert facts["Title"] == "Comparison of 2 models and defences"
    assert facts["CreationDate"] == "D:20261121101502Z"
    content = pdf.read_bytes()
    assert b"<pdfaid:part>2</pdfaid:part>" in content
    assert b"<pdfuaid:part>1</pdfuaid:part>" in content


def test_same_runs_same_bytes_wherever_they_lie(pdf, folder, tmp_path):
    shutil.copytree(folder / "called", tmp_path / "elsewhere" / "called")
    comparison = compare_runs([RunDirectory(tmp_path / "elsewhere" / "called")], resamples=200)
    assert write_comparison_pdf(comparison, tmp_path / "again.pdf").read_bytes() == pdf.read_bytes()


def test_names_are_never_markup(tmp_path):
    comparison = hostile(tmp_path, HOSTILE[:7])
    text = " ".join(pages(write_comparison_pdf(comparison, tmp_path / "x.pdf")))
    for wanted in (
        "py:#set page(width: 1pt):f", "$x^2$ \\alpha", "<script>alert(1)</script>", "[a](b) *bold* _em_ `raw` @ref",
        "<i>&", "😀", "advwindow attack '$run #x/sweep.toml'", "Run $run #x",
    ):  # fmt: skip
        assert wanted in text
    assert "\u202e" not in text


def test_sections_without_data_do_not_appear(tmp_path):
    alone = compare_runs([make_run(tmp_path / "run", [cell()])], resamples=20)
    titles = [title for _, title in outline(write_comparison_pdf(alone, tmp_path / "alone.pdf"))]
    assert not {"Accuracy and robustness", "Differences between pairs", "Audits"} & set(titles)
    assert "Where meaning survives" in titles


def test_several_budgets_and_certificates(tmp_path):
    found = {"accuracy": {"0.25": 0.5}, "n": 1000, "alpha": 0.001, "largest": 0.4567}
    comparison = several(tmp_path)
    (entry,) = [each for each in comparison.entries if each.name == "timm:net-1"]
    entry.run.save_certificate(entry.spec, found)
    path = write_comparison_pdf(comparison, tmp_path / "x.pdf")
    text = " ".join(pages(path))
    assert "Certified accuracy of timm:net-1: 50 % within L2 0.25" in text
    assert [title for _, title in outline(path)][1:3] == ["L∞ 4/255", "L₂ 1"]
