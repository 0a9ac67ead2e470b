import pytest
import torch

from advwindow.defenses.quantise import BitDepth
from advwindow.errors import UserError
from tests.defenses.parts import images


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_each_pixel_goes_to_the_nearest_level(bits):
    levels = torch.arange(2**bits) / (2**bits - 1)
    shown = images()
    reduced = BitDepth(bits=bits)(shown)
    nearest = (shown.unsqueeze(-1) - levels).abs().min(-1)
    torch.testing.assert_close((reduced - shown).abs(), nearest.values, atol=1e-6, rtol=0)
    assert torch.equal(reduced, levels[nearest.indices])


def test_eight_bits_leave_eight_bit_images_alone():
    shown = torch.arange(256).reshape(1, 1, 16, 16) / 255
    assert torch.equal(BitDepth(bits=8)(shown), shown)


def test_the_gradient_passes_as_if_nothing_had_happened():
    shown = images().requires_grad_()
    weights = images(seed=1)
    (BitDepth(bits=2)(shown) * weights).sum().backward()
    assert torch.equal(shown.grad, weights)
    assert not BitDepth().differentiable


@pytest.mark.parametrize("bits", [0, 9, 2.5, "four", True])
def test_bits_that_cannot_be_are_told(bits):
    with pytest.raises(UserError, match=r"bit-depth\?bits cannot be used.*whole number from 1 to 8.*bits=4"):
        BitDepth(bits=bits)
