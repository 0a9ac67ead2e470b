from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy import stats

from advwindow.attacks import parse_eps
from advwindow.reports.figures.robustness import (
    MOST_ATTACKS,
    WORST,
    attack_looks,
    draw_robustness,
    families,
    robustness,
    robustness_illustration,
    robustness_points,
    robustness_words,
)
from advwindow.reports.style import render
from advwindow.streams import stream

IMAGES, SKIPPED = 40, 3


def samples(name, eps, *, target=None, images=IMAGES):
    """A table in which each image has its own distance, and the attack is right about those within the budget."""
    rng = stream(0, name, eps)
    minimal = eps == "min"
    needed = rng.gamma(2, 2 / 255, images)
    won = (needed <= (0.05 if minimal else parse_eps(eps))) & (np.arange(images) >= SKIPPED)
    prediction = np.where(won | (np.arange(images) < SKIPPED), 1, 0)
    if target is not None:
        won &= rng.random(images) < 0.5  # some are pushed elsewhere than to the target
    missed = np.where(np.arange(images) < SKIPPED, 0.0, math.inf if minimal else 0.01)
    order = rng.permutation(images)
    table = pl.DataFrame({
        "sample_id": [f"image-{place}" for place in range(images)],
        "label": [0] * images,
        "clean_prediction": [1] * SKIPPED + [0] * (images - SKIPPED),
        "prediction": prediction,
        "target": pl.Series([target] * images, dtype=pl.Int64),
        "status": [*["skipped_misclassified"] * SKIPPED, *("success" if each else "failed" for each in won[SKIPPED:])],
        "success": won,
        "distance": np.where(won, needed, missed),
    })  # fmt: skip
    return table[order.tolist()]


def attacked(study, *told, **options):
    """The study under other attacks: name, norm, eps and, if wanted, parameters and target."""
    first = study.attacks[0]
    attacks = []
    for name, norm, eps, *rest in told:
        parameters, target = rest[0] if rest else {}, rest[1] if len(rest) > 1 else ""
        spec = first.spec.model_copy(
            update={"attack": name, "norm": norm, "eps": eps, "parameters": parameters, "target": target}
        )
        table = samples(name, eps, target=1 if target else None, **options)
        attacks.append(replace(first, spec=spec, title=f"{name} {norm} {eps}", samples=table))
    return replace(study, attacks=tuple(attacks))


@pytest.fixture
def mixed(study):
    return attacked(
        study, ("pgd", "linf", "8/255"), ("fgsm", "linf", "2/255"), ("pgd", "linf", "1/255"), ("cw", "linf", "min"),
        ("fgsm", "linf", "8/255"), ("cw", "l2", "min"),
    )  # fmt: skip


def line(axes, label):
    found = [each for each in axes.get_lines() if each.get_label() == label]
    assert len(found) == 1
    return found[0]


def standing(table, budget=math.inf):
    """Brute force: images that are right and stay so within a budget."""
    left = 0
    for row in table.iter_rows(named=True):
        right = row["clean_prediction"] == row["label"]
        left += right and not (row["success"] and row["distance"] <= budget)
    return left


def test_attacks_that_differ_in_the_budget_alone_are_one_family(mixed):
    found = families(mixed)
    assert [(family.title, family.norm) for family in found] == [
        ("PGD", "linf"), ("FGSM", "linf"), ("C&W", "linf"), ("C&W", "l2"),
    ]  # fmt: skip
    assert [attack.spec.eps for attack in found[0].attacks] == ["1/255", "8/255"]
    assert [family.minimal for family in found] == [False, False, True, True]


def test_twins_are_told_apart_by_what_differs(study):
    told = [("pgd", "linf", "1/255", {"steps": n, "loss": "ce"}) for n in (5, 10)]
    twins = attacked(study, *told, ("pgd", "l2", "1", {"steps": 5, "loss": "ce"}), ("pgd", "linf", "min", {"steps": 5}))
    titles = [family.title for family in families(twins)]
    assert titles[0].startswith("PGD (steps 5")
    assert titles[1].startswith("PGD (steps 10")
    assert titles[2] == "PGD"
    assert "budget min" in titles[3]
    assert len(set(titles)) == 4


