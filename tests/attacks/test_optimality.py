"""Optimality against closed forms and against the curve's area, summed up numerically."""

import math

import numpy as np
import pytest
import torch

from advwindow.attacks import optimality
from advwindow.errors import UserError

INF = math.inf


def test_the_best_has_one_and_what_never_succeeds_has_zero():
    found = optimality(
        {
            "best": torch.tensor([0.0, 1.0, 2.0]),
            "worse": torch.tensor([0.0, 1.5, 2.0]),
            "none": torch.tensor([0, INF, INF]),
        }
    )
    assert found == pytest.approx({"best": 1.0, "worse": 0.5, "none": 0.0})


def test_a_sample_that_nobody_fools_counts_at_the_largest_distance_for_all():
    found = optimality({"a": torch.tensor([1.0, 3.0, INF]), "b": torch.tensor([2.0, 3.0, INF])})
    assert found == pytest.approx({"a": 1.0, "b": 0.5})


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_area_between_the_curves(seed):
    draw = np.random.default_rng(seed)
    table = {name: draw.exponential(size=40) for name in "abc"}
    for name in "ab":
        table[name][draw.integers(40, size=5)] = INF
    for row in table.values():
        row[:4] = 0
    best = np.min(list(table.values()), axis=0)
    eps = np.linspace(0, best.max(), 200_001)

    def area(distances):
        standing = 1 - np.searchsorted(np.sort(distances), eps, side="right") / 40
        return np.trapezoid(standing, eps)

    whole = 0.9 * best.max()
    expected = {name: 1 - (area(row) - area(best)) / (whole - area(best)) for name, row in table.items()}
    found = optimality({name: torch.from_numpy(row) for name, row in table.items()})
    assert found == pytest.approx(expected, abs=1e-4)
    assert all(0 <= value <= 1 for value in found.values())


def test_nothing_fooled_gives_nan():
    assert math.isnan(optimality({"a": torch.tensor([INF, INF])})["a"])


@pytest.mark.parametrize(
    "wrong",
    [{}, {"a": torch.zeros(2), "b": torch.zeros(3)}, {"a": torch.tensor([-1.0])}, {"a": torch.tensor([INF - INF])}],
)
def test_what_is_no_table_of_distances_is_refused(wrong):
    with pytest.raises(UserError):
        optimality(wrong)
