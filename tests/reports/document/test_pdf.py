from __future__ import annotations

import re
import shutil

import matplotlib as mpl
import pytest

from advwindow.comparison import compare_runs
from advwindow.errors import IncompleteError, UserError
from advwindow.reports import write_pdf
from advwindow.reports.figures.illustrations import illustrate
from advwindow.reports.reading import compared
from advwindow.reports.reading.comparison_answer import answer
from advwindow.runs import RunDirectory
from tests.reports.documents import alternatives, metadata, outline, pages
from tests.reports.runs import ATTACKS, Shape, make_run

HOSTILE = (
    "#set page(width: 1pt)", "$x^2$ \\alpha", "<script>alert(1)</script>", "😀🦜 水母", "مرحبا بالعالم", "L" * 200,
    "[a](b) *bold* _em_ `raw` @ref", "\u202eesrever \x07\nnewline", "% & ~ {x} \\", "\"quoted\" 'single'", "..",
    "= heading", "// comment", "acorn",
)  # fmt: skip


def test_outline(pdf):
    titles = [title for level, title in outline(pdf) if level == 0]
    assert titles == [
        "What happened", "Accuracy and meaning, budget by budget", "Alignment with words, layer by layer",
        "Words, and what else?", "Drift: what each layer loses", "True word or wrong word?",
        "Semantic half-life: the budget that halves the meaning", "Concepts: how their geometry moves", "Images",
        "Word trace: what each layer says", "Concepts that lost most", "Where each concept’s word comes from",
        "How to read this report", "Numbers behind the verdicts", "Provenance",
    ]  # fmt: skip


def test_first_page_answers_a_manager(pdf):
    first, *others = pages(pdf)
    for text in (
        "ADVWINDOW REPORT sample:efficientnet-lite0 under attack Images sample:imagenet · words glove-6b-50d · 21 Nov",
        "What happened Does any of 6 attacks fool sample:efficientnet-lite0, and in which layers does meaning break?",
        "PGD L∞ 8/255 fools all 18 correctly classified images: accuracy falls from 90 % to 0 % (95 %",
        "meaning is eroded in 5 of them (blocks.12 to head)",
        "Contents What happened",
        "Provenance",
        "Keep in mind. Only 17 concepts: collapse is not claimed with fewer than 20.",
        "FGSM L∞ 4/255 90 % 70–97 % 30 % 15–52 % 4.0/255",
        "C&W L₂ smallest 90 % 70–97 % 60 % 39–78 % 0.83",
        "U U U U U U I I I I I I E E E E E H",
        "H: closer to the wrong word than to the true one.",
    ):
        assert text in first
    assert first.endswith(f"1 / {1 + len(others)}")


def test_contents_lead_to_the_pages_of_the_sections(pdf):
    told = pages(pdf)
    listed = told[0].partition(" Contents ")[2]
    for title in (title for level, title in outline(pdf) if level == 0):
        place = int(re.search(re.escape(title) + r"[ .]+(\d+)", listed)[1])
        assert title in told[place - 1]


def test_numbers_method_and_provenance_are_there(pdf, run):
    text = " ".join(pages(pdf))
    for wanted in (
        "Under PGD L∞ 8/255 the drift is largest at head:",
        "Of fooled images, the share that a layer still holds closer to the true word",
        "goldfish grand piano × 31",
        "acorn no known spelling – no word, left out",
        "Aronow, Samii & Assenova (2015)",
        "Needs at least 20 concepts",
        "Agreement of the references with each other (95 % interval): glove-6b-50d and the pixels 0.04 [−0.06, 0.14].",
        "attack eroded from collapsed from hijacked from mean drift under noise FGSM L∞ 4/255 blocks.15 – – 0.03 0.00",
        "layer PGD L∞ blocks.6",
        "With 12 concepts the interval is a rough one.",
        "goldfish attacked: grand piano tree frog attacked:",
        "head goldfish 1 object 9 frog 1 object 9 fox 1 object 9",
        "the layer has never seen this image’s concept",
        "Words that lost their meaning under PGD L∞ 8/255 (layer by layer; at most 10 % of those named are expected",
        "Bold: among the words that lost their meaning, by the rule below.",
        "The noise of images would let that layer reach 0.55 (noise ceiling).",
        "1 The drift is not shown to exceed that of noise of the same size.",
        f"Plan {run.plan_id}, 6 cells",
        "a1" * 32,
        "commit 0123456789abcdef0123456789abcdef01234567, with uncommitted changes",
        "advwindow attack quick/sweep.toml --out quick-again advwindow report quick-again",
        'name = "pgd" eps = ["8/255"]',
    ):
        assert wanted in text
    assert len(pages(pdf)) < 15


