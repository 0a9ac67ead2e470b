from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from scipy import stats

from advwindow.attacks import parse_eps
from advwindow.reports.reading.budgets import families
from advwindow.reports.reading.robustness import MOST_DISTANCES, robustness_points
from tests.reports import attacked as fabricated
from tests.reports.attacked import IMAGES, SKIPPED


@pytest.fixture
def mixed(study):
    return fabricated.mixed(study)


def standing(table, budget=math.inf):
    """Brute force: images that are right and stay so within a budget."""
    left = 0
    for row in table.iter_rows(named=True):
        right = row["clean_prediction"] == row["label"]
        left += right and not (row["success"] and row["distance"] <= budget)
    return left


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


def test_many_distances_are_thinned_without_moving_the_curve(study):
    large = fabricated.large(study, 10_000)
    points = robustness_points(large).filter(attack="C&W")
    assert 300 < points.height <= MOST_DISTANCES + 1
    reached = np.sort(large.attacks[0].samples.filter("success")["distance"].to_numpy())
    for row in points[1:].iter_rows(named=True):
        assert row["standing"] == 10_000 - SKIPPED - np.searchsorted(reached, row["budget"], side="right")
    assert points["budget"][1] == reached[0]
    assert points["budget"][-1] == reached[-1]
    exact = 10_000 - SKIPPED - np.searchsorted(reached, np.unique(reached), side="right")
    told = points["standing"].to_numpy()[np.searchsorted(points["budget"], np.unique(reached), side="right") - 1]
    assert (told >= exact).all()
    assert (told - exact).max() < 10_000 / MOST_DISTANCES
    assert (told == exact)[np.unique(reached) == 0.011].all()


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


def test_missing_the_target_does_not_make_an_image_robust(study):
    made = fabricated.attacked(study, ("pgd", "linf", "1/255", {}, "next"), ("pgd", "linf", "8/255", {}, "next"))
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
