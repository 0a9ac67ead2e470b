"""Entries side by side: one panel each, on the same axes, under the attack that the matrix calls strongest."""

from __future__ import annotations

import pytest

from advwindow.comparison import compare_runs
from advwindow.reports.figures.comparison import pareto_pieces, survival_pieces
from advwindow.reports.figures.side_by_side import against_depth, drawn_budgets, front, illustrate_comparison
from advwindow.reports.style import render
from tests.comparison.runs import cell, make_run
from tests.reports.comparisons import other_layers, several


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Three networks at two budgets."""
    return several(tmp_path_factory.mktemp("several"))


def test_every_figure_is_there_with_words_and_numbers(three):
    shown = {each.name: each for each in illustrate_comparison(three)}
    assert list(shown) == [
        "pareto", "survival", "alignment-0", "alignment-1", "drift-0", "drift-1", "strip-0", "strip-1",
    ]  # fmt: skip
    assert all(each.words.caption and each.words.alt and each.data.height for each in shown.values())
    assert "L∞ 4/255: 1: 95.0 and 5.0; 2: 95.0 and 25.0; 3: 95.0 and 45.0." in shown["pareto"].words.alt
    titles = [axes.get_title(loc="left") for axes in shown["alignment-0"].pieces[0].axes]
    assert titles == ["1: timm:net-0", "2: timm:net-1", "3: timm:net-2"]


def test_all_panels_of_a_kind_have_the_same_vertical_axis_whatever_their_layers(tmp_path, monkeypatch):
    shown = {each.name: each for each in illustrate_comparison(other_layers(tmp_path, monkeypatch))}
    for kind in ("alignment-0", "drift-0"):
        first, second = shown[kind].pieces
        assert len(first.axes) == 2
        assert len(second.axes) == 1
        assert {axes.get_ylim() for figure in (first, second) for axes in figure.axes} == {first.axes[0].get_ylim()}
        assert "networks with other layers stand apart" in shown[kind].words.caption
    assert len(shown["strip-0"].pieces) == 2


def test_an_axis_ends_where_correlations_do(three, monkeypatch):
    monkeypatch.setattr("advwindow.reports.figures.side_by_side._MOST", 0.3)
    (figure,) = next(against_depth(three)).pieces
    low, high = figure.axes[0].get_ylim()
    assert low >= -0.3
    assert high == pytest.approx(0.3)


def test_a_single_entry_has_no_front(tmp_path):
    assert front(compare_runs([make_run(tmp_path / "run", [cell()])], resamples=20)) == []


def test_many_entries_come_in_pieces_and_at_the_budget_that_decides(three, monkeypatch):
    comparison = three
    monkeypatch.setattr("advwindow.reports.figures.side_by_side._MOST_DRAWN", 5)
    monkeypatch.setattr("advwindow.reports.figures.comparison._MOST_LINES", 2)
    monkeypatch.setattr("advwindow.reports.figures.comparison._MOST_FRONTS", 1)
    assert drawn_budgets(comparison) == [comparison.budgets[0]]
    assert len(pareto_pieces(comparison)) == 2
    pieces = survival_pieces(comparison)
    named = [label.get_text() for piece in pieces for label in piece.axes[0].get_yticklabels()]
    assert named == ["1: timm:net-0", "2: timm:net-1", "3: timm:net-2"] * 2
    assert len(pieces) == 4


def test_figures_are_the_same_each_time(three):
    comparison = three
    first, second = ([render(piece, "svg") for each in front(comparison) for piece in each.pieces] for _ in range(2))
    assert first == second
