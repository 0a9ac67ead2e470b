"""Oracles: multiplications counted by hand, the float32 network itself, networks made to lose their digits."""

import sys

import pytest
import torch
from torch import nn

from advwindow.models import Classifier, reduced
from tests.models.nets import Net, Residual, classifier, images, seeded

module = sys.modules["advwindow.models.reduced"]


@pytest.fixture(autouse=True)
def _has_bfloat16(monkeypatch):
    monkeypatch.setattr(module, "processor_has_bfloat16", lambda: True)
    monkeypatch.setattr(module, "WORTHWHILE", 0)


class Demanding(nn.Module):
    """A defense that wants whole float32 pixels."""

    def forward(self, x):
        assert x.dtype == torch.float32
        return x.clamp(0, 1)


def frozen(net, **facts):
    return classifier(net, **facts).requires_grad_(False)


def test_takes_and_gives_float32_and_computes_in_bfloat16():
    model, x = frozen(Net(Residual()), mean=[0.4] * 3, std=[0.2] * 3, defense=Demanding()), images()
    rough = reduced(model, x)
    logits = rough.model(x)
    assert logits.dtype == torch.float32
    assert torch.equal(logits, logits.bfloat16().float())
    assert {weight.dtype for weight in rough.model.parameters()} == {torch.bfloat16}
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    assert rough.model.mean.dtype == torch.float32


def test_its_deviation_is_what_it_says():
    model, x = frozen(Net(Residual())), images()
    rough = reduced(model, x)
    exact = model(x)
    off = (rough.model(x) - exact).abs().amax(1) / (exact.amax(1) - exact.amin(1))
    assert rough.deviation == pytest.approx(float(off.max()), rel=1e-6)
    assert module.LEAST < rough.deviation <= module.FARTHEST


def test_gradients_pass_and_nearly_agree():
    model, x = frozen(Net(Residual())), images()
    slopes = []
    for each in (model, reduced(model, x).model):
        point = x.clone().requires_grad_()
        slopes.append(torch.autograd.grad(each(point).square().sum(), point)[0].flatten())
    assert slopes[1].dtype == torch.float32
    assert float(torch.nn.functional.cosine_similarity(*slopes, dim=0)) > 0.99


@pytest.mark.parametrize(("least", "found"), [(3 * 9 * 4 * 36 + 4 * 5, True), (3 * 9 * 4 * 36 + 4 * 5 + 1, False)])
def test_small_networks_are_left_alone(least, found, monkeypatch):
    """A 3 x 3 convolution of 3 to 4 channels at 6 x 6 places, and a linear layer of 4 to 5."""
    monkeypatch.setattr(module, "WORTHWHILE", least)
    net = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
    assert (reduced(frozen(net), images()) is not None) is found


def test_a_processor_without_bfloat16_keeps_float32(monkeypatch):
    monkeypatch.setattr(module, "processor_has_bfloat16", lambda: False)
    assert reduced(frozen(Net()), images()) is None


class Cancelling(nn.Module):
    """Its logits are small differences of large numbers."""

    def forward(self, x):
        means = x.mean((2, 3))
        return (means + 1000) - 1000


class OwnTensors(nn.Module):
    """Mixes in float32 of its own where only one type may be."""

    def forward(self, x):
        return x.flatten(1) @ torch.ones(x[0].numel(), 3)


class StubbornGradient(nn.Module):
    """Its gradient is float32 whatever it is asked."""

    class Same(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            return gradient @ torch.eye(gradient.shape[-1])

    def forward(self, x):
        return self.Same.apply(x).mean((2, 3))


class Strict(nn.Module):
    def forward(self, x):
        assert x.dtype == torch.float32
        return x.mean((2, 3))


class HalfAlready(nn.Module):
    """Its logits are bfloat16 whatever it gets."""

    def forward(self, x):
        return x.mean((2, 3)).bfloat16()


class Enclosing(Classifier):
    """Computes elsewhere than in its module."""

    def forward(self, images):
        return super().forward(images) * 2


def test_a_classifier_that_computes_elsewhere_is_left_alone():
    assert reduced(Enclosing(seeded(Net()).eval()).requires_grad_(False), images()) is None


@pytest.mark.parametrize(
    "net",
    [
        nn.Sequential(nn.Conv2d(3, 6, 3, groups=3), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        Cancelling(),
        OwnTensors(),
        StubbornGradient(),
        Strict(),
        HalfAlready(),
    ],
    ids=["grouped", "cancelling", "own tensors", "stubborn gradient", "strict", "half already"],
)
def test_networks_that_gain_nothing_or_lose_too_much(net):
    assert reduced(frozen(net), images()) is None


def test_equal_logits_are_no_reason_to_fail():
    net = nn.Sequential(nn.Flatten(), nn.Linear(432, 3))
    nn.init.zeros_(net[1].weight)
    nn.init.zeros_(net[1].bias)
    assert reduced(Classifier(net.eval()), images()).deviation == module.LEAST
