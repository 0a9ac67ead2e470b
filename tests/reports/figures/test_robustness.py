from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from advwindow.reports.figures.budgets import attack_looks
from advwindow.reports.figures.robustness import MOST_ATTACKS, draw_robustness, robustness, robustness_illustration
from advwindow.reports.figures.robustness_caption import robustness_words
from advwindow.reports.reading.robustness import WORST, robustness_points
from advwindow.reports.style import render
from tests.reports import attacked as fabricated


@pytest.fixture
def mixed(study):
    return fabricated.mixed(study)


def drawn(study):
    return robustness(robustness_points(study), looks=attack_looks(study))


def line(axes, label):
    found = [each for each in axes.get_lines() if each.get_label() == label]
    assert len(found) == 1
    return found[0]


def test_ten_thousand_images_are_drawn_at_once_in_few_bytes(study):
    large = fabricated.large(study, 10_000)
    start = time.process_time()
    svg = render(drawn(large), "svg")
    assert time.process_time() - start < 3
    assert len(svg) < 250_000


def test_a_single_attack_has_no_worst_and_several_minimal_ones_a_stepped_one(study):
    alone = robustness_points(fabricated.attacked(study, ("pgd", "linf", "1/255"), ("pgd", "linf", "4/255")))
    assert alone["kind"].unique().to_list() == ["budget"]
    steps = robustness_points(fabricated.attacked(study, ("cw", "l2", "min"), ("ddn", "l2", "min"))).filter(
        kind="worst"
    )
    assert steps["eps"].unique().to_list() == [""]
    axes = drawn(fabricated.attacked(study, ("cw", "l2", "min"), ("ddn", "l2", "min"))).axes[0]
    assert line(axes, WORST).get_drawstyle() == "steps-post"
    assert axes.get_xlabel() == "distance"


def test_the_figure_draws_the_points(mixed):
    points = robustness_points(mixed)
    figure = drawn(mixed)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["L∞", "L₂"]
    for axes, (norm,) in zip(figure.axes, points.select("norm").unique(maintain_order=True).iter_rows(), strict=True):
        for (title, kind), table in points.filter(norm=norm).group_by("attack", "kind", maintain_order=True):
            curve = line(axes, title)
            n = len(table)
            np.testing.assert_array_equal(curve.get_xdata()[:n], table["budget"])
            np.testing.assert_array_equal(curve.get_ydata()[:n], table["robust"])
            assert (curve.get_drawstyle() == "steps-post") == (kind == "distance")
    bars = [segment[:, 1] for each in figure.axes[0].collections for segment in getattr(each, "get_segments", list)()]
    wanted = points.filter((pl.col("norm") == "linf") & (pl.col("kind") == "budget") & (pl.col("budget") > 0))
    for ends in wanted.select("low", "high").iter_rows():
        assert any(np.allclose(ends, bar) for bar in bars)


def test_budgets_are_named_as_they_were_written(mixed):
    axes = drawn(mixed).axes[0]
    assert axes.get_xticks().tolist() == [0, 1 / 255, 2 / 255, 8 / 255]
    texts = [label.get_text() for label in axes.get_xticklabels()]
    assert texts[0] == "0"
    assert texts[-1] == "8/255"
    assert set(texts) <= {"0", "1/255", "2/255", "8/255", ""}


@pytest.mark.parametrize("count", [1, 4, 12])
@pytest.mark.parametrize("budgets", [2, 8])
def test_attacks_are_told_apart_by_more_than_colour(study, count, budgets):
    told = [(f"attack-{n}", "linf", f"{b + 1}/255") for n in range(count) for b in range(budgets)]
    made = fabricated.attacked(study, *told)
    looks = attack_looks(made).values()
    assert len({(look["color"], str(look["linestyle"])) for look in looks}) == count
    assert len({look["marker"] for look in looks}) == count
    figure = drawn(made)
    keys = [text.get_text() for text in figure.legends[0].get_texts()]
    assert keys[:count] == [f"attack-{n}" for n in range(count)]
    assert (WORST in keys) == (count > 1)
    box = figure.legends[0].get_window_extent(
        figure.canvas.get_renderer() if hasattr(figure.canvas, "get_renderer") else None
    )
    assert box.x1 <= figure.bbox.x1
    assert box.y0 >= figure.axes[0].get_window_extent().y1


