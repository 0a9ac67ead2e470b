"""Models and defences side by side, drawn."""

import polars as pl
import pytest

from advwindow.comparison import compare_runs
from advwindow.reports import save_comparison_figures
from advwindow.reports.figures.comparison import pareto, survival
from advwindow.reports.style import MARKS
from tests.comparison.runs import cell, make_run


@pytest.fixture
def comparison(tmp_path):
    cells = [cell(), *(cell(defense="jpeg", access=access) for access in ("oblivious", "adaptive"))]
    return compare_runs([make_run(tmp_path / "run", cells)])


def test_the_pareto_figure_has_a_dot_for_every_entry_and_a_triangle_for_every_oblivious_attack(comparison):
    (axes,) = pareto(comparison).axes
    marks = [line.get_marker() for line in axes.lines]
    assert marks.count("o") == comparison.matrix.height
    assert marks.count("^") == comparison.matrix["oblivious"].count()
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    places = {(float(dot.get_xdata()[0]), float(dot.get_ydata()[0])) for dot in dots}
    shares = comparison.matrix.select("clean", "robust").iter_rows()
    assert places == {(100 * clean, 100 * robust) for clean, robust in shares}


def test_numbers_of_crowded_dots_cover_neither_each_other_nor_a_dot(tmp_path):
    cells = [cell(range(20 + place // 2), model=f"timm:net-{place}", count=100) for place in range(12)]
    figure = pareto(compare_runs([make_run(tmp_path / "run", cells)], resamples=20))
    figure.draw_without_rendering()
    (axes,) = figure.axes
    told = [text for text in axes.texts if text.get_text()]
    assert sorted(number for text in told for number in text.get_text().split(",")) == sorted(map(str, range(1, 13)))
    boxes = [super(type(text), text).get_window_extent() for text in told]
    dots = axes.transData.transform([text.xy for text in told])
    for place, box in enumerate(boxes):
        assert not any(box.contains(*dot) for dot in dots)
        assert not any(box.overlaps(other) for other in boxes[:place])


def test_the_survival_figure_has_a_field_for_every_layer_of_every_entry(comparison):
    (axes,) = survival(comparison).axes
    strongest = comparison.layers.filter(pl.col("access") == "adaptive")
    assert len(axes.patches) == strongest.height
    letters = [text.get_text().split()[0] for text in axes.texts if "%" not in text.get_text()]
    assert letters == [MARKS[display].letter for display in strongest["display"]]


def test_figures_are_files_and_the_same_each_time(comparison, tmp_path):
    first = [path.read_bytes() for path in save_comparison_figures(comparison, tmp_path / "a")]
    second = save_comparison_figures(comparison, tmp_path / "b")
    assert [path.name for path in second] == [
        "pareto.svg", "pareto.pdf", "pareto.png", "survival.svg", "survival.pdf", "survival.png",
    ]  # fmt: skip
    assert [path.read_bytes() for path in second] == first
