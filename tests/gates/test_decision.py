import pytest

from advwindow.gates import Decision, Finding
from advwindow.gates.decision import compared, layers, share


@pytest.mark.parametrize(
    ("bound", "limit", "at_least", "unit", "told"),
    [
        (0.03, 0.25, True, "%", "x 3.0 % < 25 %"),
        (0.25, 0.25, True, "%", "x 25.0 % ≥ 25 %"),
        (0.24996, 0.25, True, "%", "x 24.996 % < 25 %"),
        (0.25, 0.125, True, "%", "x 25.0 % ≥ 12.5 %"),
        (0.10004, 0.1, False, "points", "x 10.004 points > 10 points"),
        (-0.02, 0.0, False, "points", "x -2.0 points ≤ 0 points"),
        (0.1004, 0.1, False, "", "x 0.1004 > 0.1"),
        (0.05, 0.1, False, "", "x 0.050 ≤ 0.1"),
    ],
)
def test_both_sides_look_as_different_as_they_are(bound, limit, at_least, unit, told):
    assert compared(bound, limit, name="x", at_least=at_least, unit=unit) == told


@pytest.mark.parametrize(
    ("value", "told"), [(0.5, "50.0"), (-0.0, "0.0"), (-1e-9, "0.0"), (1, "100.0"), (-0.25, "-25.0")]
)
def test_shares(value, told):
    assert share(value) == told


def test_counting():
    assert (layers(1), layers(2)) == ("1 layer", "2 layers")


def test_one_bad_finding_fails_the_gate():
    good, bad = Finding("a", True, "fine"), Finding("b", False, "3 % < 4 %")
    assert Decision("k", "t", (good,)).passed
    decision = Decision("k", "t", (good, bad))
    assert not decision.passed
    assert [str(each) for each in decision.failed] == ["b: 3 % < 4 %"]
