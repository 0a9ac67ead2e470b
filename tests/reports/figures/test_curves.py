from __future__ import annotations

from dataclasses import replace

import matplotlib as mpl
import numpy as np
import polars as pl
import pytest

from advwindow.reports.figures import curves as figures
from advwindow.reports.figures.captions import alignment_words, drift_words
from advwindow.reports.figures.illustrations import illustrate
from advwindow.reports.figures.strip import verdict_strip
from advwindow.reports.reading.findings import headline, tally
from advwindow.reports.reading.studies import layers_under
from advwindow.reports.style import ATTACK, CLEAN, MARKS, NOISE, drawable, render
from tests.reports.awkward import awkward, changed, only, risen
from tests.reports.runs import Shape, layer_table

ALL = [
    figures.alignment, figures.two_vs_two, figures.drift, figures.beyond_noise, figures.one_vs_two, verdict_strip,
]  # fmt: skip
COLORS = {"clean": CLEAN, "noise": NOISE, "attack": ATTACK}


def line(axes, label):
    found = [each for each in axes.get_lines() if each.get_label() == label]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(("draw", "column"), [(figures.alignment, "alignment"), (figures.two_vs_two, "two_vs_two")])
def test_curves_show_the_data_one_panel_per_attack(study, draw, column):
    figure = draw(study.layers)
    assert [axes.get_title(loc="left") for axes in figure.axes] == list(study.layers)
    for axes, table in zip(figure.axes, study.layers.values(), strict=True):
        for condition, color in COLORS.items():
            drawn, rows = line(axes, condition), layers_under(table, condition)
            np.testing.assert_array_equal(drawn.get_xdata(), rows["depth"])
            np.testing.assert_array_equal(drawn.get_ydata(), rows[column])
            assert drawn.get_color() == color


def test_panels_share_their_axes(study):
    limits = {(axes.get_xlim(), axes.get_ylim()) for axes in figures.alignment(study.layers).axes}
    assert len(limits) == 1


def test_alignment_marks_significant_drift_alone(study):
    for axes, table in zip(figures.alignment(study.layers).axes, study.layers.values(), strict=True):
        rows = layers_under(table, "attack")
        wanted = rows.filter((pl.col("drift_p_adjusted") <= 0.05) & (pl.col("drift") > 0))["depth"]
        np.testing.assert_array_equal(line(axes, "drift significant").get_xdata(), wanted)


@pytest.mark.parametrize(
    ("draw", "column", "filled"),
    [
        (figures.drift, "drift", pl.col("drift_p_adjusted") <= 0.05),
        (figures.beyond_noise, "drift_beyond_noise", pl.col("drift_beyond_noise_low") > 0),
        (figures.one_vs_two, "one_vs_two", pl.col("one_vs_two_p_adjusted") <= 0.05),
    ],
)
def test_points_are_filled_where_significant(study, draw, column, filled):
    for axes, table in zip(draw(study.layers).axes, study.layers.values(), strict=True):
        rows = layers_under(table, "attack")
        np.testing.assert_array_equal(line(axes, "attack").get_ydata(), rows[column])
        np.testing.assert_array_equal(line(axes, "attack filled").get_ydata(), rows.filter(filled)[column])
        np.testing.assert_array_equal(line(axes, "attack hollow").get_ydata(), rows.filter(~filled)[column])


def test_drift_shows_the_control_and_the_intervals(study):
    for axes, table in zip(figures.drift(study.layers).axes, study.layers.values(), strict=True):
        np.testing.assert_array_equal(line(axes, "noise").get_ydata(), layers_under(table, "noise")["drift"])
        rows = layers_under(table, "attack")
        bars = [segment[:, 1] for segment in axes.collections[-1].get_segments()]
        np.testing.assert_allclose(bars, rows.select("drift_ci_low", "drift_ci_high").to_numpy())


def test_the_noise_ceiling_is_drawn_without_squeezing_the_curves(study):
    attack = study.attacks[0]
    figure = figures.alignment({"x": attack.layers})
    rows = layers_under(attack.layers, "clean")
    np.testing.assert_array_equal(line(figure.axes[0], "ceiling").get_ydata(), rows["ceiling"])
    keys = [text.get_text() for text in figure.legends[0].get_texts()]
    assert keys[-1] == "noise ceiling"
    for beyond in (0.99, None):
        far = attack.layers.with_columns(ceiling=pl.lit(beyond, pl.Float64))
        drawn = figures.alignment({"x": far})
        assert drawn.axes[0].get_ylim() == figure.axes[0].get_ylim()
        assert "noise ceiling" not in [text.get_text() for text in drawn.legends[0].get_texts()]


def test_every_cell_of_the_strip_has_its_letter(study):
    axes = verdict_strip(study.layers).axes[0]
    letters = {}
    for label in sorted(axes.texts, key=lambda each: each.get_position()[1]):
        x, y = label.get_position()
        letters[int(x), int(y)] = letters.get((int(x), int(y)), "") + label.get_text()
    for row, table in enumerate(study.layers.values()):
        for column, (verdict, hijacked) in enumerate(
            layers_under(table, "attack").select("verdict", "hijacked").rows()
        ):
            assert letters[column, row] == MARKS[verdict].letter + ("H" if hijacked else "")
    assert "H" in "".join(letters.values())


