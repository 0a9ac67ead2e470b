from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure

from advwindow.reports.figures.captions import reference_words
from advwindow.reports.figures.illustrations import illustrate
from advwindow.reports.figures.references import draw_references, reference_curves, shown_references
from advwindow.reports.reading.findings import headline
from advwindow.reports.reading.studies import read_studies
from advwindow.reports.style import render
from tests.reports.figures.test_curves import line
from tests.reports.runs import ATTACKS, Shape, make_run


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """A study with two word spaces."""
    shape = Shape(words=("glove-6b-50d", "#fast$text"), attacks=ATTACKS[3:4])
    return read_studies(make_run(tmp_path_factory.mktemp("references") / "run", shape))[0]


def curves(study):
    attack = headline(study)
    return reference_curves(attack.references, study.names, title=attack.title, measure="pearson")


def test_every_reference_is_a_curve_clean_and_attacked(several):
    attack = headline(several)
    figure = curves(several)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["clean images", attack.title]
    for axes, condition in zip(figure.axes, ("clean", "attack"), strict=True):
        rows = attack.references.filter(pl.col("condition") == condition)
        for name in ("glove-6b-50d", "#fast$text", "mean of word spaces", "pixels"):
            drawn = line(axes, name)
            np.testing.assert_array_equal(drawn.get_ydata(), rows.filter(pl.col("reference") == name)["alignment"])
            np.testing.assert_array_equal(drawn.get_xdata(), np.arange(17))
        taken = rows.filter(pl.col("reference") == "glove-6b-50d")["beyond_pixels"]
        np.testing.assert_array_equal(line(axes, "beyond pixels").get_ydata(), taken)


def test_marks_are_filled_where_above_chance_whatever_the_order_of_rows(several):
    attack = headline(several)
    shuffled = attack.references.sample(fraction=1, shuffle=True, seed=1)
    names = several.names
    axes = reference_curves(
        shuffled.sort("reference"), names, title="x", measure="spearman"
    ).axes[0]  # fmt: skip
    rows = attack.references.filter((pl.col("condition") == "clean") & (pl.col("reference") == "pixels"))
    above = rows["alignment_p_adjusted"].to_numpy() <= 0.05
    assert 0 < above.sum() < len(above)
    np.testing.assert_array_equal(line(axes, "pixels filled").get_xdata(), np.flatnonzero(above))
    np.testing.assert_array_equal(line(axes, "pixels hollow").get_xdata(), np.flatnonzero(~above))


def test_the_caption_tells_the_best_layers_and_the_agreement(several, study):
    caption = reference_words(several).caption
    best = headline(several).rows("clean")["alignment"][-1]
    assert f"On clean images it is closest to glove-6b-50d at head ({best:.2f}), #fast$text at head (" in caption
    assert "the mean of word spaces at head (" in caption
    assert "the pixels at blocks." in caption
    assert f"glove-6b-50d keeps {0.9 * best:.2f} of {best:.2f} at head." in caption
    assert "Agreement of the references with each other (95 % interval): glove-6b-50d and #fast$text 0.60" in caption
    assert "glove-6b-50d and the pixels 0.04 [−0.06, 0.14]" in reference_words(study).caption


def test_of_many_pairs_the_best_and_the_least_are_told(several):
    attack = headline(several)
    pairs = pl.concat([attack.agreement, attack.agreement.with_columns(correlation=pl.lit(0.3))])
    caption = reference_words(replace(several, attacks=(replace(attack, agreement=pairs),))).caption
    assert "best and least of 6 pairs): glove-6b-50d and #fast$text 0.60 [0.50, 0.70] and " in caption
    assert "0.30" not in caption


def test_no_figure_where_there_is_one_reference(study):
    attack = headline(study)
    alone = replace(attack, references=attack.references.filter(pl.col("reference") != "pixels"))
    named = {each.name for each in illustrate(replace(study, attacks=(alone,)))}
    assert "references" not in named
    assert "references" in {each.name for each in illustrate(study)}


def test_four_word_spaces_at_most_are_drawn_and_names_are_never_markup(tmp_path):
    words = ("$x_", "<b>&", "L" * 200, "مرحبا", "five", "six")
    (study,) = read_studies(make_run(tmp_path / "run", Shape(words=words, attacks=ATTACKS[3:4], layers=("a", "b"))))
    assert list(shown_references(headline(study).references)) == [*words[:4], "mean of word spaces", "pixels"]
    svg = render(curves(study), "svg", selectable=True).decode()
    assert "$x_" in svg
    assert "&lt;b&gt;&amp;" in svg
    assert "L" * 40 not in svg
    assert "best and least of 21 pairs" in reference_words(study).caption


def test_a_narrow_panel_has_all_its_keys(several):
    axes = Figure().add_subplot()
    keys = draw_references(axes, headline(several).references, several.names, condition="clean", room=20)
    assert list(keys) == ["g…0d", "#…xt", "t…an", "p…ls", "b…ls"]


def test_word_spaces_whose_names_differ_in_the_middle_have_a_key_each(tmp_path):
    words = tuple(f"{'L' * 40}{place}{'L' * 40}" for place in range(2))
    (study,) = read_studies(make_run(tmp_path / "run", Shape(words=words, attacks=ATTACKS[3:4], layers=("a", "b"))))
    keys = draw_references(Figure().add_subplot(), headline(study).references, study.names, condition="clean")
    assert len(keys) == 5
