"""Attacks made on one network and judged on another."""

import torch

from advwindow.attacks import PGD, Oblivious, Status, make_budgets, perform, pgd

from .nets import images, linear

BUDGET = make_budgets("0.2", "linf")


def two_halves(left, right):
    """A network that only looks at the left pixel, or at the right one, or at both."""
    half = (left + right) / 2
    return linear(torch.tensor([[left, right], [-left, -right]]), torch.tensor([-half, half]))


def shown():
    x = torch.full((4, 1, 1, 2), 0.6)
    return x, torch.zeros(4, dtype=torch.int64)


def run(source, judged):
    x, y = shown()
    (outcome,) = perform("pgd", Oblivious(PGD(steps=3), source), judged, x, y, BUDGET)
    return outcome


def test_what_fools_the_source_alone_is_a_failure():
    left, right = two_halves(1.0, 0.0), two_halves(0.0, 1.0)
    assert pgd(left, *shown(), eps="0.2").success.all()
    assert set(run(left, right).status) == {Status.FAILED}


def test_what_transfers_is_a_success_of_the_judged_network():
    left, both = two_halves(1.0, 0.0), two_halves(1.0, 0.25)
    outcome = run(left, both)
    assert outcome.success.all()
    moved = outcome.images - shown()[0]
    assert (moved[..., 0] < 0).all()
    assert (outcome.margin == pgd(both, *shown(), eps="0.2").margin).sum() == 0  # an adaptive attack goes further


def test_the_same_network_gives_the_same_as_the_attack_itself():
    both = two_halves(1.0, 0.5)
    assert torch.equal(run(both, both).images, pgd(both, *shown(), eps="0.2", steps=3).images)


def test_images_that_the_judged_network_gets_wrong_are_left_alone():
    left = two_halves(1.0, 0.0)
    x, y = images(6, channels=1, side=1).repeat(1, 1, 1, 2), torch.ones(6, dtype=torch.int64)
    (outcome,) = perform("pgd", Oblivious(PGD(steps=2), two_halves(0.0, 1.0)), left, x, y, BUDGET)
    wrong = left(x).argmax(1) != y
    assert [status is Status.SKIPPED for status in outcome.status] == wrong.tolist()
