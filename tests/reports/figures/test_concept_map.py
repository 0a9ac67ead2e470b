from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from advwindow.reports.figures.concept_map import (
    concept_map,
    draw_concept_map,
    map_data,
    map_illustration,
    map_words,
    told_concepts,
)
from advwindow.reports.reading import geometry as reading
from advwindow.reports.reading.findings import headline
from advwindow.reports.reading.geometry import headline_geometry
from advwindow.reports.reading.scaling import map_concepts
from advwindow.reports.style import WIDTHS, render
from tests.reports.figures.test_curves import line
from tests.reports.geometries import HOSTILE, geometry


def arrows(axes):
    return [each for each in axes.texts if isinstance(each, Annotation) and each.arrow_patch is not None]


def names(axes):
    return [each for each in axes.texts if each not in arrows(axes)]


def still(concepts):
    one = geometry(concepts)
    return replace(one, joint=np.tile(one.clean, (2, 2)))


def test_dots_arrows_and_squares_are_where_the_map_says():
    one = geometry(12)
    found, (axes,) = map_concepts(one), concept_map(one).axes
    shown = told_concepts(one)
    assert sorted(shown) == list(range(12))
    np.testing.assert_array_equal(line(axes, "clean").get_xydata(), found.clean[shown])
    np.testing.assert_array_equal(line(axes, "words").get_xydata(), found.words[shown])
    drawn = arrows(axes)
    np.testing.assert_array_equal([each.xyann for each in drawn], found.clean[shown])
    np.testing.assert_array_equal([each.xy for each in drawn], found.attacked[shown])
    ties = axes.collections[0].get_segments()
    np.testing.assert_array_equal(ties, np.stack([found.clean[shown], found.words[shown]], 1))
    assert axes.get_xlabel() == f"dimension 1 ({found.shares[0]:.0%} of the variance)".replace("%", " %")
    assert axes.get_aspect() == 1


def test_everything_lies_inside_the_axes():
    for width in ("page", "column"):
        one = geometry(25, seed=3)
        figure = concept_map(one, width=width)
        found, (axes,) = map_concepts(one), figure.axes
        figure.draw_without_rendering()
        inside = axes.transData.transform(np.concatenate([found.clean, found.attacked, found.words]))
        assert all(axes.bbox.contains(*point) for point in inside)
        assert figure.get_figwidth() == pytest.approx(WIDTHS[width])
        box = figure.get_tightbbox()
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= figure.get_figwidth()
        assert box.y1 <= figure.get_figheight()


def test_without_change_there_are_no_arrows():
    assert arrows(concept_map(still(10)).axes[0]) == []
    data = map_data(still(10))
    np.testing.assert_allclose(data["x_attack"], data["x_clean"], atol=1e-9)
    np.testing.assert_allclose(data["moved"], 0, atol=1e-7)


def test_of_many_concepts_those_that_moved_most_are_told():
    one = geometry(26)
    axes = concept_map(one).axes[0]
    most = np.argsort(-one.moved)[:15]
    np.testing.assert_array_equal(told_concepts(one), most)
    assert len(arrows(axes)) == 15
    assert {each.get_text() for each in names(axes)} <= {one.concepts[place] for place in most}
    others = line(axes, "other clean").get_xydata()
    assert len(others) == 11
    np.testing.assert_array_equal(others, map_concepts(one).clean[np.setdiff1d(np.arange(26), most)])
    assert len(told_concepts(geometry(25))) == 25


@pytest.mark.parametrize("width", ["page", "column"])
@pytest.mark.parametrize("concepts", [8, 17, 25, 300])
def test_names_do_not_touch_each_other(concepts, width):
    figure = concept_map(geometry(concepts, names=[f"a long name {place}" for place in range(concepts)]), width=width)
    figure.draw_without_rendering()
    boxes = [each.get_window_extent() for each in names(figure.axes[0])]
    assert len(boxes) >= min(concepts, 15) * 0.8
    for place, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[place + 1 :])


