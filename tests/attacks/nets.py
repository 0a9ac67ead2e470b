"""Small networks whose right answers are known."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from advwindow.models import Classifier


def linear(weight: Tensor, bias: Tensor | None = None, **facts) -> Classifier:
    """A linear network on flattened images."""
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(torch.zeros(len(weight)) if bias is None else bias)
    return Classifier(nn.Sequential(nn.Flatten(), layer).eval(), **facts)


def random_linear(classes: int, pixels: int, seed: int, scale: float = 1.0) -> Classifier:
    """A linear network with Gaussian weights."""
    generator = torch.Generator().manual_seed(seed)
    return linear(scale * torch.randn(classes, pixels, generator=generator))


def conv(seed: int = 0, classes: int = 5) -> Classifier:
    """A small convolutional network with batch norm, in evaluation mode."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(inplace=True),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(64, classes),
        )
        net.train()
        for _ in range(3):
            net(torch.rand(16, 3, 8, 8))
    return Classifier(net.eval(), mean=[0.4, 0.5, 0.6], std=[0.2, 0.3, 0.25])


def images(count: int, *, channels: int = 3, side: int = 8, seed: int = 0) -> Tensor:
    """Random images in [0, 1]."""
    return torch.rand(count, channels, side, side, generator=torch.Generator().manual_seed(seed))


def labelled(model: Classifier, x: Tensor) -> Tensor:
    """The network's own answers, so that every sample is worth attacking."""
    with torch.no_grad():
        logits: Tensor = model(x)
        return logits.argmax(1)
