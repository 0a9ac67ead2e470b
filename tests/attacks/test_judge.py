import pytest
import torch

from advwindow.attacks.budget import Budget, Norm
from advwindow.attacks.goal import Goal
from advwindow.attacks.judge import judge, judged_logits, perturbation_norms

from .nets import conv, images, labelled, linear


def test_an_exaggerated_claim_is_not_believed():
    """Outside the ball, outside the box, not finite, or still classified correctly: no success."""
    model = linear(torch.tensor([[1.0] * 4, [-1.0] * 4]), torch.tensor([-2.0, 2.0]))
    x = torch.full((5, 1, 2, 2), 0.55)
    y = labelled(model, x)
    attacked = torch.stack([x[0] - 0.09, x[1] - 0.2, x[2] - 0.7, x[3] * float("nan"), x[4] - 0.01])
    verdict = judge(model, x, attacked, Goal(y), Budget(Norm.LINF, "0.1"))
    assert verdict.success.tolist() == [True, False, False, False, False]


def test_a_success_by_an_ulp_outside_epsilon_is_none():
    model = linear(torch.tensor([[1.0] * 4, [-1.0] * 4]), torch.tensor([-2.0, 2.0]))
    x = torch.full((1, 1, 2, 2), 0.5)
    outside = torch.nextafter(x - 8 / 255, torch.zeros(()))
    assert float((x - outside).double().max()) > 8 / 255
    assert not bool(judge(model, x, outside, Goal(torch.tensor([0])), Budget(Norm.LINF, "8/255")).success)


def test_rounding_to_8_bits_rounds_and_does_not_truncate():
    """The image sits just below a level: truncation would undo the attack, rounding keeps it."""
    model = linear(torch.tensor([[-1.0], [1.0]]), torch.tensor([99.5 / 255, -99.5 / 255]))
    x = torch.full((1, 1, 1, 1), 98 / 255)
    attacked = torch.full((1, 1, 1, 1), 99.6 / 255)
    verdict = judge(model, x, attacked, Goal(torch.tensor([0])), Budget(Norm.LINF, "8/255"))
    assert bool(verdict.success)
    assert bool(verdict.success_8bit)


def test_a_success_that_rounding_undoes_is_reported():
    model = linear(torch.tensor([[-1.0], [1.0]]), torch.tensor([99.5 / 255, -99.5 / 255]).double().float() * 1.0)
    shifted = linear(torch.tensor([[-1.0], [1.0]]), torch.tensor([99.3 / 255, -99.3 / 255]))
    x = torch.full((1, 1, 1, 1), 98 / 255)
    attacked = torch.full((1, 1, 1, 1), 99.4 / 255)
    verdict = judge(shifted, x, attacked, Goal(torch.tensor([0])), Budget(Norm.LINF, "8/255"))
    assert bool(verdict.success)
    assert not bool(verdict.success_8bit)
    assert not bool(judge(model, x, attacked, Goal(torch.tensor([0])), Budget(Norm.LINF, "8/255")).success)


@pytest.mark.parametrize("count", [1, 7, 8, 9, 33])
def test_predictions_do_not_depend_on_how_many_are_asked_for(count):
    model, x = conv(), images(33)
    whole = judged_logits(model, x)
    assert torch.equal(judged_logits(model, x[:count]), whole[:count])


def test_training_mode_is_restored():
    model = conv()
    model.train()
    statistics = model.module[1].running_mean.clone()
    judged_logits(model, images(4))
    assert model.training
    assert model.module[1].training
    assert torch.equal(model.module[1].running_mean, statistics)


def test_norms_by_hand():
    x = torch.zeros(1, 3, 1, 2)
    attacked = x.clone()
    attacked[0, 0, 0, 0], attacked[0, 1, 0, 0] = 0.3, 0.4
    norms = perturbation_norms(x, attacked)
    assert norms["linf"].item() == pytest.approx(0.4)
    assert norms["l2"].item() == pytest.approx(0.5)
    assert norms["l1"].item() == pytest.approx(0.7)
    assert norms["l0"].item() == 1
