"""The conformance suite passes our attacks, and catches planted bad ones."""

from dataclasses import replace

import pytest
import torch

from advwindow.attacks import PGD, make_attack
from advwindow.attacks.testing import CHECKS, FromFunction, check_attack

SMALL = {
    "fgsm": {},
    "bim": {"steps": 4},
    "mi-fgsm": {"steps": 4},
    "pgd": {"steps": 4},
    "apgd": {"steps": 8},
}


@pytest.mark.parametrize("name", SMALL)
def test_our_attacks_conform(name):
    check_attack(make_attack(name, SMALL[name]), norm="linf")


def _too_far(model, x, labels, eps):
    return (x + 2 * eps * torch.sign(0.5 - x)).clamp(0, 1)


def _beyond_the_box(model, x, labels, eps):
    return x + eps


class Forgetful(PGD):
    """Another seed at every call."""

    calls = [0]  # noqa: RUF012 - shared by all on purpose

    def __call__(self, problem, budgets):
        self.calls[0] += 1
        return super().__call__(replace(problem, seed=self.calls[0]), budgets)


@pytest.mark.parametrize(
    ("attack", "check"),
    [
        (FromFunction(_too_far), "budget"),
        (FromFunction(_beyond_the_box), "bounds"),
        (Forgetful(steps=1), "deterministic"),
    ],
    ids=["too far", "beyond the box", "forgetful"],
)
def test_a_bad_attack_is_caught(attack, check):
    (found,) = [each for each in CHECKS if str(each) == check]
    with pytest.raises(AssertionError):
        check_attack(attack, norm="linf", checks=[found])