def test_every_figure_and_formula_has_words_made_from_the_data(pdf, study):
    told = alternatives(pdf)
    assert all(text for _, text in told)
    figures = [text for kind, text in told if kind == "Figure"]
    assert any("PGD L∞ 8/255: unanchored blocks.0 to blocks.5; intact blocks.6 to" in text for text in figures)
    assert "Clean image: goldfish" in figures
    assert "The same image under PGD L∞ 8/255, classified as grand piano" in figures
    drawings = illustrate(study)
    assert {each.name for each in drawings} - {"headline"} >= {"robustness", "collapse-map", "concept-map", "matrices"}
    # Each drawing but the headline's, for which the first page has no room here; four examples, clean and twice an
    # attacked image with its difference; and the clean images of the word trace.
    assert len(figures) == len(drawings) - 1 + 4 * 5 + 3
    assert sum(kind == "Formula" for kind, _ in told) >= 3


def test_metadata(pdf):
    facts = metadata(pdf)
    assert facts["Title"] == "sample:efficientnet-lite0 under attack"
    assert facts["CreationDate"] == "D:20261121101502Z"
    content = pdf.read_bytes()
    assert b"<pdfaid:part>2</pdfaid:part>" in content
    assert b"<pdfaid:conformance>A</pdfaid:conformance>" in content
    assert b"<pdfuaid:part>1</pdfuaid:part>" in content


def test_same_run_same_bytes_wherever_it_lies_and_whatever_matplotlib_is_told(pdf, run, tmp_path):
    shutil.copytree(run.path, tmp_path / "elsewhere" / "quick")
    with mpl.rc_context({"font.size": 40, "svg.hashsalt": None, "font.family": "serif"}):
        again = write_pdf(RunDirectory(tmp_path / "elsewhere" / "quick"), tmp_path / "again.pdf")
    assert again.read_bytes() == pdf.read_bytes()
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == ["again.pdf"]


def test_names_are_never_markup(tmp_path):
    shape = Shape(
        labels=HOSTILE * 2,
        layers=("#a", "$b$", "<c>", "😀", "مرحبا.x", "L" * 200, "_m_", "水.母"),
        caveats=("#let x = 1 $y$ <z> \u202e",),
        models=("py:<b>&#x;$m$:f",),
        words=("glove", "#w$ *x* <b>"),
        manifest={"command": "#eval(1) `x`", "versions": {"$": "_"}, "created": "2026-01-02T03:04:05+02:00"},
        attacks=ATTACKS[3:5],
    )
    told = pages(write_pdf(make_run(tmp_path / "$run #x", shape), tmp_path / "x.pdf"))
    text = " ".join(told)
    for wanted in (
        "py:<b>&#x;$m$:f under attack", "#set page(width: 1pt)", "$x^2$ \\alpha", "<script>alert(1)</script>",
        "[a](b) *bold* _em_ `raw` @ref", "% & ~ {x} \\", "= heading", "// comment", "#let x = 1 $y$ <z> �",
        "#w$ *x* <b> at", "2 January 2026",
        "2026-01-02 01:04:05 UTC", "#eval(1) `x`", "advwindow attack '$run #x/sweep.toml'",
        "😀", "水",
    ):  # fmt: skip
        assert wanted in text
    assert len(told) < 14


