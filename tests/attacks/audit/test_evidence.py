"""The tests behind the verdicts, against sums of binomial probabilities."""

from __future__ import annotations

from math import comb

import pytest

from advwindow.attacks.audit.evidence import below, beyond, mcnemar


def at_least(count, total, share):
    return sum(comb(total, k) * share**k * (1 - share) ** (total - k) for k in range(count, total + 1))


@pytest.mark.parametrize("total", [8, 64, 500])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 8])
@pytest.mark.parametrize("share", [0.002, 0.01, 0.05])
def test_beyond_is_an_exact_binomial_test(count, total, share):
    chance = at_least(count, total, share)
    expected = "fail" if chance < 0.001 else "warn" if chance < 0.005 else "pass"
    assert beyond(count, total, share) == ("pass" if count <= 1 else expected)


def test_a_single_case_and_no_cases_at_all_are_no_reason_for_doubt():
    assert beyond(1, 2, 0.002) == "pass"
    assert beyond(0, 0, 0.01) == "pass"


@pytest.mark.parametrize(("first", "second"), [(0, 0), (3, 0), (5, 1), (1, 5)])
def test_mcnemar(first, second):
    assert mcnemar(first, second) == pytest.approx(at_least(first, first + second, 0.5))


def test_below():
    assert below(3, 10, 0.9) == pytest.approx(1 - at_least(4, 10, 0.9))
    assert below(0, 0, 0.9) == 1.0
