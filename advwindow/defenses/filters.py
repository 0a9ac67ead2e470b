"""Smoothing filters: the median and the Gaussian, with the edge pixels repeated beyond the edge."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

from advwindow.defenses.base import Defense, piecewise, real, whole, within_box
from advwindow.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Median(Defense):
    """Each pixel becomes the median of the square around it, in its own channel (Xu et al. 2018, arXiv 1704.01155).

    The gradient goes to the pixel that is the median and, where several are, in equal parts to all of them: an element
    of the (Clarke) subdifferential.

    Args:
        size: side of the square in pixels, odd, 3 to 15.
    """

    def __init__(self, size: int = 3) -> None:
        super().__init__()
        self.size = whole("median?size", size, 3, low=3, high=15)
        if not self.size % 2:
            raise UserError(
                "median?size cannot be used", got=str(size), expected="an odd number", fix="write median?size=3"
            )

    def forward(self, images: Tensor) -> Tensor:
        """Images ``(N, C, H, W)``, filtered."""
        filtered: Tensor = _Median.apply(images, self.size // 2)  # type: ignore[no-untyped-call]  # torch gives it no types
        return filtered

    def extra_repr(self) -> str:
        """The parameters."""
        return f"size={self.size}"


class _Median(torch.autograd.Function):
    """Keeps two images for the backward pass instead of all comparisons."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, reach: int) -> Tensor:  # noqa: ANN401 - torch types it so
        middle = piecewise(lambda piece: _median(list(_windows(_padded(piece, reach), reach))), images)
        ctx.save_for_backward(images, middle)
        ctx.reach = reach
        return middle

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401 - torch types it so
        def spread(images: Tensor, middle: Tensor, grad: Tensor) -> Tensor:
            padded = _padded(images, ctx.reach)
            equal = [(window == middle).to(grad.dtype) for window in _windows(padded, ctx.reach)]
            share = grad / torch.stack(equal).sum(0)
            total = torch.zeros_like(padded)
            for window, chosen in zip(_windows(total, ctx.reach), equal, strict=True):
                window.addcmul_(share, chosen)
            return _folded(total, ctx.reach)

        return piecewise(spread, *ctx.saved_tensors, grad), None


def _padded(images: Tensor, reach: int) -> Tensor:
    return pad(images, (reach,) * 4, mode="replicate")


def _windows(padded: Tensor, reach: int) -> Iterator[Tensor]:
    """The image shifted to each place of the square; views."""
    height, width = padded.shape[2] - 2 * reach, padded.shape[3] - 2 * reach
    for top in range(2 * reach + 1):
        for left in range(2 * reach + 1):
            yield padded[:, :, top : top + height, left : left + width]


def _folded(padded: Tensor, reach: int) -> Tensor:
    """The adjoint of the padding: what lies beyond an edge is added to it."""
    for dim in (2, 3):
        inner = padded.narrow(dim, reach, padded.shape[dim] - 2 * reach)
        inner.narrow(dim, 0, 1).add_(padded.narrow(dim, 0, reach).sum(dim, keepdim=True))
        inner.narrow(dim, -1, 1).add_(padded.narrow(dim, -reach, reach).sum(dim, keepdim=True))
        padded = inner
    return padded.contiguous()


def _median(values: list[Tensor]) -> Tensor:
    """The elementwise median of an odd number of tensors, by forgetful selection.

    Among one more than half of them, the smallest and the largest cannot be the median: both are dropped and the next
    one is taken in. All pixels take the same exchanges, so each is one vectorised minimum and maximum.
    """
    start = len(values) // 2 + 2
    pool, rest = values[:start], values[start:]
    while len(pool) > 1:
        pool = [*_without_extremes(pool), *rest[:1]]
        rest = rest[1:]
    return pool[0]


def _without_extremes(pool: list[Tensor]) -> list[Tensor]:
    count, last = len(pool), len(pool) - 1
    pool = list(pool)

    def exchange(low: int, high: int) -> None:
        pool[low], pool[high] = torch.minimum(pool[low], pool[high]), torch.maximum(pool[low], pool[high])

    for place in range(count // 2):
        exchange(place, last - place)
    for place in range(1, (count + 1) // 2):
        exchange(0, place)
    for place in range(count // 2, last):
        exchange(place, last)
    return pool[1:last]


class GaussianBlur(Defense):
    """Each channel convolved with a Gaussian that is cut off at four standard deviations, as SciPy does it.

    Args:
        sigma: standard deviation in pixels, above 0, at most 20.
    """

    def __init__(self, sigma: float = 1.0) -> None:
        super().__init__()
        self.sigma = real("gaussian-blur?sigma", sigma, 1.0, low=0, high=20)

    def forward(self, images: Tensor) -> Tensor:
        """Images ``(N, C, H, W)``, blurred."""
        weights = _gaussian(self.sigma)
        return within_box(piecewise(lambda piece: _convolved(_convolved(piece, weights, 2), weights, 3), images))

    def extra_repr(self) -> str:
        """The parameters."""
        return f"sigma={self.sigma}"


def _convolved(images: Tensor, weights: Sequence[float], dim: int) -> Tensor:
    """Convolved along one dimension; `weights` are the kernel's from its middle outwards."""
    reach, side = len(weights) - 1, images.shape[dim]
    padded = pad(images, (0, 0, reach, reach) if dim == 2 else (reach, reach, 0, 0), mode="replicate")
    total = weights[0] * images
    for far, weight in enumerate(weights[1:], start=1):
        neighbours = padded.narrow(dim, reach - far, side) + padded.narrow(dim, reach + far, side)
        total = torch.add(total, neighbours, alpha=weight)
    return total


@lru_cache(maxsize=8)
def _gaussian(sigma: float) -> tuple[float, ...]:
    """The kernel's weights from its middle outwards; all together, both sides counted, they sum to 1."""
    weights = np.exp(-0.5 * (np.arange(int(4 * sigma + 0.5) + 1) / sigma) ** 2)
    return tuple((weights / (2 * weights.sum() - 1)).tolist())
