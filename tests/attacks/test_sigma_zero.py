"""Oracle: autograd; what sigma-zero shares with others is tested in test_approach."""

import pytest
import torch

from advwindow.attacks.door import Problem
from advwindow.attacks.goal import Goal
from advwindow.attacks.oracle import Oracle
from advwindow.attacks.sigma_zero import SigmaZero, _SmoothCount
from advwindow.errors import UserError

from .nets import conv, images, labelled


def test_the_slope_of_the_smooth_count_is_that_of_autograd():
    settings = SigmaZero()
    delta = (images(2) - 0.5).double().requires_grad_()
    count = (delta.square() / (delta.square() + settings.sigma)).flatten(1).mean(1)
    exact = torch.autograd.grad(count.sum(), delta)[0]
    model, x = conv(), images(2)
    y = labelled(model, x)
    search = _SmoothCount(Problem(model, Oracle(model), x, y, Goal(y), ("a", "b"), 0, 2), settings)
    assert torch.allclose(search._count_slope(delta.detach()), exact)


@pytest.mark.parametrize(
    "change",
    [{"steps": 0}, {"sigma": 0.0}, {"threshold": 1.5}, {"threshold_factor": 0.0}, {"step_size": -1.0}],
    ids=str,
)
def test_bad_parameters_are_refused(change):
    with pytest.raises(UserError):
        SigmaZero(**change)
