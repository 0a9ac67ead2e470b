import pytest
import torch

from advwindow.attacks.budget import Budget, Norm
from advwindow.attacks.goal import Goal
from advwindow.attacks.judge import Jury, judge, judged_logits, perturbation_norms
from advwindow.models import Classifier

from .nets import conv, images, labelled, linear


def test_an_exaggerated_claim_is_not_believed():
    """Outside the ball, outside the box, not finite, or still classified correctly: no success."""
    model = linear(torch.tensor([[1.0] * 4, [-1.0] * 4]), torch.tensor([-2.0, 2.0]))
    x = torch.full((5, 1, 2, 2), 0.55)
    y = labelled(model, x)
    attacked = torch.stack([x[0] - 0.09, x[1] - 0.2, x[2] - 0.7, x[3] * float("nan"), x[4] - 0.01])
    verdict = judge(Jury(model), x, attacked, Goal(y), Budget(Norm.LINF, "0.1"))
    assert verdict.success.tolist() == [True, False, False, False, False]


def test_a_success_by_an_ulp_outside_epsilon_is_none():
    model = linear(torch.tensor([[1.0] * 4, [-1.0] * 4]), torch.tensor([-2.0, 2.0]))
    x = torch.full((1, 1, 2, 2), 0.5)
    outside = torch.nextafter(x - 8 / 255, torch.zeros(()))
    assert float((x - outside).double().max()) > 8 / 255
    assert not bool(judge(Jury(model), x, outside, Goal(torch.tensor([0])), Budget(Norm.LINF, "8/255")).success)


def test_rounding_to_8_bits_rounds_and_does_not_truncate():
    """The image sits just below a level: truncation would undo the attack, rounding keeps it."""
    model = linear(torch.tensor([[-1.0], [1.0]]), torch.tensor([99.5 / 255, -99.5 / 255]))
    x = torch.full((1, 1, 1, 1), 98 / 255)
    attacked = torch.full((1, 1, 1, 1), 99.6 / 255)
    verdict = judge(Jury(model), x, attacked, Goal(torch.tensor([0])), Budget(Norm.LINF, "8/255"))
    assert bool(verdict.success)
    assert bool(verdict.success_8bit)


def test_a_success_that_rounding_undoes_is_reported():
    model = linear(torch.tensor([[-1.0], [1.0]]), torch.tensor([99.5 / 255, -99.5 / 255]).double().float() * 1.0)
    shifted = linear(torch.tensor([[-1.0], [1.0]]), torch.tensor([99.3 / 255, -99.3 / 255]))
    x = torch.full((1, 1, 1, 1), 98 / 255)
    attacked = torch.full((1, 1, 1, 1), 99.4 / 255)
    verdict = judge(Jury(shifted), x, attacked, Goal(torch.tensor([0])), Budget(Norm.LINF, "8/255"))
    assert bool(verdict.success)
    assert not bool(verdict.success_8bit)
    assert not bool(judge(Jury(model), x, attacked, Goal(torch.tensor([0])), Budget(Norm.LINF, "8/255")).success)


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
    assert norms["l0"].item() == 2
    assert norms["l0_pixels"].item() == 1


def test_an_image_is_shown_once_however_often_it_is_judged():
    model, x = conv(), images(3)
    shown = []
    model.register_forward_hook(lambda module, args, output: shown.append(len(args[0])))
    jury = Jury(model)
    first = jury.votes(torch.cat([x, x[:1]]))
    assert torch.equal(first[:, 3], first[:, 0])
    assert torch.equal(jury.votes(x[1:]), first[:, 1:3])
    assert shown == [8]


def test_a_success_on_a_random_network_must_hold_in_most_passes():
    """The logit of class 1 is drawn from {-1, 1}: it wins with the probability that its pixel tells."""

    class Coin(torch.nn.Module):
        def forward(self, x):
            heads = (torch.rand(len(x)) < x.flatten(1)[:, 0]).float() * 2 - 1
            return torch.stack([torch.zeros(len(x)), heads], 1)

    x = torch.tensor([0.05, 0.95]).reshape(2, 1, 1, 1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        verdict = judge(Jury(Classifier(Coin()), passes=51), x, x, Goal(torch.tensor([0, 0])), Budget(Norm.LINF, "1"))
    assert verdict.success.tolist() == [False, True]


def test_a_surrounding_autocast_does_not_reach_the_judge():
    model, x = conv(), images(4)
    expected = judged_logits(model, x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(judged_logits(model, x), expected)
