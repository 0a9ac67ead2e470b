import pytest
import torch
from torch import nn

from advwindow.defenses import Chain, straight_through
from advwindow.defenses.base import Foreign, declared, joined, real
from advwindow.defenses.quantise import BitDepth
from advwindow.defenses.randomised import Noise, ResizePad
from advwindow.errors import UserError
from tests.defenses.parts import images


def test_the_forward_pass_is_exact_where_a_difference_added_back_is_not():
    shown = torch.tensor([1e-3, 0.3, 0.9], requires_grad=True)

    def exact(values):
        return torch.full_like(values, 1 / 3)

    assert torch.equal(straight_through(shown, exact), torch.full((3,), 1 / 3))
    assert not torch.equal(shown + (exact(shown) - shown).detach(), torch.full((3,), 1 / 3))


def test_the_surrogate_may_be_another_function():
    shown = torch.tensor([0.2, 0.7], requires_grad=True)
    passed = straight_through(shown**3, lambda _: shown.detach().round())
    passed.sum().backward()
    assert passed.tolist() == [0, 1]
    torch.testing.assert_close(shown.grad, 3 * shown.detach() ** 2)


def test_a_chain_goes_from_left_to_right_and_puts_declarations_together():
    half = Foreign(nn.Hardtanh(0, 0.5), name="half")
    shown = torch.full((1, 1, 2, 2), 0.7)
    assert torch.equal(Chain(BitDepth(bits=1), half)(shown), torch.full((1, 1, 2, 2), 0.5))
    assert torch.equal(Chain(half, BitDepth(bits=1))(shown), torch.zeros(1, 1, 2, 2))
    chain = Chain(BitDepth(), Noise(), ResizePad(), BitDepth(bits=2))
    assert (chain.random, chain.surrogate, chain.draws) == (True, "identity", 30)
    assert (half.random, half.surrogate, half.draws) == (False, "", 1)


def test_what_a_stranger_declares_is_believed_where_it_is_a_declaration():
    module = nn.Identity()
    module.random, module.surrogate, module.draws = True, "a smooth one", 5
    assert declared(Foreign(module, name="it")) == (True, "a smooth one", 5)
    module.random, module.surrogate, module.draws = torch.rand, None, 0
    assert declared(module) == (False, "", 1)
    assert joined() == (False, "", 1)


def test_a_stranger_who_changes_the_shape_is_told():
    with pytest.raises(UserError, match=r"'shrink' does not return images: got '\(3, 3, 5, 3\)'"):
        Foreign(nn.AvgPool2d(2), name="shrink")(images())


@pytest.mark.parametrize("value", [float("inf"), float("nan"), "1", None, True])
def test_what_is_no_number_is_told(value):
    with pytest.raises(UserError, match=r"x cannot be used.*above 0, at most 5\. Fix: write x=1"):
        real("x", value, 1, low=0, high=5)
