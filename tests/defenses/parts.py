"""Small networks and images for tests of defences."""

import torch
from torch import nn

from advwindow.models import Classifier


def images(count=3, channels=3, height=10, width=7, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, channels, height, width, generator=generator, dtype=dtype)


def small_net(channels=3, classes=4, seed=0, **facts):
    """Convolution, batch norm, ReLU, linear; weights from the seed alone."""
    net = nn.Sequential(
        nn.Conv2d(channels, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(24, classes),
    )
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in net.parameters():
            value.copy_(torch.randn(value.shape, generator=generator) * 0.5)
    return Classifier(net, **{"mean": [0.4] * channels, "std": [0.3] * channels, "name": "small", **facts}).eval()