def test_drawn_into_given_axes():
    axes = Figure(figsize=(3, 3)).subplots()
    draw_concept_map(axes, geometry(8))
    assert len(arrows(axes)) == 8


def test_data_have_a_row_for_each_concept():
    one = geometry(9)
    found, data = map_concepts(one), map_data(one)
    assert data.columns == [
        "concept", "word", "x_clean", "y_clean", "x_attack", "y_attack", "x_word", "y_word", "moved", "nearest_clean",
    ]  # fmt: skip
    assert data["word"].to_list() == list(one.words)
    np.testing.assert_array_equal(data.select("x_attack", "y_attack").to_numpy(), found.attacked)
    np.testing.assert_array_equal(data.select("x_word", "y_word").to_numpy(), found.words)
    np.testing.assert_array_equal(data["moved"], one.moved)
    assert data["nearest_clean"].to_list() == [one.concepts[place] for place in one.nearest]


def test_the_caption_states_what_can_be_counted(study):
    attack, one = headline(study), headline_geometry(study)
    words = map_words(attack, one)
    share = round(100 * map_concepts(one).shares.sum())
    most = one.moved.argmax()
    assert f"Where 12 concepts lie at head on clean images (dots), where {attack.title} takes them" in words.caption
    assert f"The two dimensions hold {share} % of the variance" in words.caption
    assert "distances on the map are approximations" in words.caption
    assert (
        f"The concept that moves farthest is {one.concepts[most]}, by {one.moved[most]:.2f} of at most 2" in words.alt
    )
    noise = np.sqrt(2 - 2 * one.kept_by_noise)
    assert (
        f"the median is {np.median(one.moved):.2f} (under noise of the same size {np.median(noise):.2f})" in words.alt
    )
    strayed = np.count_nonzero(one.nearest != np.arange(12))
    assert strayed
    assert f"{strayed} of 12 attacked concepts lie nearer to another clean concept" in words.caption
    assert "that moved farthest" not in words.caption
    assert "have the 15 that moved farthest." in map_words(attack, replace(geometry(26), layer="head")).caption


def test_a_caption_of_concepts_that_stay(study):
    words = map_words(headline(study), replace(still(8), layer="head", kept_by_noise=None))
    assert "Every attacked concept is still nearest to itself when clean." in words.caption
    assert "noise" not in words.caption


def test_the_illustration_is_of_the_headline(study, monkeypatch):
    (found,) = map_illustration(study)
    assert (found.name, len(found.pieces), found.data.height) == ("concept-map", 1, 12)
    monkeypatch.setattr(reading, "MIN_CONCEPTS", 13)
    headline_geometry.cache_clear()
    assert map_illustration(study) == []
    headline_geometry.cache_clear()


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_names_are_text_and_never_markup(kind):
    one = replace(geometry(12, names=HOSTILE), attack="$<b>" * 80)
    once = render(concept_map(one), kind, selectable=True)
    assert render(concept_map(one), kind, selectable=True) == once
    if kind == "svg":
        svg = once.decode()
        assert "#$x_$" in svg
        assert "&lt;script&gt;" in svg
        assert "<script" not in svg
        assert "L" * 19 not in svg
        assert "\u202e" not in svg


def test_hostile_names_are_shortened_in_captions(study):
    one = replace(geometry(12, names=["\u202e" + "L" * 200] * 12), layer="head")
    words = map_words(headline(study), one)
    assert "L" * 40 not in words.caption
    assert "\u202e" not in words.caption


def test_a_thousand_concepts_are_few_shapes_and_soon_drawn():
    one = geometry(1000)
    start = time.process_time()
    svg = render(concept_map(one), "svg")
    assert time.process_time() - start < 2
    assert svg.count(b"<use") < 1000
    assert len(svg) < 4e5
