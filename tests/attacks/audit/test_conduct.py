"""The audit as a whole: its errors, what it leaves alone, and checks of outcomes that were tampered with."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from advwindow.attacks import PGD, Budget, Norm, perform
from advwindow.attacks.audit import audit
from advwindow.attacks.audit.comparisons import noised
from advwindow.attacks.audit.network import normalised
from advwindow.attacks.budget import size
from advwindow.attacks.square import Square
from advwindow.errors import UserError
from tests.attacks.audit import zoo

IMAGES, LABELS = zoo.photographs(40, seed=3)


def quick(model=None, images=IMAGES, labels=LABELS, **options):
    options = {"attack": "pgd", "budget": zoo.BUDGET} | options
    return audit(model or zoo.plain(), images, labels, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": "deep"}, "unknown level"),
        ({"reference": 88.8}, "accuracy is a share"),
        ({"samples": 0}, "at least one sample"),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, "no images"),
        ({"attack": "pdg"}, "unknown attack"),
        ({"attack": "pgd", "parameters": {"stepz": 3}}, "no such parameter"),
        ({"labels": LABELS + 100}, "names no output"),
    ],
)
def test_mistakes_are_told(options, message):
    with pytest.raises(UserError, match=message):
        quick(**options)


def test_outcomes_of_other_images_are_refused():
    outcomes = perform("pgd", PGD(), zoo.plain(), IMAGES[:5], LABELS[:5], [zoo.BUDGET])
    with pytest.raises(UserError, match="other images"):
        quick(outcomes=outcomes)


def test_images_outside_the_box_are_a_finding_and_stop_the_rest():
    report = quick(images=IMAGES * 255)
    assert report["S12"].verdict == "fail"
    assert {finding.verdict for finding in report if finding.code != "S12"} == {"skipped"}


def test_images_divided_by_255_twice():
    assert quick(images=IMAGES / 255)["S12"].fired


@pytest.mark.parametrize(("expected", "verdict"), [(0.2, "pass"), (1.0, "pass"), (0.9999, "pass")])
def test_reference_accuracy_that_is_reached(expected, verdict):
    assert quick(reference=expected)["S12"].verdict == verdict


def test_reference_accuracy_that_is_missed():
    labels = LABELS.clone()
    labels[::2] = (labels[::2] + 1) % zoo.CLASSES
    assert quick(labels=labels, reference=0.95)["S12"].verdict == "warn"


def test_the_same_seed_gives_the_same_audit_and_leaves_the_network_and_the_global_state():
    model = zoo.plain()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    report = quick()
    assert torch.equal(torch.rand(3), expected)
    assert quick() == report
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert not any(module.training for module in model.modules())


def test_outcomes_that_were_tampered_with_are_not_reproduced():
    model = zoo.plain()
    outcome = perform("pgd", PGD(), model, IMAGES, LABELS, [zoo.BUDGET])[0]
    assert quick(outcomes=[outcome])["S14"].verdict == "pass"
    assert quick(outcomes=[replace(outcome, images=IMAGES)])["S14"].verdict == "fail"


def test_blind_outcomes_that_win_are_noticed():
    model = zoo.hardened()
    weak = perform("pgd", PGD(steps=1, step_size="1/2550", random_start=False), model, IMAGES, LABELS, [zoo.BUDGET])
    blind = perform("square", Square(queries=200), model, IMAGES, LABELS, [zoo.BUDGET])
    report = quick(model, outcomes=[*weak, *blind])
    assert {"S1", "S7", "S13"} <= {finding.code for finding in report.fired}
    together = report["S13"].numbers
    assert together["worst_case"] == pytest.approx(
        float((~(weak[0].success | blind[0].success)).float().mean()), abs=0.1
    )


def test_normalisation_is_changed_around_the_same_module():
    model = zoo.plain()
    other = normalised(model, (0.5,), (0.5,))
    assert other.module is model.module
    assert torch.allclose(other(IMAGES), model.module((IMAGES - 0.5) / 0.5))


@pytest.mark.parametrize("budget", [zoo.BUDGET, Budget(Norm.L2, "0.7"), Budget(Norm.L1, "3"), Budget(Norm.L0, "7")])
@pytest.mark.parametrize("seed", range(3))
def test_noise_keeps_to_its_budget_and_uses_it(budget, seed):
    directions = torch.randn(IMAGES.shape, generator=torch.Generator().manual_seed(seed))
    noisy = noised(IMAGES, directions, budget)
    sizes = size((noisy.double() - IMAGES.double()), budget.norm)
    assert bool((sizes <= budget.value).all())
    assert bool((noisy >= 0).all() & (noisy <= 1).all())
    assert float(sizes.median()) > 0.6 * budget.value
