from __future__ import annotations

import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from advwindow.reports.figures import naming
from advwindow.reports.figures.matrices import (
    draw_matrices,
    matrices,
    matrices_illustration,
    matrix_data,
    panels_of,
    pooled,
)
from advwindow.reports.figures.matrices_caption import matrix_words
from advwindow.reports.reading import geometry as reading
from advwindow.reports.reading.findings import at_layer, headline, worst_layer
from advwindow.reports.reading.geometry import headline_geometry, within_and_between, word_order
from advwindow.reports.style import MM, WIDTHS, render
from advwindow.streams import stream
from tests.reports.geometries import HOSTILE, geometry


def image(axes):
    (found,) = axes.get_images()
    return found


def labels(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


@pytest.mark.parametrize(("width", "rows"), [("page", 1), ("column", 2)])
def test_four_matrices_in_the_order_of_the_words(width, rows):
    one = geometry(12)
    figure = matrices(one, width=width)
    apart = squareform(1 - one.of_words, checks=False)
    leaves = leaves_list(linkage(apart, "average", optimal_ordering=True))
    assert figure.get_figwidth() == pytest.approx(WIDTHS[width])
    assert len({round(axes.get_position().y0, 6) for axes in figure.axes}) == rows
    drawn = [one.of_words, one.clean, one.attacked, one.attacked - one.clean]
    assert len(figure.axes) == 4
    for axes, matrix in zip(figure.axes, drawn, strict=True):
        shown = image(axes).get_array()
        assert np.ma.getmaskarray(shown).diagonal().all()
        wanted = matrix[np.ix_(leaves, leaves)]
        np.testing.assert_array_equal(shown.compressed(), wanted[~np.eye(12, dtype=bool)])
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "words", "clean images", "PGD L∞ 8/255", "attacked − clean",
    ]  # fmt: skip
    assert labels(figure.axes[0]) == [one.concepts[place] for place in leaves]


def test_three_matrices_share_a_scale_and_the_difference_is_centred_on_zero():
    one = geometry(12)
    first, second, third, change = panels_of(one)
    pairs = np.triu_indices(12, 1)
    values = np.concatenate([each[pairs] for each in (one.of_words, one.clean, one.attacked)])
    assert first.scale is second.scale is third.scale
    assert (first.scale.vmin, first.scale.vmax) == (values.min(), values.max())
    assert change.scale.vmin == -change.scale.vmax
    assert change.scale.vmax == np.abs(one.difference[pairs]).max()
    np.testing.assert_allclose(change.colors(change.scale(0.0)), 1)


def test_colours_of_many_concepts_end_at_percentiles():
    one = geometry(60)
    pairs = np.triu_indices(60, 1)
    values = np.concatenate([each[pairs] for each in (one.of_words, one.clean, one.attacked)])
    scale = panels_of(one)[0].scale
    assert [scale.vmin, scale.vmax] == np.percentile(values, [1, 99]).tolist()


def test_nothing_changed_is_white():
    one = geometry(6)
    same = replace(one, joint=np.tile(one.clean, (2, 2)))
    np.testing.assert_allclose(panels_of(same)[3].colors(panels_of(same)[3].scale(same.difference)), 1)
    assert render(matrices(same), "svg")


def test_up_to_forty_concepts_are_all_named_on_a_page():
    for concepts in (12, 30):
        one = geometry(concepts)
        axes = matrices(one).axes
        assert sorted(labels(axes[0]) + labels(axes[3])) == sorted(one.concepts)
        assert axes[0].get_ylabel() == f"{concepts} concepts"
    many = matrices(geometry(100)).axes
    step = 100 // len(labels(many[0])) + 1
    assert many[0].get_ylabel() == f"100 concepts, one in {step} named"
    assert labels(many[3]) == []


@pytest.mark.parametrize("width", ["page", "column"])
@pytest.mark.parametrize("concepts", [5, 17, 30, 40, 60])
def test_names_neither_touch_each_other_nor_leave_the_figure(concepts, width):
    names = [f"{'W' * 20} {place}" for place in range(concepts)]
    figure = matrices(geometry(concepts, names=names), width=width)
    figure.draw_without_rendering()
    page = figure.bbox
    for axes in figure.axes:
        boxes = [label.get_window_extent() for label in axes.get_yticklabels() if label.get_text()]
        for above, below in pairwise(boxes):
            assert above.y0 >= below.y1 - 1
        for box in [*boxes, axes.yaxis.label.get_window_extent()]:
            assert page.x0 <= box.x0
            assert box.x1 <= page.x1


@pytest.mark.parametrize(("concepts", "width"), [(5, "page"), (30, "page"), (100, "column")])
def test_everything_lies_inside_the_figure(concepts, width):
    figure = matrices(geometry(concepts), width=width)
    figure.draw_without_rendering()
    box = figure.get_tightbbox()
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.x1 <= figure.get_figwidth()
    assert box.y1 <= figure.get_figheight()


