"""A small residual network for small images, described by three numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Sequence


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut (He et al. 2016, arXiv 1512.03385, figure 5 left)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU()
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """``(N, inputs, H, W)`` to ``(N, outputs, H / stride, W / stride)``."""
        inner = self.relu(self.bn1(self.conv1(x)))
        total: Tensor = self.relu(self.bn2(self.conv2(inner)) + self.shortcut(x))
        return total


class ResidualNet(nn.Module):
    """Stem, stages of residual blocks that halve the resolution and double the channels, global mean, linear layer.

    Args:
        channels: of the images.
        width: channels of the first stage.
        blocks: residual blocks of each stage.
        classes: number of logits.
    """

    def __init__(self, *, channels: int = 3, width: int = 32, blocks: Sequence[int] = (1, 2, 2), classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(channels, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        stages, inputs = [], width
        for place, count in enumerate(blocks):
            outputs = width * 2**place
            strides = [1 if place == 0 else 2, *[1] * (count - 1)]
            stages.append(nn.Sequential(*_chain(inputs, outputs, strides)))
            inputs = outputs
        self.stages = nn.Sequential(*stages)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(N, classes)`` of images ``(N, channels, H, W)``."""
        logits: Tensor = self.head(self.pool(self.stages(self.stem(x))).flatten(1))
        return logits


def _chain(inputs: int, outputs: int, strides: Sequence[int]) -> list[ResidualBlock]:
    widths = [inputs, *[outputs] * (len(strides) - 1)]
    return [ResidualBlock(width, outputs, stride) for width, stride in zip(widths, strides, strict=True)]
