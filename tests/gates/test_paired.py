import math
from itertools import product

import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import multinomial, norm

from advwindow.gates import paired_drop

REACH = float(norm.ppf(0.975))


def test_a_published_example():
    """Airway hyper-responsiveness before and after transplantation (Fagerland et al. 2014, table 2: Tango's score)."""
    found = paired_drop(1, 7, 21)
    assert found.difference == pytest.approx(-6 / 21)
    assert (found.low, found.high) == pytest.approx((-0.517, -0.026), abs=5e-4)


@pytest.mark.parametrize("trials", [1, 5, 20, 1000])
def test_without_any_change_the_ends_have_a_closed_form(trials):
    end = REACH**2 / (trials + REACH**2)
    assert paired_drop(0, 0, trials) == pytest.approx((0, -end, end), abs=1e-9)


def score(lost, gained, trials, difference):
    """Tango's statistic with the restricted maximum of the likelihood found by brute force."""

    def against(share):
        cells = [(lost, share + difference), (gained, share), (trials - lost - gained, 1 - 2 * share - difference)]
        return -sum(count * math.log(max(p, 1e-300)) for count, p in cells if count)

    low, high = max(0.0, -difference), (1 - difference) / 2
    share = minimize_scalar(against, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).x
    variance = trials * (2 * share + difference * (1 - difference))
    return (lost - gained - trials * difference) / math.sqrt(variance)


@pytest.mark.parametrize(("lost", "gained", "trials"), [(3, 1, 20), (12, 2, 50), (1, 0, 44), (40, 60, 300), (5, 5, 12)])
def test_the_ends_are_where_the_score_test_begins_to_reject(lost, gained, trials):
    found = paired_drop(lost, gained, trials)
    assert score(lost, gained, trials, found.high) == pytest.approx(-REACH, abs=1e-3)
    assert score(lost, gained, trials, found.low) == pytest.approx(REACH, abs=1e-3)


@pytest.mark.parametrize(("lost", "gained", "trials"), [(3, 1, 20), (0, 4, 9), (7, 0, 7), (0, 1, 1)])
def test_turning_the_shares_around_turns_the_interval_around(lost, gained, trials):
    one, other = paired_drop(lost, gained, trials), paired_drop(gained, lost, trials)
    assert one == pytest.approx((-other.difference, -other.high, -other.low))
    assert -1 <= one.low <= one.difference <= one.high <= 1


def test_everything_lost_is_no_certainty():
    found = paired_drop(10, 0, 10)
    assert found.high == 1
    assert 0.4 < found.low < 1


def test_a_higher_confidence_is_wider():
    assert paired_drop(4, 1, 30, confidence=0.99).high > paired_drop(4, 1, 30).high


@pytest.mark.parametrize(("lost", "gained"), [(0.05, 0.05), (0.2, 0.1), (0.3, 0.02), (0.1, 0.4), (0.45, 0.45)])
def test_coverage_by_enumeration(lost, gained):
    """Of 30 samples, over all outcomes with their exact probabilities; the upper bound by itself errs in 2.5 %."""
    trials, covered, above = 30, 0.0, 0.0
    for b, c in product(range(trials + 1), repeat=2):
        if b + c <= trials and (
            p := multinomial.pmf([b, c, trials - b - c], trials, [lost, gained, 1 - lost - gained])
        ):
            found = paired_drop(b, c, trials)
            covered += p * (found.low <= lost - gained <= found.high)
            above += p * (found.high < lost - gained)
    assert 0.94 <= covered <= 0.99
    assert above <= 0.032
