"""Fewer levels for each pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advwindow.defenses.base import Defense, straight_through, whole

if TYPE_CHECKING:
    from torch import Tensor


class BitDepth(Defense):
    """Pixels rounded to the nearest of ``2**bits`` evenly spaced levels (Xu et al. 2018, arXiv 1704.01155).

    Half-way values go to the even level, as in the authors' code. The gradient passes as if nothing had happened.

    Args:
        bits: 1 to 8.

    Example:
        >>> import torch
        >>> BitDepth(bits=1)(torch.tensor([[[[0.2, 0.7]]]]))
        tensor([[[[0., 1.]]]])
    """

    surrogate = "identity"

    def __init__(self, bits: int = 4) -> None:
        super().__init__()
        self.bits = whole("bit-depth?bits", bits, 4, low=1, high=8)

    def forward(self, images: Tensor) -> Tensor:
        """Images ``(N, C, H, W)`` on the levels."""
        steps = 2**self.bits - 1
        return straight_through(images, lambda values: values.clamp(0, 1).mul_(steps).round_().div_(steps))

    def extra_repr(self) -> str:
        """The parameters."""
        return f"bits={self.bits}"
