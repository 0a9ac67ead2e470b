from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from advwindow.reports.figures.budgets import attack_looks
from advwindow.reports.figures.retention import MOST_ATTACKS, draw_retention, retention, retention_illustration
from advwindow.reports.figures.retention_caption import retention_words
from advwindow.reports.reading.retention import retention_points
from advwindow.reports.reading.studies import read_studies
from advwindow.reports.style import render
from tests.reports.runs import Shape, make_run


@pytest.fixture(scope="module")
def points(study):
    return retention_points(study)


def line(axes, label):
    found = [each for each in axes.get_lines() if each.get_label() == label]
    assert len(found) == 1
    return found[0]


def changed(study, change):
    return replace(
        study, attacks=tuple(replace(each, layers=each.layers.with_columns(change)) for each in study.attacks)
    )


def test_the_figure_draws_points_intervals_and_half_lives(study, points):
    figure = retention(points, names=study.names, looks=attack_looks(study))
    tables = points.partition_by("layer", maintain_order=True)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [table["layer"][0] for table in tables]
    marked = 0
    for axes, table in zip(figure.axes, tables, strict=True):
        drawn = line(axes, "PGD")
        np.testing.assert_array_equal(drawn.get_xdata(), table["budget"])
        np.testing.assert_array_equal(drawn.get_ydata(), table["retention"])
        bars = [segment[:, 1] for segment in axes.collections[0].get_segments() if len(segment)]
        np.testing.assert_array_equal(bars, table.select("retention_low", "retention_high").to_numpy()[1:])
        row = table.row(0, named=True)
        ends = line(axes, "half-life interval").get_xdata()
        assert ends[0] == row["half_life_low"]
        assert ends[1] == min(row["half_life_high"], axes.get_xlim()[1])
        marks = [each for each in axes.get_lines() if each.get_label() in {"half-life", "half-life at half"}]
        assert [each.get_xdata()[0] for each in marks] == [row["half_life"]] * len(marks)
        assert len(marks) == (0 if row["half_life"] is None else 2)
        marked += bool(marks)
        assert line(axes, "half").get_ydata()[0] == 0.5
    assert marked > 0


def test_panels_share_their_axes(study, points):
    figure = retention(points, names=study.names, looks=attack_looks(study))
    assert len({(axes.get_xlim(), axes.get_ylim()) for axes in figure.axes}) == 1


@pytest.mark.parametrize(
    "columns", [("retention_low", "retention_high"), ("retention", "retention_low", "retention_high")]
)
def test_missing_values_leave_gaps(study, columns):
    holes = changed(study, [
        pl.when(pl.col("depth") % 2 == 0).then(pl.lit(None, pl.Float64)).otherwise(pl.col(name)).alias(name)
        for name in columns
    ])  # fmt: skip
    found = retention_points(holes)
    assert found.filter(pl.col("eps") != "0")["retention_low"].null_count() > 0
    axes = retention(found, names=study.names, looks=attack_looks(study)).axes
    for panel, table in zip(axes, found.partition_by("layer", maintain_order=True), strict=True):
        gaps = np.isnan(line(panel, "PGD").get_ydata().astype(float))
        np.testing.assert_array_equal(gaps, table["retention"].is_null())
    retention_words(found)


def test_an_interval_without_bounds_crosses_the_panel(study):
    wide = changed(study, [pl.lit(None, pl.Float64).alias(name) for name in ("retention_low", "retention_high")])
    for axes in retention(retention_points(wide), names=study.names, looks=attack_looks(study)).axes:
        low, high = axes.get_ylim()
        bars = [segment[:, 1] for segment in axes.collections[0].get_segments() if len(segment)]
        assert len(bars) == 3
        assert all(ends[0] < low < high < ends[1] for ends in bars)


def test_a_layer_without_half_life_has_no_mark(study, points):
    none = points.with_columns(
        pl.lit(None, pl.Float64).alias(name)
        for name in points.columns
        if name.startswith("half_life") and name != "half_life_text"
    )
    for axes in retention(none, names=study.names, looks=attack_looks(study)).axes:
        assert not [each for each in axes.get_lines() if str(each.get_label()).startswith("half-life")]
    assert "no half-life lies within the budgets" in retention_words(none).caption


def test_intervals_that_leave_the_panel_do_not_squeeze_the_curves(study):
    wild = changed(study, [pl.lit(-50.0).alias("retention_low"), pl.lit(80.0).alias("retention_high")])
    low, high = retention(retention_points(wild), names=study.names, looks=attack_looks(study)).axes[0].get_ylim()
    assert low > -1
    assert high < 1.5


