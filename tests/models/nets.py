"""Small networks of many shapes."""

import torch
from torch import nn

from advwindow.models import Classifier


def seeded(module: nn.Module, seed: int = 0) -> nn.Module:
    """Fill parameters and statistics with reproducible, far from trivial numbers, without the global random state."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            noise = torch.randn(value.shape, generator=generator, dtype=value.dtype)
            value.copy_(noise.abs() + 0.5 if name.endswith("running_var") else noise / max(value[0].numel(), 1) ** 0.5)
    return module.eval()


def classifier(module: nn.Module, **facts) -> Classifier:
    return Classifier(seeded(module), **facts)


def images(count: int = 4, side: int = 12, channels: int = 3, seed: int = 1) -> torch.Tensor:
    return torch.rand(count, channels, side, side, generator=torch.Generator().manual_seed(seed))


class Residual(nn.Module):
    """A residual block; the convolution can be of any class."""

    def __init__(self, width: int = 6, conv: type[nn.Conv2d] = nn.Conv2d):
        super().__init__()
        self.conv1 = conv(width, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = conv(width, width, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, x):
        out = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(out)) + x)


class Net(nn.Module):
    """Stem, any body of six channels, pooling and a linear classifier."""

    def __init__(self, *body: nn.Module, classes: int = 5):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, stride=2)
        self.body = nn.Sequential(*body)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.drop = nn.Dropout()
        self.head = nn.Linear(6, classes)

    def forward(self, x):
        return self.head(self.drop(self.pool(self.body(self.stem(x))).flatten(1)))
