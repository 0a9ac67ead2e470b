import re

from advwindow.reports.outputs.markdown import summary_latex, summary_markdown
from tests.reports.runs import ATTACKS, Shape, make_run


def test_markdown_has_the_verdict_and_a_row_for_each_attack_and_layer(run, study):
    text = summary_markdown(run)
    assert "PGD L∞ 8/255 fools all 18 correctly classified images" in text
    for attack in study.attacks:
        assert re.search(rf"^\| {re.escape(attack.title.replace('&', chr(92) + '&'))} \|", text, re.MULTILINE)
    rows = [line for line in text.splitlines() if line.startswith("| blocks.")]
    assert len(rows) == 16
    assert "eroded, hijacked" in text


def test_latex_has_two_tables_for_each_study(tmp_path):
    run = make_run(tmp_path / "run", Shape(seeds=(0, 1), attacks=ATTACKS[2:4]))
    text = summary_latex(run)
    assert re.findall(r"\\label\{(.*?)\}", text) == [
        "tab:attacks-1", "tab:layers-1", "tab:attacks-2", "tab:layers-2",
    ]  # fmt: skip
    assert r"PGD L$\infty$ 8/255" in text


def test_names_are_never_markup(tmp_path):
    layers = ("a_b$", "#1", "<script>", "x|y", "\\input{z}", "&")
    run = make_run(tmp_path / "run", Shape(layers=layers, attacks=ATTACKS[2:4]))
    latex, markdown = summary_latex(run), summary_markdown(run)
    assert r"a\_b\$" in latex
    assert r"\textbackslash{}input\{z\}" in latex
    rows = [line for line in latex.splitlines() if line.endswith(r"\\")]
    assert [len(re.findall(r"(?<!\\)&", row)) for row in rows] == [8] * 3 + [7] * (1 + len(layers))
    assert "<script>" not in markdown.replace(r"\<script\>", "")
    assert r"x\|y" in markdown


def test_missing_cells_are_told(tmp_path):
    run = make_run(tmp_path / "run", Shape(attacks=ATTACKS[:3]), missing=1)
    assert "Incomplete: 1 of 3 cells missing" in summary_markdown(run)
