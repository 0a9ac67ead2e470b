import pytest
import torch
from torch import nn

from advwindow.attacks.goal import Goal, margin
from advwindow.errors import UserError


def test_margin_by_hand():
    logits = torch.tensor([[3.0, 1.0, 2.0], [-5.0, -1.0, -9.0]])
    assert margin(logits, torch.tensor([0, 0])).tolist() == [1.0, -4.0]


@pytest.mark.parametrize("shift", [-1000.0, -50.0, 50.0])
def test_a_common_shift_of_the_logits_changes_nothing(shift):
    logits = torch.randn(20, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    goal = Goal(torch.arange(20) % 7)
    assert torch.allclose(goal.margin(logits), goal.margin(logits + shift))
    if abs(shift) < 100:  # what rounding can take back grows with the logits
        assert torch.equal(goal.safely_reached(logits), goal.safely_reached(logits + shift))


def test_a_masked_output_does_not_move_the_boundary():
    logits = torch.tensor([[0.0, 1e-3, -1.0]])
    masked = torch.cat([logits, torch.full((1, 1), -1e9)], 1)
    goal = Goal(torch.tensor([0]))
    assert torch.equal(goal.shortfall(masked), goal.shortfall(logits))
    assert bool(goal.safely_reached(masked))


def test_margin_leaves_the_logits_alone():
    logits = torch.randn(4, 3)
    before = logits.clone()
    margin(logits, torch.zeros(4, dtype=torch.int64))
    assert torch.equal(logits, before)


def test_targeted_margin_is_negative_exactly_where_the_target_wins():
    logits = torch.randn(50, 4, generator=torch.Generator().manual_seed(1))
    target = torch.arange(50) % 4
    assert torch.equal(Goal(target, targeted=True).margin(logits) < 0, logits.argmax(1) == target)


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("kind", ["ce", "margin"])
def test_descending_the_loss_approaches_the_goal(kind, targeted):
    logits = torch.tensor([[1.0, 0.5, 0.0]], requires_grad=True)
    goal = Goal(torch.tensor([2 if targeted else 0]), targeted)
    (gradient,) = torch.autograd.grad(goal.loss(logits, kind).sum(), logits)
    assert goal.margin(logits - 0.1 * gradient) < goal.margin(logits)


@pytest.mark.parametrize("targeted", [False, True])
def test_the_ce_loss_points_where_cross_entropy_points(targeted):
    logits = torch.randn(20, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64).requires_grad_()
    classes = torch.arange(20) % 6
    goal = Goal(classes, targeted)
    (ours,) = torch.autograd.grad(goal.loss(logits, "ce").sum(), logits)
    entropy = nn.functional.cross_entropy(logits, classes, reduction="sum") * (1 if targeted else -1)
    (theirs,) = torch.autograd.grad(entropy, logits)
    assert torch.allclose(nn.functional.normalize(ours), nn.functional.normalize(theirs))


def test_the_ce_loss_does_not_saturate():
    logits = torch.tensor([[1e6, 0.0, -1e6]], requires_grad=True)
    (gradient,) = torch.autograd.grad(Goal(torch.tensor([0])).loss(logits, "ce").sum(), logits)
    assert gradient.tolist() == [[1.0, -1.0, 0.0]]


def test_confidence_is_asked_for_in_logits():
    logits = torch.tensor([[0.0, 2.0]])
    goal = Goal(torch.tensor([0]))
    assert bool(goal.safely_reached(logits, kappa=1.9))
    assert not bool(goal.safely_reached(logits, kappa=2.0))


def test_unknown_loss_is_refused():
    with pytest.raises(UserError, match="unknown loss"):
        Goal(torch.tensor([0])).loss(torch.zeros(1, 2), "hinge2")