def test_verdicts_differ_in_letter_and_in_lightness():
    assert len({mark.letter for mark in MARKS.values()}) == len(MARKS)
    grey = sorted(np.dot(mpl.colors.to_rgb(mark.fill), (0.2126, 0.7152, 0.0722)) for mark in MARKS.values())
    assert np.diff(grey).min() > 0.04


@pytest.mark.parametrize("draw", ALL)
def test_drawing_leaves_no_trace_and_heeds_nobody(study, draw):
    plain = render(draw(study.layers), "svg")
    with mpl.rc_context({"font.size": 30, "svg.fonttype": "none", "lines.linewidth": 9, "text.parse_math": True}):
        before = dict(mpl.rcParams)
        assert render(draw(study.layers), "svg") == plain
        assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("draw", ALL)
def test_names_are_never_markup_and_gaps_are_no_crash(draw):
    shape = Shape(layers=("$x_", "#a", "<b>&", "😀水", "مرحبا", "\x07", "L" * 200, "_m_"))
    table = layer_table(shape, loss=0.5)
    empty = [
        pl.lit(None, dtype=table[name].dtype).alias(name) for name in table.columns if table[name].dtype == pl.Float64
    ]
    broken = table.with_columns(empty).with_columns(pl.lit("unanchored").alias("verdict"))
    svg = render(draw({"$ # < \x07": table, "empty": broken}), "svg", selectable=True).decode()
    assert "$x_" in svg
    assert "&lt;b&gt;&amp;" in svg
    assert "\x07" not in svg


def test_characters_the_font_lacks_become_a_box():
    assert drawable("a水é∞₂\x07") == "a□é∞₂�"


def test_long_runs_are_cut_into_pieces(study):
    shape = Shape(layers=tuple(f"layer.{place}" for place in range(62)))
    first = study.attacks[0]
    attacks = tuple(
        replace(first, title=f"attack {place}", layers=layer_table(shape, loss=place / 20)) for place in range(13)
    )
    attacks = tuple(replace(attack, references=attack.references.clear()) for attack in attacks)
    big = replace(study, attacks=attacks)
    drawn = {illustration.name: illustration.pieces for illustration in illustrate(big)}
    assert [len(piece.axes) for piece in drawn["alignment"]] == [12, 1]
    assert len(drawn["verdicts"]) == 2 * 2
    columns = [len(piece.axes[0].get_xticks()) for piece in drawn["verdicts"]]
    assert columns == [31, 31] * 2
    tallest = max(piece.get_size_inches()[1] for pieces in drawn.values() for piece in pieces)
    assert tallest * 25.4 < 240


def test_the_key_of_hollow_marks_is_true_of_intervals_below_zero(study):
    ends = {"drift_beyond_noise": -0.3, "drift_beyond_noise_low": -0.4, "drift_beyond_noise_high": -0.2}
    figure = figures.beyond_noise(only(study, changed(study.attacks[0], "attack", **ends)).layers)
    assert line(figure.axes[0], "attack hollow").get_xdata().size == len(study.names)
    assert "hollow: interval not above zero" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_figure_of_pairs_is_left_out_where_no_layer_has_an_accuracy(study):
    flat = replace(study.attacks[0], layers=study.attacks[0].layers.with_columns(two_vs_two=pl.lit(None, pl.Float64)))
    assert "two-vs-two" not in {each.name for each in illustrate(replace(study, attacks=(flat,)))}
    assert "two-vs-two" in {each.name for each in illustrate(replace(study, attacks=(flat, study.attacks[1])))}


def test_the_figure_of_images_is_left_out_where_none_was_tested(study):
    first = study.attacks[0]
    untested = replace(first, layers=layer_table(Shape(trials=False), loss=0.5))
    names = [illustration.name for illustration in illustrate(replace(study, attacks=(untested,)))]
    assert "alignment" in names
    assert "one-vs-two" not in names


def test_drift_is_told_of_layers_aligned_with_words_alone(study):
    words = drift_words(awkward(study))
    told = "among the 3 layers aligned with words; alignment falls significantly in 1 of them and rises"
    assert words.caption.startswith("Under C&W L₂ smallest the drift is largest at vague: 0.60 [")
    assert told in words.caption
    assert "largest at vague, 0.60" in words.alt
    assert told in words.alt


def test_drift_that_rises_everywhere_is_told(study):
    assert "falls significantly in 0 of them and rises significantly in 4." in drift_words(risen(study)).caption


def test_drift_without_an_aligned_layer_says_so(study):
    words = drift_words(only(study, changed(awkward(study).attacks[0], "attack", verdict="unanchored")))
    assert "largest at loose: 0.90" in words.caption
    assert "; no layer is aligned with words on clean images." in words.caption
    assert "significantly" not in words.caption + words.alt


def test_drift_counts_what_the_verdicts_count(study):
    fell = tally(headline(study)).fallen
    assert f"alignment falls significantly in {fell} of them." in drift_words(study).caption


def test_captions_without_a_control_are_silent_about_noise(study):
    attack = headline(study)
    bare = only(study, replace(attack, layers=attack.layers.filter(pl.col("condition") != "noise")))
    for tell in (alignment_words, drift_words):
        assert "oise of the same size" in tell(only(study, attack)).caption
        assert "oise of the same size" not in tell(bare).caption
        assert "–" not in tell(bare).caption
    unknown = only(study, changed(attack, "noise", drift=None))
    assert "oise of the same size" not in drift_words(unknown).caption