def test_more_attacks_than_one_figure_tells_apart_are_cut(study):
    told = [(f"attack-{n}", "linf", f"{b}/255") for n in range(MOST_ATTACKS + 1) for b in (1, 2)]
    (found,) = robustness_illustration(fabricated.attacked(study, *told, images=12))
    assert found.name == "robustness"
    curves = [[each for each in piece.axes[0].lines if str(each.get_label())[:6] == "attack"] for piece in found.pieces]
    assert [len(each) for each in curves] == [12, 1]
    assert all(line(piece.axes[0], WORST) for piece in found.pieces)
    assert found.data["attack"].n_unique() == MOST_ATTACKS + 2


def test_nothing_is_drawn_of_single_budgets(study):
    assert robustness_illustration(fabricated.attacked(study, ("pgd", "linf", "8/255"), ("pgd", "l2", "2"))) == []
    assert robustness_illustration(fabricated.attacked(study, ("cw", "l2", "min")))


def test_the_caption_states_what_the_tables_say(study):
    made = fabricated.attacked(study, ("pgd", "linf", "1/255"), ("pgd", "linf", "2/255"), ("pgd", "linf", "8/255"))
    points = robustness_points(made)
    words = robustness_words(points)
    last = points.row(-1, named=True)
    assert f"PGD leaves {round(100 * last['robust'])} % [{round(100 * last['low'])}, " in words.caption
    shares = dict(points.select("eps", "robust").iter_rows())
    place = next(n for n, share in enumerate(shares.values()) if share <= shares["0"] / 2)
    before, here = list(shares)[place - 1 : place + 1]
    assert f"half of the accuracy is gone between {before} and {here}" in words.caption
    assert "L∞, PGD: from 92 % to" in words.alt


def test_a_network_that_is_never_right_or_never_fooled_is_told_so(study):
    made = fabricated.attacked(study, ("pgd", "linf", "1/255"), ("pgd", "linf", "2/255"))
    wrong = replace(made, attacks=tuple(
        replace(a, samples=a.samples.with_columns(status=pl.lit("skipped_misclassified"))) for a in made.attacks
    ))  # fmt: skip
    assert "no accuracy to lose" in robustness_words(robustness_points(wrong)).caption
    right = replace(made, attacks=tuple(
        replace(a, samples=a.samples.with_columns(success=pl.lit(value=False))) for a in made.attacks
    ))  # fmt: skip
    assert "more than half" in robustness_words(robustness_points(right)).caption
    for each in (wrong, right):
        render(drawn(each), "svg")


def test_untrusted_names_are_never_markup(study):
    names = ("$x_", "#a <b>&", "😀水", "مرحبا\x07", "L" * 200, "L" * 200 + "b")
    made = fabricated.attacked(
        study, *((name, "linf", f"{b}/255", {"k": "$\n#"}, "") for name in names for b in (1, 2))
    )
    (found,) = robustness_illustration(made)
    pieces, words = found.pieces, found.words
    svg = render(pieces[0], "svg", selectable=True).decode()
    assert "$x_" in svg
    assert "&lt;b&gt;&amp;" in svg
    assert "\x07" not in svg + words.caption + words.alt
    keys = [text.get_text() for text in pieces[0].legends[0].get_texts()]
    assert len(set(keys)) == len(keys) == len(names) + 3


def test_axes_of_others_are_drawn_into(mixed):
    from matplotlib.figure import Figure

    axes = Figure(figsize=(3, 2)).add_subplot()
    keys = draw_robustness(axes, robustness_points(mixed).filter(norm="l2"), looks=attack_looks(mixed))
    assert list(keys) == ["C&W", "clean images", "bars and bands: 95 %"]