def test_points_are_brute_force_counts_with_wilson_intervals(mixed):
    points = robustness_points(mixed)
    tables = {(family.title, family.norm, a.spec.eps): a.samples for family in families(mixed) for a in family.attacks}
    checked = 0
    for row in points.filter(pl.col("kind") != "worst").iter_rows(named=True):
        if row["budget"] == 0:
            expected = IMAGES - SKIPPED
        elif row["kind"] == "budget":
            expected = standing(tables[row["attack"], row["norm"], row["eps"]])
        else:
            expected = standing(tables[row["attack"], row["norm"], "min"], row["budget"])
        assert row["standing"] == expected
        ends = stats.binomtest(expected, IMAGES).proportion_ci(0.95, method="wilson")
        assert (row["robust"], row["low"], row["high"]) == (expected / IMAGES, ends.low, ends.high)
        checked += 1
    assert checked > 40


def test_survival_curves_fall_at_every_distance(mixed):
    points = robustness_points(mixed).filter((pl.col("attack") == "C&W") & (pl.col("norm") == "linf"))
    table = next(a.samples for a in mixed.attacks if a.spec.eps == "min")
    assert points["budget"].to_list() == [0, *sorted(set(table.filter("success")["distance"]))]
    assert (np.diff(points["robust"]) < 0).all()


def test_the_worst_counts_each_image_once_whatever_the_order_of_the_tables(mixed):
    worst = robustness_points(mixed).filter((pl.col("norm") == "linf") & (pl.col("kind") == "worst"))
    assert [eps for eps in worst["eps"] if eps] == ["0", "1/255", "2/255", "8/255"]
    for row in worst.iter_rows(named=True):
        left = 0
        for sample in [f"image-{place}" for place in range(IMAGES)]:
            stands = True
            for attack in mixed.attacks:
                here = attack.samples.row(by_predicate=pl.col("sample_id") == sample, named=True)
                size = here["distance"] if attack.spec.eps == "min" else parse_eps(attack.spec.eps)
                broken = here["success"] and size <= row["budget"] and row["budget"] > 0
                stands &= here["clean_prediction"] == here["label"] and not (broken and attack.spec.norm == "linf")
            left += stands
        assert row["standing"] == left
    assert worst.filter(pl.col("eps") == "").height > 0


def test_the_worst_lies_on_no_curve_s_upper_side(mixed):
    points = robustness_points(mixed).filter(pl.col("norm") == "linf")
    worst = points.filter(pl.col("kind") == "worst")
    for row in points.filter((pl.col("kind") == "distance") & (pl.col("budget") <= 8 / 255)).iter_rows(named=True):
        assert np.interp(row["budget"], worst["budget"], worst["robust"]) <= row["robust"] + 1e-12


def test_a_single_attack_has_no_worst_and_several_minimal_ones_a_stepped_one(study):
    alone = robustness_points(attacked(study, ("pgd", "linf", "1/255"), ("pgd", "linf", "4/255")))
    assert alone["kind"].unique().to_list() == ["budget"]
    steps = robustness_points(attacked(study, ("cw", "l2", "min"), ("ddn", "l2", "min"))).filter(kind="worst")
    assert steps["eps"].unique().to_list() == [""]
    axes = robustness(robustness_points(attacked(study, ("cw", "l2", "min"), ("ddn", "l2", "min")))).axes[0]
    assert line(axes, WORST).get_drawstyle() == "steps-post"
    assert axes.get_xlabel() == "distance"


def test_missing_the_target_does_not_make_an_image_robust(study):
    made = attacked(study, ("pgd", "linf", "1/255", {}, "next"), ("pgd", "linf", "8/255", {}, "next"))
    points = robustness_points(made)
    for attack, row in zip(made.attacks, points.rows(named=True)[1:], strict=True):
        right = attack.samples.filter(
            (pl.col("prediction") == pl.col("label")) & (pl.col("status") != "skipped_misclassified")
        )
        assert row["standing"] == right.height
    assert points["attack"].to_list() == ["PGD to next"] * 3


def test_points_agree_with_the_summaries_of_a_run(study):
    rows = robustness_points(study).filter(pl.col("kind") == "budget")
    for family in families(study):
        for attack in family.attacks if not family.minimal else ():
            here = rows.filter(attack=family.title, norm=family.norm, eps=attack.spec.eps).row(0, named=True)
            summary = attack.summary
            assert (here["robust"], here["low"], here["high"]) == tuple(
                summary[f"robust_{name}"] for name in ("accuracy", "low", "high")
            )


