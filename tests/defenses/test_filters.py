import numpy as np
import pytest
import torch
from scipy import ndimage

from advwindow.defenses import filters
from advwindow.defenses.filters import GaussianBlur, Median
from advwindow.errors import UserError
from tests.defenses.parts import images


@pytest.mark.parametrize("size", [3, 5, 7, 9])
@pytest.mark.parametrize(("height", "width"), [(10, 7), (1, 1), (2, 40)])
def test_the_median_is_scipys(size, height, width):
    shown = images(height=height, width=width)
    expected = ndimage.median_filter(shown.numpy(), size=(1, 1, size, size), mode="nearest")
    assert np.array_equal(Median(size=size)(shown).numpy(), expected)


def test_the_median_of_many_equal_pixels_is_scipys():
    shown = (images(height=30, width=30) * 3).round() / 3
    expected = ndimage.median_filter(shown.numpy(), size=(1, 1, 3, 3), mode="nearest")
    assert np.array_equal(Median()(shown).numpy(), expected)


@pytest.mark.parametrize("size", [3, 5])
def test_the_gradient_of_the_median_is_exact_where_there_is_one(size):
    shown = images(count=2, channels=2, height=6, width=5, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(Median(size=size), (shown,))


def test_equal_pixels_share_the_gradient_of_the_median():
    shown = torch.full((1, 1, 3, 3), 0.5)
    shown[..., 0, 0], shown[..., 2, 2] = 0.1, 0.9
    shown.requires_grad_()
    Median()(shown)[..., 1, 1].backward()
    expected = torch.full((3, 3), 1 / 7)
    expected[0, 0] = expected[2, 2] = 0
    torch.testing.assert_close(shown.grad[0, 0], expected)


@pytest.mark.parametrize("sigma", [0.1, 0.7, 1.0, 3.3])
@pytest.mark.parametrize(("height", "width"), [(10, 7), (1, 1), (2, 40)])
def test_the_blur_is_scipys(sigma, height, width):
    shown = images(height=height, width=width, dtype=torch.float64)
    expected = ndimage.gaussian_filter(shown.numpy(), sigma=(0, 0, sigma, sigma), mode="nearest", truncate=4.0)
    np.testing.assert_allclose(GaussianBlur(sigma=sigma)(shown).numpy(), expected, atol=1e-12)


def test_the_gradient_of_the_blur_is_exact_also_on_white():
    shown = images(count=2, channels=1, height=6, width=5, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(GaussianBlur(sigma=0.8), (shown,))
    white = torch.ones(1, 1, 5, 5, requires_grad=True)
    GaussianBlur(sigma=0.8)(white).sum().backward()
    torch.testing.assert_close(white.grad.sum(), torch.tensor(25.0))


@pytest.mark.parametrize("make", [lambda: Median(size=3), lambda: GaussianBlur(sigma=1.5)])
def test_working_in_pieces_changes_nothing(make, monkeypatch):
    shown, weights = images().requires_grad_(), images(seed=1)
    at_once = make()(shown)
    at_once.mul(weights).sum().backward()
    gradient, shown.grad = shown.grad, None
    monkeypatch.setattr("advwindow.defenses.base._PIECE", 1)
    in_pieces = make()(shown)
    in_pieces.mul(weights).sum().backward()
    assert torch.equal(in_pieces, at_once)
    torch.testing.assert_close(shown.grad, gradient)


@pytest.mark.parametrize("count", range(1, 30, 2))
def test_forgetful_selection_finds_the_median_of_any_odd_number(count):
    values = list(images(count=count, channels=1))
    expected = torch.stack(values).median(0).values
    assert torch.equal(filters._median(values), expected)


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (Median, {"size": 1}, "whole number from 3 to 15"),
        (Median, {"size": 4}, "an odd number"),
        (Median, {"size": "big"}, "whole number"),
        (GaussianBlur, {"sigma": 0}, r"gaussian-blur\?sigma cannot be used.*above 0, at most 20"),
        (GaussianBlur, {"sigma": float("nan")}, "above 0"),
        (GaussianBlur, {"sigma": 21.0}, "at most 20"),
    ],
)
def test_parameters_that_cannot_be_are_told(make, options, message):
    with pytest.raises(UserError, match=message):
        make(**options)
