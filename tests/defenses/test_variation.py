import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from advwindow.defenses.variation import TotalVariation, _divergence, _slope
from advwindow.errors import UserError
from tests.defenses.parts import images


def energy(u, image, weight):
    lengths = _slope(u).square().sum(0).sqrt()
    return float(((u - image) ** 2).sum() / 2 + weight * lengths.sum())


@pytest.mark.parametrize("across", [False, True])
def test_a_step_edge_loses_height_as_theory_says(across):
    """One dimension, a low side of 4 pixels and a high one of 6: each moves by weight over its length."""
    image = torch.tensor([0.2] * 4 + [0.8] * 6, dtype=torch.float64).reshape(1, 1, 1, 10)
    expected = torch.tensor([0.2 + 0.1 / 4] * 4 + [0.8 - 0.1 / 6] * 6, dtype=torch.float64).reshape(1, 1, 1, 10)
    if across:
        image, expected = image.mT, expected.mT
    torch.testing.assert_close(TotalVariation(weight=0.1, steps=1000)(image), expected, atol=1e-6, rtol=0)


def test_enough_weight_leaves_the_mean():
    image = images(count=1, channels=1, height=4, width=4, dtype=torch.float64)
    flat = TotalVariation(weight=5.0, steps=1000)(image)
    torch.testing.assert_close(flat, image.mean().expand_as(image), atol=1e-3, rtol=0)


def test_many_steps_reach_the_optimum_of_an_independent_solver():
    image = images(count=1, channels=1, height=4, width=5, dtype=torch.float64)

    def smoothed(values):  # differentiable: lengths are rounded off below 1e-4
        u = torch.tensor(values).reshape(image.shape).requires_grad_()
        lengths = (_slope_by_hand(u).square().sum(0) + 1e-8).sqrt()
        value = ((u - image) ** 2).sum() / 2 + 0.1 * lengths.sum()
        value.backward()
        return float(value.detach()), u.grad.numpy().ravel()

    best = minimize(smoothed, image.numpy().ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 5000})
    ours = TotalVariation(weight=0.1, steps=1000)(image)
    assert energy(ours, image, 0.1) <= energy(torch.tensor(best.x).reshape(image.shape), image, 0.1) + 1e-6
    np.testing.assert_allclose(ours.numpy().ravel(), best.x, atol=5e-3)


def _slope_by_hand(u):
    down = torch.cat([u[:, :, 1:] - u[:, :, :-1], torch.zeros_like(u[:, :, :1])], 2)
    right = torch.cat([u[..., 1:] - u[..., :-1], torch.zeros_like(u[..., :1])], 3)
    return torch.stack([down, right])


def test_each_step_counts_and_the_default_is_near_the_optimum():
    image = images(height=16, width=16, dtype=torch.float64)
    values = [energy(TotalVariation(weight=0.1, steps=steps)(image), image, 0.1) for steps in (1, 3, 10, 30, 1000)]
    assert values == sorted(values, reverse=True)
    start, optimum = energy(image, image, 0.1), values[-1]
    assert values[-2] - optimum < 0.02 * (start - optimum)


@pytest.mark.parametrize(("weight", "steps"), [(0.1, 1), (0.1, 7), (0.02, 30)])
def test_the_gradient_is_that_of_all_steps(weight, steps):
    shown = (images(count=2, channels=2, height=6, width=5, dtype=torch.float64) * 0.8 + 0.1).requires_grad_()
    assert torch.autograd.gradcheck(TotalVariation(weight=weight, steps=steps), (shown,))


def test_divergence_is_the_negative_adjoint_of_the_slope():
    image, dual = images(dtype=torch.float64), torch.stack([images(seed=1), images(seed=2)]).double()
    torch.testing.assert_close((_slope(image) * dual).sum(), -(image * _divergence(dual)).sum())


@pytest.mark.parametrize("shape", [(2, 1, 1, 1), (2, 3, 1, 6), (1, 1, 50, 2)])
def test_any_size_will_do(shape):
    shown = torch.rand(shape, requires_grad=True)
    denoised = TotalVariation()(shown)
    denoised.sum().backward()
    assert denoised.shape == shape
    torch.testing.assert_close(shown.grad.sum(), torch.tensor(float(shown.numel())))  # brightness is kept


@pytest.mark.parametrize(("weight", "steps"), [(0, 30), (11, 30), (0.1, 0), (0.1, 2.5)])
def test_parameters_that_cannot_be_are_told(weight, steps):
    with pytest.raises(UserError, match=r"tv\?(weight|steps) cannot be used"):
        TotalVariation(weight=weight, steps=steps)
