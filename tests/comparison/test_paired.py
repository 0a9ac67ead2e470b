import itertools
import math

import numpy as np
import pytest

from advwindow.comparison import holm, mcnemar, newcombe, paired


@pytest.mark.parametrize("discordant", range(13))
def test_mcnemar_counts_the_ways_a_fair_coin_can_fall(discordant):
    weight = [math.comb(discordant, heads) / 2**discordant for heads in range(discordant + 1)]
    for heads in range(discordant + 1):
        as_rare = sum(each for each in weight if each <= weight[heads] * (1 + 1e-9))
        assert mcnemar(heads, discordant - heads) == pytest.approx(as_rare, abs=1e-12)


def test_mcnemar_of_no_discordant_sample_is_one():
    assert mcnemar(0, 0) == 1


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [
        # Fagerland, Lydersen, Laake 2014 (Statistics in Medicine 33, 2850), airway hyper-responsiveness
        ((1, 1, 7, 12), -0.507, -0.026),
        # nothing discordant, and everything
        ((10, 0, 0, 0), -0.278, 0.278),
        ((0, 10, 0, 0), 0.607, 1.0),
    ],
)
def test_newcombe_published_and_by_hand(table, low, high):
    assert newcombe(table) == pytest.approx((low, high), abs=6e-4)


def wilson_by_hand(count, n, z=1.959963984540054):
    p = count / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return p, centre - half, centre + half


def newcombe_by_hand(table):
    """Method 10 as the paper writes it, with the four cells e, f, g, h."""
    e, f, g, h = table
    n = e + f + g + h
    p1, l1, u1 = wilson_by_hand(e + f, n)
    p2, l2, u2 = wilson_by_hand(e + g, n)
    bottom = math.sqrt((e + f) * (g + h) * (e + g) * (f + h))
    top = e * h - f * g
    if top > n / 2:
        top -= n / 2
    elif top >= 0:
        top = 0
    phi = top / bottom if bottom else 0
    delta = math.sqrt((p1 - l1) ** 2 - 2 * phi * (p1 - l1) * (u2 - p2) + (u2 - p2) ** 2)
    epsilon = math.sqrt((u1 - p1) ** 2 - 2 * phi * (u1 - p1) * (p2 - l2) + (p2 - l2) ** 2)
    return p1 - p2 - delta, p1 - p2 + epsilon


def tables_of(n):
    return [
        (a, b, c, n - a - b - c) for a in range(n + 1) for b in range(n + 1 - a) for c in range(n + 1 - a - b)
    ]  # fmt: skip


def test_newcombe_is_the_papers_formula_for_every_table_of_nine():
    for table in tables_of(9):
        low, high = newcombe(table)
        assert (low, high) == pytest.approx(newcombe_by_hand(table), abs=1e-9), table
        assert -1 <= low <= (table[1] - table[2]) / 9 <= high <= 1


def test_newcombe_turned_round_changes_sign():
    for both, first, second, neither in tables_of(7):
        low, high = newcombe((both, first, second, neither))
        assert newcombe((both, second, first, neither)) == pytest.approx((-high, -low), abs=1e-12)


@pytest.mark.parametrize("shares", [(0.4, 0.1, 0.1, 0.4), (0.5, 0.3, 0.05, 0.15), (0.3, 0.25, 0.1, 0.35)])
def test_newcombe_covers_the_true_difference_about_as_often_as_it_says(shares):
    n, covered = 16, 0.0
    true = shares[1] - shares[2]
    for table in tables_of(n):
        ways = math.factorial(n) / math.prod(math.factorial(cell) for cell in table)
        chance = ways * math.prod(share**cell for share, cell in zip(shares, table, strict=True))
        low, high = newcombe(table)
        covered += chance * (low <= true <= high)
    assert 0.93 <= covered <= 0.995


def test_holm_is_the_closed_test_of_bonferroni():
    rng = np.random.default_rng(0)
    for size in range(1, 7):
        p = rng.uniform(0, 0.5, size)
        p[rng.integers(size)] = p[0]
        expected = [
            max(
                min(1.0, len(family) * min(p[list(family)]))
                for count in range(1, size + 1)
                for family in itertools.combinations(range(size), count)
                if each in family
            )
            for each in range(size)
        ]
        assert holm(p.tolist()) == pytest.approx(expected, abs=1e-12)


def test_holm_of_nothing_is_nothing():
    assert holm([]).tolist() == []


def test_paired_counts_both_ways():
    first = np.array([True, True, True, False, False, True])
    second = np.array([True, False, False, True, False, False])
    found = paired(first, second)
    assert (found.only_first, found.only_second) == (3, 1)
    assert found.difference == pytest.approx(2 / 6)
    assert found.p == mcnemar(3, 1)
    assert (found.low, found.high) == newcombe((1, 3, 1, 1))