def test_several_studies_and_missing_cells(tmp_path):
    shape = Shape(models=("timm:a", "timm:b"), attacks=ATTACKS[2:5])
    path = write_pdf(make_run(tmp_path / "run", shape, missing=2), tmp_path / "x.pdf")
    first = pages(path)[0]
    assert "timm:a and timm:b under attack" in first
    assert "Incomplete: 2 of 6 cells are missing. PGD L∞ 8/255 on timm:b, seed 0; PGD L₂ 2 on timm:b, seed 0." in first
    titles = [title for level, title in outline(path) if level == 0]
    assert titles == [
        "What happened",
        "timm:a",
        "timm:b",
        "How to read this report",
        "Numbers behind the verdicts",
        "Provenance",
    ]
    assert all(text for _, text in alternatives(path))


def test_several_networks_are_compared_before_anything_else(tmp_path):
    run = make_run(tmp_path / "run", Shape(models=("timm:a", "timm:b"), attacks=ATTACKS[2:4]))
    path = write_pdf(run, tmp_path / "x.pdf")
    titles = [title for level, title in outline(path) if level == 0]
    assert titles[:3] == ["Models compared", "What happened, network by network", "timm:a"]
    text = " ".join(pages(path)[:2])
    comparison = compare_runs([run])
    for sentence in answer(comparison):
        assert sentence in text
    assert "Further right: more accurate when clean; further up: withstands more." in text
    assert all(told for _, told in alternatives(path))


def test_networks_that_cannot_be_compared_are_not_and_the_report_says_why(tmp_path, monkeypatch):
    run = make_run(tmp_path / "run", Shape(models=("timm:a", "timm:b"), attacks=ATTACKS[3:4]))
    error = UserError("the entries were attacked within other budgets", got="8/255", fix="attack both")

    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(compared, "compare_runs", refuse)
    first = pages(write_pdf(run, tmp_path / "x.pdf"))[0]
    assert "Models compared They are not compared: the entries were attacked within other budgets: got" in first
    assert "What happened, network by network" in first


def test_one_attack_that_was_not_tested_on_images(tmp_path):
    shape = Shape(attacks=ATTACKS[3:4], trials=False, target="least-likely", caveats=(), size=4)
    path = write_pdf(make_run(tmp_path / "run", shape), tmp_path / "x.pdf")
    titles = [title for _, title in outline(path)]
    assert "True word or wrong word?" not in titles
    assert not any(title.startswith("Semantic half-life") for title in titles)
    assert "PGD L∞ 8/255 to least-likely reaches its target on all 18" in pages(path)[0]


def test_a_large_run_stays_readable(tmp_path):
    shape = Shape(
        attacks=[*[("torchattacks:DIFGSM", "linf", f"{eps}/255", {}, eps / 11) for eps in range(1, 12)], ATTACKS[5]],
        layers=tuple(f"model.encoder.layers.encoder_layer_{place}.mlp" for place in range(60)),
        labels=tuple(f"concept number {place}, other name" for place in range(202)),
        caveats=(),
    )
    told = pages(write_pdf(make_run(tmp_path / "run", shape), tmp_path / "x.pdf"))
    text = " ".join(told)
    assert all(f"…{place}.mlp" in text for place in range(60))
    assert all(f"concept number {place}, other name" in text for place in range(2, 202))
    assert "collapsed in" in told[0]
    assert 15 < len(told) < 35


def test_nothing_finished_is_no_report(tmp_path):
    run = make_run(tmp_path / "run", missing=len(ATTACKS))
    with pytest.raises(IncompleteError):
        write_pdf(run, tmp_path / "x.pdf")
    assert not (tmp_path / "x.pdf").exists()


def test_a_path_that_cannot_be_written_is_told(tmp_path):
    run = make_run(tmp_path / "run", Shape(attacks=ATTACKS[:1], layers=("a", "b")))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot write"):
        write_pdf(run, tmp_path / "file" / "x.pdf")


def test_the_headline_figure_stands_on_the_first_page_where_there_is_room(tmp_path):
    shape = Shape(attacks=ATTACKS[3:5], layers=tuple("abcd"), caveats=())
    path = write_pdf(make_run(tmp_path / "run", shape), tmp_path / "x.pdf")
    told = pages(path)
    assert "drift significant" in told[0]
    assert "Contents" in told[0]
