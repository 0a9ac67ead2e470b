"""Oracle: the fewest values that must change for a linear network of two classes."""

import pytest
import torch

from advwindow.attacks import Status, make_budgets, perform
from advwindow.attacks.goal import Goal
from advwindow.attacks.oracle import Oracle
from advwindow.attacks.sigma_zero import SigmaZero, _SmoothCount
from advwindow.errors import UserError

from .nets import conv, images, labelled
from .test_fmn import fewest_values, two_classes


def sigma_zero(model, x, y, *, eps=None, norm="l0", target=None, batch_size=None, **parameters):
    attack = SigmaZero(**parameters)
    return perform("sigma-zero", attack, model, x, y, make_budgets(eps, norm), target=target, batch_size=batch_size)[0]


def test_never_beats_the_fewest_values_and_mostly_finds_them():
    model, weight, bias, x = two_classes()
    exact = torch.tensor(fewest_values(weight, bias, x)).double()
    out = sigma_zero(model, x, labelled(model, x))
    assert bool(out.success.all())
    assert bool((out.distance >= exact).all())
    assert float((out.distance - exact).median()) <= 1


def test_the_slope_of_the_smooth_count_is_that_of_autograd():
    settings = SigmaZero()
    delta = (images(2) - 0.5).double().requires_grad_()
    count = (delta.square() / (delta.square() + settings.sigma)).flatten(1).mean(1)
    exact = torch.autograd.grad(count.sum(), delta)[0]
    model, x = conv(), images(2)
    y = labelled(model, x)
    from advwindow.attacks.door import Problem

    search = _SmoothCount(Problem(model, Oracle(model), x, y, Goal(y), ("a", "b"), 0, 2), settings)
    assert torch.allclose(search._count_slope(delta.detach()), exact)


def test_values_that_do_not_move_are_exactly_the_image():
    model, x = conv(), (images(6) > 0.5).float()
    out = sigma_zero(model, x, labelled(model, x), steps=100)
    changed = (out.images != x).flatten(1).sum(1).double()
    assert bool(out.success.any())
    assert torch.equal(changed[out.success], out.distance[out.success])


def test_batch_mates_do_not_matter():
    model, x = conv(), images(6)
    y = labelled(model, x)
    together = sigma_zero(model, x, y, steps=40)
    assert torch.equal(together.images, sigma_zero(model, x, y, steps=40).images)
    narrow = sigma_zero(model, x, y, steps=40, batch_size=4)
    assert torch.equal(together.success, narrow.success)


def test_targeted_success_is_the_target_winning():
    model, x = conv(), images(6)
    y = labelled(model, x)
    target = (y + 1) % 5
    out = sigma_zero(model, x, y, target=target, steps=100)
    assert torch.equal(out.success, out.prediction == target)
    assert bool(out.success.any())


@pytest.mark.parametrize("steps", [1, 5, 9])
def test_few_steps_work_and_failures_are_flagged(steps):
    model, x = conv(), images(2)
    out = sigma_zero(model, x, labelled(model, x), steps=steps)
    assert out.backwards.tolist() == [steps, steps]
    assert bool(torch.isinf(out.distance[~out.success]).all())


def test_an_epsilon_counts_only_successes_within_it():
    model, x = conv(), images(6)
    y = labelled(model, x)
    out = sigma_zero(model, x, y, steps=60, eps="5")
    assert bool((out.norms["l0"] <= 5).all())


def test_misclassified_samples_cost_nothing():
    model, x = conv(), images(3)
    y = labelled(model, x)
    y[0] = (y[0] + 1) % 5
    out = sigma_zero(model, x, y, steps=5)
    assert int(out.backwards[0]) == 0
    assert out.status[0] is Status.SKIPPED


def test_another_norm_is_refused():
    model, x = conv(), images(2)
    with pytest.raises(UserError, match="minimises L0"):
        sigma_zero(model, x, labelled(model, x), norm="l2")


@pytest.mark.parametrize(
    "change",
    [{"steps": 0}, {"sigma": 0.0}, {"threshold": 1.5}, {"threshold_factor": 0.0}, {"step_size": -1.0}],
    ids=str,
)
def test_bad_parameters_are_refused(change):
    with pytest.raises(UserError):
        SigmaZero(**change)
