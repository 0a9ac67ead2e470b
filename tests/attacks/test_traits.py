"""Random and batch-dependent networks are told from plain ones."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from advwindow.attacks.traits import PASSES, TOLERANCE, Traits, distance, probe_traits
from advwindow.models import Classifier
from tests.attacks import nets


class Noisy(nn.Module):
    """Adds noise of a given size to the logits at every pass."""

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(192, 5))
        self.sigma = sigma

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(images)
        return logits + self.sigma * torch.randn_like(logits)


class Company(nn.Module):
    """Centres the features over the batch, as batch normalisation in training mode does."""

    def __init__(self, share: float = 1.0, centre: str = "mean") -> None:
        super().__init__()
        self.head = nn.Linear(192, 5)
        self.share = share
        self.centre = centre

    def forward(self, images: Tensor) -> Tensor:
        flat = images.flatten(1)
        centres = {"mean": flat.mean(0), "first": flat[:1]}
        logits: Tensor = self.head(flat - self.share * centres[self.centre] if self.centre in centres else flat)
        return logits if self.centre in centres else logits * (1 + self.share * len(images))


class FlipCoin(nn.Module):
    """Mirrors the whole batch, or not."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(192, 5))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(images.flip(-1) if torch.rand(()) < 0.5 else images)
        return logits


class NotFinite(nn.Module):
    """Answers with NaN alone."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.full((len(images), 3), torch.nan)


def made(module: nn.Module) -> Classifier:
    """The module with weights of its own, whatever ran before."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return Classifier(module.eval())


@pytest.mark.parametrize(
    ("model", "random", "batch_dependent"),
    [
        (nets.conv(), False, False),
        (nets.random_linear(5, 192, 0), False, False),
        (made(Noisy(1.0)), True, False),
        (made(Noisy(1e-7)), False, False),
        (made(FlipCoin()), True, False),
        (made(Company()), False, True),
        (made(Company(centre="first")), False, True),
        (made(Company(centre="size")), False, True),
        (made(Company(share=1e-8)), False, False),
        (made(nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(192, 5))), False, False),
    ],
)
@pytest.mark.parametrize(
    "images", [nets.images(4), nets.images(1), torch.full((1, 3, 8, 8), 0.5), torch.zeros(3, 3, 8, 8)]
)
def test_traits(model, random, batch_dependent, images):
    found = probe_traits(model, images)
    assert (found.random, found.batch_dependent) == (random, batch_dependent)
    assert (found.noise > TOLERANCE) == random


def test_training_mode_of_the_network_is_not_its_trait_and_is_left():
    model = nets.conv().train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    assert probe_traits(model, nets.images(2)) == Traits(random=False, batch_dependent=False, noise=0.0)
    assert all(module.training for module in model.modules())
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_global_random_state_is_left():
    model = made(Noisy(1.0))
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    probe_traits(model, nets.images(2))
    assert torch.equal(torch.rand(2), expected)


def test_few_passes():
    model, rows = nets.conv(), []
    model.register_forward_hook(lambda _module, args, _output: rows.append(len(args[0])))
    probe_traits(model, nets.images(8))
    assert sum(rows) == 2 * PASSES + 5


def test_logits_that_are_constant_zero_or_not_finite():
    images = nets.images(2)
    assert probe_traits(nets.linear(torch.zeros(3, 192)), images).noise == 0
    assert probe_traits(Classifier(NotFinite()), images) == Traits(random=False, batch_dependent=False, noise=0.0)
    assert probe_traits(nets.conv(), images[:0]) == Traits(random=False, batch_dependent=False, noise=0.0)


def test_distance_is_a_share_of_the_logits():
    one, other = torch.tensor([[30.0, 40.0], [0.0, 0.0]]), torch.tensor([[30.0, 30.0], [0.0, 0.0]])
    assert distance(one, other) == pytest.approx(0.2)
    assert distance(1e4 * one, 1e4 * other) == pytest.approx(0.2)


def test_autocast_of_the_caller_makes_no_trait():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert probe_traits(nets.conv(), nets.images(2)) == Traits(random=False, batch_dependent=False, noise=0.0)