def test_lines_part_the_clusters_of_words():
    one = geometry(16)
    order = word_order(one.of_words)
    for axes in matrices(one).axes:
        across, down = (each.get_segments() for each in axes.collections)
        assert [segment[0][1] for segment in across] == (order.borders(1) - 0.5).tolist()
        assert [segment[0][0] for segment in down] == (order.borders(1) - 0.5).tolist()


def test_drawn_into_given_axes():
    figure = Figure(figsize=(6, 2))
    axes = figure.subplots(1, 4)
    draw_matrices(axes, geometry(40))
    assert len(labels(axes[0])) == 14
    assert naming.usual(40).step == 3
    assert all(image(each) for each in axes)


def test_data_have_a_row_for_each_pair():
    one = geometry(7)
    data = matrix_data(one)
    assert data.columns == ["concept_a", "concept_b", "words", "clean", "attack", "difference"]
    assert data.height == 21
    row = data.filter(concept_a="concept 2", concept_b="concept 5").row(0, named=True)
    assert (row["words"], row["clean"], row["attack"]) == (one.of_words[2, 5], one.clean[2, 5], one.attacked[2, 5])
    np.testing.assert_allclose(data["attack"] - data["clean"], data["difference"])


def test_the_caption_states_what_can_be_counted(study):
    attack, layer = headline(study), worst_layer(headline(study))["layer"]
    one = headline_geometry(study)
    words = matrix_words(attack, one)
    clusters = word_order(one.of_words).clusters
    within, between = within_and_between(one.clean, clusters)
    assert "How alike 12 concepts are to each other at head (Pearson correlation of every two)" in words.caption
    assert f"{within:.2f} ({between:.2f}) on clean images".replace("-", "−") in words.caption
    pairs = np.triu_indices(12, 1)
    most = np.abs(one.difference[pairs]).argmax()
    pair = f"{one.concepts[pairs[0][most]]} and {one.concepts[pairs[1][most]]}"
    change = f"{one.difference[pairs][most]:+.2f}".replace("-", "−")
    assert f"The attack changes {pair} most ({change})." in words.caption
    left = at_layer(attack, layer, "attack")["alignment"]
    assert f"to {left:.2f}.".replace("-", "−") in words.caption
    assert words.alt.startswith("Four matrices of 12 concepts: words, clean, attacked, and the difference, at head.")
    assert "percentile" not in words.caption
    many = matrix_words(attack, replace(geometry(60), layer=layer)).caption
    assert "ends at the 1st and 99th percentile of all pairs" in many
    assert "lines set off its clusters of 3 concepts or more." in many


def test_a_caption_without_clusters_tells_the_rest(study):
    one = geometry(5)
    alike = np.full((5, 5), 0.5) + 0.5 * np.eye(5)
    caption = matrix_words(headline(study), replace(one, of_words=alike, layer="head")).caption
    assert "Mean similarity" not in caption
    assert "The attack changes" in caption


def test_the_illustration_is_of_the_headline(study, monkeypatch):
    (found,) = matrices_illustration(study)
    assert found.name == "matrices"
    assert found.data.height == 66
    assert len(found.pieces) == 1
    assert headline(study).title in found.words.caption
    monkeypatch.setattr(reading, "MIN_CONCEPTS", 13)
    headline_geometry.cache_clear()
    assert matrices_illustration(study) == []
    headline_geometry.cache_clear()


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_names_are_text_and_never_markup(kind):
    one = replace(geometry(12, names=HOSTILE), attack="$<b>" * 80)
    once = render(matrices(one), kind, selectable=True)
    assert render(matrices(one), kind, selectable=True) == once
    if kind == "svg":
        svg = once.decode()
        assert "#$x_$" in svg
        assert "&lt;scri" in svg
        assert "<script" not in svg
        assert "L" * 17 not in svg
        assert "\u202e" not in svg


def test_hostile_names_are_shortened_in_captions(study):
    one = replace(geometry(12, names=HOSTILE), layer="head", space="x" * 400)
    words = matrix_words(headline(study), one)
    assert "L" * 40 not in words.caption
    assert "x" * 40 not in words.caption
    assert "\u202e" not in words.caption


def test_a_thousand_concepts_are_few_shapes_and_soon_drawn():
    one = geometry(1000)
    start = time.process_time()
    figure = matrices(one)
    svg = render(figure, "svg")
    assert time.process_time() - start < 2
    assert svg.count(b"<image") <= 6
    assert svg.count(b"<path") < 1000
    assert len(svg) < 2e6
    assert figure.get_figheight() < 60 * MM


def test_many_cells_are_shown_as_means_of_blocks():
    values = stream(0, "pooled").normal(size=(403, 403))
    np.fill_diagonal(values, np.nan)
    shown = pooled(values)
    assert shown.shape == (135, 135)
    for row, column in ((0, 0), (7, 7), (3, 90), (134, 134), (134, 0)):
        block = values[3 * row : 3 * row + 3, 3 * column : 3 * column + 3]
        wanted = np.nanmean(block) if np.isfinite(block).any() else np.nan
        np.testing.assert_allclose(shown[row, column], wanted)
    assert pooled(values[:200, :200]).shape == (200, 200)