def test_nothing_is_drawn_without_two_budgets_or_an_aligned_layer(study):
    single = replace(study, attacks=tuple(a for a in study.attacks if a.spec.eps not in {"1/255", "4/255"}))
    assert retention_illustration(single) == []
    assert retention_illustration(changed(study, pl.lit("unanchored").alias("verdict"))) == []


@pytest.mark.parametrize(("count", "budgets", "pieces"), [(1, 2, 1), (5, 2, 2)])
def test_each_norm_and_a_few_attacks_have_a_figure(tmp_path, count, budgets, pieces):
    told = [
        (f"attack-{n}", norm, f"{b + 1}/255", {}, 0.2 * (b + 1))
        for norm, many in (("linf", count), ("l2", 1)) for n in range(many) for b in range(budgets)
    ]  # fmt: skip
    shape = Shape(attacks=told, layers=("in", "mid", "out"))
    found = read_studies(make_run(tmp_path / "run", shape))[0]
    (told,) = retention_illustration(found)
    figures, words, data = told.pieces, told.words, told.data
    assert told.name == "retention"
    assert len(figures) == pieces + 1
    assert data.height == (count + 1) * (budgets + 1) * data["layer"].n_unique()
    assert (
        max(len([t for t in each.legends[0].get_texts() if "attack" in t.get_text()]) for each in figures)
        <= MOST_ATTACKS
    )
    assert ("further attack" in words.caption) == (count + 1 > 3)


def test_the_caption_states_the_half_lives(points):
    words = retention_words(points)
    rows = points.filter(pl.col("half_life").is_not_null()).sort("half_life").rows(named=True)
    for row in (rows[0], rows[-1]):
        assert f"{row['half_life_text']} at {row['layer']}" in words.caption
    last = points.row(-1, named=True)
    assert f"{round(100 * last['retention'])} % at {last['layer']}" in words.alt
    assert "at budget 8/255" in words.alt


def lived(points, *texts):
    """The points with these half-lives: a number, or a text where there is none."""
    layers = dict(zip(points["layer"].unique(maintain_order=True), texts, strict=False))
    kept = points.filter(pl.col("layer").is_in(list(layers)))
    numbers = {layer: None if isinstance(text, str) else text for layer, text in layers.items()}
    return kept.with_columns(
        pl.col("layer").replace_strict(numbers, return_dtype=pl.Float64).alias("half_life"),
        pl.col("layer").replace_strict({k: str(v) for k, v in layers.items()}).alias("half_life_text"),
    )


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ((0.5, "not compared"), "half-life 0.5 at blocks.6; not known in 1 of 2 layers."),
        ((0.5, "> 8/255"), "half-life 0.5 at blocks.6; in 1 of 2 layers it lies outside the budgets."),
        (
            (0.5, "none", "< 1/255"),
            "half-life 0.5 at blocks.6; in 1 of 3 layers it lies outside the budgets; not known in 1 of 3 layers.",
        ),
        (("none", "> 8/255"), "no half-life lies within the budgets (blocks.8: > 8/255); not known in 1 of 2 layers."),
        (("none", "not compared"), "PGD L∞: half-life not known in 2 of 2 layers."),
    ],
)
def test_a_half_life_that_is_not_known_does_not_lie_outside_the_budgets(points, texts, told):
    assert retention_words(lived(points, *texts)).caption.endswith(told)


def test_untrusted_names_are_never_markup(tmp_path):
    layers = ("$x_", "#a", "<b>&", "😀水", "\x07" + "L" * 200)
    shape = Shape(layers=layers, attacks=[("$p_\x07#", "linf", f"{b}/255", {}, 0.4) for b in (1, 2)])
    found = read_studies(make_run(tmp_path / "run", shape))[0]
    found = changed(found, pl.lit("intact").alias("verdict"))
    (told,) = retention_illustration(found)
    words = told.words
    svg = render(told.pieces[0], "svg", selectable=True).decode()
    assert "$x_" in svg
    assert "&lt;b&gt;&amp;" in svg
    assert "\x07" not in svg + words.caption + words.alt
    assert "L" * 60 not in svg + words.caption + words.alt


def test_axes_of_others_are_drawn_into(study, points):
    from matplotlib.figure import Figure

    axes = Figure(figsize=(3, 2)).add_subplot()
    keys = draw_retention(axes, points.filter(layer=points["layer"][0]), looks=attack_looks(study))
    assert list(keys) == ["PGD", "half of it", "half-life, 95 %"]
