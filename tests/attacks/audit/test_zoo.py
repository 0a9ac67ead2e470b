"""For each planted fault the right check fires; for honest networks and attacks none does."""

from __future__ import annotations

import pytest

from advwindow.attacks import CW, PGD, Budget, Norm, make_attack, perform
from advwindow.attacks.apgd import APGD
from advwindow.attacks.audit import audit
from tests.attacks.audit import zoo

IMAGES, LABELS = zoo.photographs(60, seed=2)
ATTACKS = {"last iterate": zoo.LastIterate, "leaves the ball": zoo.LeavesTheBall, "does nothing": zoo.DoesNothing}

# fault: checks that must fire at level quick, and further ones at level full
FAULTS = {
    "quantised input": ({"I1", "S9"}, {"S3", "S4", "S7", "I6"}),
    "detached graph": ({"I1", "S9"}, {"S3", "S4", "S7", "I6"}),
    "logits times 10,000": ({"S11"}, set()),
    "probabilities": ({"S11"}, set()),
    "clipped outputs": ({"S11"}, {"S4", "I6"}),
    "k-WTA": ({"S9"}, {"S7"}),
    "noise": ({"S10"}, set()),
    "batch-dependent": ({"S10"}, set()),
    "no normalisation": ({"S12"}, set()),
    "double normalisation": (set(), {"S12"}),
    "last iterate": ({"I3"}, {"S7"}),
    "leaves the ball": ({"S14"}, set()),
    "does nothing": ({"S15", "S1"}, {"S4", "I6"}),
}


def audited(name, level, images=IMAGES, labels=LABELS):
    model, attack = (zoo.plain(), ATTACKS[name]()) if name in ATTACKS else (zoo.faulty(name), PGD())
    return audit(model, images, labels, attack=attack, budget=zoo.BUDGET, level=level)


@pytest.mark.parametrize("name", FAULTS)
def test_planted_faults_are_found_at_quick(name):
    fired = {finding.code for finding in audited(name, "quick").fired}
    assert FAULTS[name][0] <= fired


@pytest.mark.parametrize("name", FAULTS)
def test_planted_faults_are_found_at_full(name):
    # a random network costs many passes each time; the double normalisation shows on more images only
    count = 12 if name == "noise" else 100 if name == "double normalisation" else 40
    images, labels = zoo.photographs(count, seed=2)
    fired = {finding.code for finding in audited(name, "full", images, labels).fired}
    assert FAULTS[name][0] | FAULTS[name][1] <= fired


@pytest.mark.parametrize("model", [zoo.plain, zoo.hardened])
@pytest.mark.parametrize(
    ("attack", "budget"),
    [
        (PGD(), zoo.BUDGET),
        (PGD(steps=40, until="success"), zoo.BUDGET),
        (APGD(steps=20), zoo.BUDGET),
        (PGD(steps=20), Budget(Norm.L1, "4")),
        (CW(steps=50), Budget(Norm.L2, "min")),
        (make_attack("foolbox:LinfPGD", {"steps": 10, "rel_stepsize": 0.25}), zoo.BUDGET),
    ],
)
def test_honest_networks_raise_no_alarm_at_quick(model, attack, budget):
    report = audit(model(), IMAGES, LABELS, attack=attack, budget=budget, reference=zoo.plain())
    assert [finding.summary for finding in report.fired] == []


@pytest.mark.parametrize("model", [zoo.plain, zoo.hardened])
@pytest.mark.parametrize("steps", [10, 20])
def test_honest_networks_raise_no_alarm_at_full(model, steps):
    report = audit(model(), IMAGES, LABELS, attack=PGD(steps=steps), budget=zoo.BUDGET, level="full")
    assert [finding.summary for finding in report.fired] == []
    assert [finding.code for finding in report if finding.verdict == "skipped"] == []


def test_outcomes_at_hand_are_used_and_not_made_again():
    model = zoo.hardened()
    budgets = [Budget(Norm.LINF, eps) for eps in ("0.03", zoo.EPS, "0.12")]
    outcomes = perform("pgd", PGD(), model, IMAGES, LABELS, budgets)
    report = audit(model, IMAGES, LABELS, attack="pgd", budget=zoo.BUDGET, outcomes=outcomes)
    assert report.images == len(IMAGES)
    assert report["S2"].verdict == "pass"
    assert report["S2"].numbers["epsilons"] == len(budgets)
    assert report["S13"].numbers["alone"] == pytest.approx(outcomes[1].robust_accuracy())