def test_the_figure_draws_the_points(mixed):
    points = robustness_points(mixed)
    figure = robustness(points)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["L∞", "L₂"]
    for axes, (norm,) in zip(figure.axes, points.select("norm").unique(maintain_order=True).iter_rows(), strict=True):
        for (title, kind), table in points.filter(norm=norm).group_by("attack", "kind", maintain_order=True):
            drawn = line(axes, title)
            n = len(table)
            np.testing.assert_array_equal(drawn.get_xdata()[:n], table["budget"])
            np.testing.assert_array_equal(drawn.get_ydata()[:n], table["robust"])
            assert (drawn.get_drawstyle() == "steps-post") == (kind == "distance")
    bars = [segment[:, 1] for each in figure.axes[0].collections for segment in getattr(each, "get_segments", list)()]
    wanted = points.filter((pl.col("norm") == "linf") & (pl.col("kind") == "budget") & (pl.col("budget") > 0))
    for ends in wanted.select("low", "high").iter_rows():
        assert any(np.allclose(ends, bar) for bar in bars)


def test_budgets_are_named_as_they_were_written(mixed):
    axes = robustness(robustness_points(mixed)).axes[0]
    assert axes.get_xticks().tolist() == [0, 1 / 255, 2 / 255, 8 / 255]
    texts = [label.get_text() for label in axes.get_xticklabels()]
    assert texts[0] == "0"
    assert texts[-1] == "8/255"
    assert set(texts) <= {"0", "1/255", "2/255", "8/255", ""}


@pytest.mark.parametrize("count", [1, 4, 12])
@pytest.mark.parametrize("budgets", [2, 8])
def test_attacks_are_told_apart_by_more_than_colour(study, count, budgets):
    told = [(f"attack-{n}", "linf", f"{b + 1}/255") for n in range(count) for b in range(budgets)]
    points = robustness_points(attacked(study, *told))
    looks = attack_looks(points).values()
    assert len({(look["color"], str(look["linestyle"])) for look in looks}) == count
    assert len({look["marker"] for look in looks}) == count
    figure = robustness(points)
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
    ((name, pieces, _, data),) = robustness_illustration(attacked(study, *told, images=12))
    assert name == "robustness"
    assert [sum(str(each.get_label()).startswith("attack-") for each in piece.axes[0].lines) for piece in pieces] == [
        12,
        1,
    ]
    assert all(line(piece.axes[0], WORST) for piece in pieces)
    assert data["attack"].n_unique() == MOST_ATTACKS + 2


def test_nothing_is_drawn_of_single_budgets(study):
    assert robustness_illustration(attacked(study, ("pgd", "linf", "8/255"), ("pgd", "l2", "2"))) == []
    assert robustness_illustration(attacked(study, ("cw", "l2", "min")))


def test_the_caption_states_what_the_tables_say(study):
    made = attacked(study, ("pgd", "linf", "1/255"), ("pgd", "linf", "2/255"), ("pgd", "linf", "8/255"))
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
    made = attacked(study, ("pgd", "linf", "1/255"), ("pgd", "linf", "2/255"))
    wrong = replace(made, attacks=tuple(
        replace(a, samples=a.samples.with_columns(status=pl.lit("skipped_misclassified"))) for a in made.attacks
    ))  # fmt: skip
    assert "no accuracy to lose" in robustness_words(robustness_points(wrong)).caption
    right = replace(made, attacks=tuple(
        replace(a, samples=a.samples.with_columns(success=pl.lit(value=False))) for a in made.attacks
    ))  # fmt: skip
    assert "more than half" in robustness_words(robustness_points(right)).caption
    for each in (wrong, right):
        render(robustness(robustness_points(each)), "svg")


def test_untrusted_names_are_never_markup(study):
    names = ("$x_", "#a <b>&", "😀水", "مرحبا\x07", "L" * 200, "L" * 200 + "b")
    made = attacked(study, *((name, "linf", f"{b}/255", {"k": "$\n#"}, "") for name in names for b in (1, 2)))
    ((_, pieces, words, _),) = robustness_illustration(made)
    svg = render(pieces[0], "svg", selectable=True).decode()
    assert "$x_" in svg
    assert "&lt;b&gt;&amp;" in svg
    assert "\x07" not in svg + words.caption + words.alt
    keys = [text.get_text() for text in pieces[0].legends[0].get_texts()]
    assert len(set(keys)) == len(keys) == len(names) + 3


def test_axes_of_others_are_drawn_into(mixed):
    from matplotlib.figure import Figure

    axes = Figure(figsize=(3, 2)).add_subplot()
    keys = draw_robustness(axes, robustness_points(mixed).filter(norm="l2"))
    assert list(keys) == ["C&W", "clean images", "bars and bands: 95 %"]
