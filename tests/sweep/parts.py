"""A small network, images and words that fit together, made in milliseconds: what sweeps are tested on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from advwindow.models import Classifier

if TYPE_CHECKING:
    from pathlib import Path

CLASSES, PER_CLASS, SIDE = 12, 2, 12
NAMES = ("ant", "bear", "cat", "dog", "eel", "fox", "gnu", "hen", "ibis", "jay", "kiwi", "lion")


def pictures() -> tuple[Tensor, Tensor]:
    """Two noisy copies of one template for each class."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(CLASSES, 3, 4, 4, generator=generator)
    templates = nn.functional.interpolate(coarse, scale_factor=3, mode="nearest")
    noise = 0.1 * torch.rand(CLASSES * PER_CLASS, 3, SIDE, SIDE, generator=generator)
    labels = torch.arange(CLASSES).repeat_interleave(PER_CLASS)
    return (0.05 + 0.8 * templates[labels] + noise).clamp(0, 1), labels


def network() -> nn.Sequential:
    """Random convolutions; the readout names the nearest class centre, so every picture is classified correctly."""
    generator = torch.Generator().manual_seed(1)
    convs = [
        nn.Conv2d(3, 12, 3, padding=1, bias=False),
        nn.Conv2d(12, 24, 3, stride=2, padding=1, bias=False),
        nn.Conv2d(24, 24, 3, padding=1, bias=False),
    ]
    for conv in convs:
        fan = conv.weight[0].numel()
        with torch.no_grad():
            conv.weight.copy_(torch.randn(conv.weight.shape, generator=generator) * (2 / fan) ** 0.5)
    body = nn.Sequential(*(nn.Sequential(conv, nn.ReLU(inplace=True)) for conv in convs), nn.AdaptiveAvgPool2d(3))
    x, y = pictures()
    with torch.no_grad():
        features = body(x).flatten(1)
    centres = torch.stack([features[y == label].mean(0) for label in range(CLASSES)])
    centres = 5 * centres.round(decimals=2)  # a coarse grid: the same to the last bit on every machine
    head = nn.Linear(centres.shape[1], CLASSES)
    with torch.no_grad():
        head.weight.copy_(centres)
        head.bias.copy_(-centres.square().sum(1) / 10)
    return nn.Sequential(body, nn.Flatten(), head).eval()


def make_model(**_options) -> Classifier:
    """The network as a factory for ``py:`` and ``file:`` references."""
    return Classifier(network(), label_names=NAMES, name="parts")


def make_wrong_count() -> Classifier:
    """A network with one output too many, and no names."""
    return Classifier(nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE * SIDE, CLASSES + 1)))


def make_nan() -> Classifier:
    """A network whose weights diverged."""
    net = network()
    head = net[2]
    assert isinstance(head, nn.Linear)
    with torch.no_grad():
        head.weight.fill_(float("nan"))
    return Classifier(net)


def write_images(path: Path, *, classes: int = CLASSES) -> str:
    """The pictures of the first classes as an ``npz:`` reference."""
    x, y = pictures()
    keep = y < classes
    np.savez(path, images=x[keep].numpy(), labels=y[keep].numpy(), label_names=np.array(NAMES[:classes]))
    return f"npz:{path}"


def write_words(path: Path, *, known: int = CLASSES) -> str:
    """Random vectors for the first names as an ``npz:`` reference."""
    vectors = np.random.default_rng(2).normal(size=(known, 10))
    np.savez(path, words=np.array(NAMES[:known]), vectors=vectors)
    return f"npz:{path}"
