"""Transforms that draw at random, anew for each image at each pass."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from advwindow.defenses.base import Defense, flag, real, within_box


class Noise(Defense):
    """Gaussian noise on each pixel.

    Args:
        sigma: standard deviation, in pixel units, above 0, at most 10.
        clip: whether the noisy image is cut to [0, 1]; the gradient of a cut pixel is then 0, as is its own. Without
            the cut images leave [0, 1].
    """

    random = True
    draws = 20

    def __init__(self, sigma: float = 0.05, *, clip: bool = True) -> None:
        super().__init__()
        self.sigma = real("noise?sigma", sigma, 0.05, low=0, high=10)
        self.clip = flag("noise?clip", clip, default=True)

    def forward(self, images: Tensor) -> Tensor:
        """Images ``(N, C, H, W)``, each with noise of its own."""
        noisy = torch.add(images, torch.randn_like(images), alpha=self.sigma)
        return noisy.clamp(0, 1) if self.clip else noisy

    def extra_repr(self) -> str:
        """The parameters."""
        return f"sigma={self.sigma}, clip={self.clip}"


class ResizePad(Defense):
    """Each image made smaller at random and put at a random place on black (Xie et al. 2018, arXiv 1711.01991).

    The sides of the small image are uniform on the whole numbers from ``ceil(scale * side)`` to ``side``, both at the
    same share, the place is uniform on all that fit. Xie et al. enlarge (299 px to 299-330 on 331), which keeps the
    proportions but not the size of the input; here the size is kept, so every network can take it. Resizing is
    bilinear between pixel centres, theirs took the nearest pixel; the gradient is the draw's own.

    Args:
        scale: smallest share of the side that is left, above 0.1, at most 1 (then nothing happens).
    """

    random = True
    draws = 30

    def __init__(self, scale: float = 0.9) -> None:
        super().__init__()
        self.scale = real("resize-pad?scale", scale, 0.9, low=0.1, high=1)

    def forward(self, images: Tensor) -> Tensor:
        """Images ``(N, C, H, W)``, each resized and padded by draws of its own."""
        share, *places = torch.rand(3, len(images), device=images.device, dtype=torch.float64)
        for dim, place in zip((2, 3), places, strict=True):
            side = images.shape[dim]
            smallest = math.ceil(self.scale * side)
            sizes = smallest + (share * (side - smallest + 1)).floor()
            images = resized(images, sizes, (place * (side - sizes + 1)).floor(), dim=dim)
        return within_box(images)

    def extra_repr(self) -> str:
        """The parameters."""
        return f"scale={self.scale}"


def resized(images: Tensor, sizes: Tensor, starts: Tensor, *, dim: int) -> Tensor:
    """Each image shrunk along one dimension to its own size, put at its own start, 0 elsewhere; linear interpolation.

    Args:
        images: ``(N, C, H, W)``.
        sizes: ``(N,)`` float64 whole numbers, at most the side.
        starts: ``(N,)`` float64 whole numbers, at most the side less the size.
        dim: 2 or 3.
    """
    side = images.shape[dim]
    place = torch.arange(side, device=images.device, dtype=torch.float64) - starts[:, None]  # (N, side)
    inside = (place >= 0) & (place < sizes[:, None])
    source = ((place + 0.5) * (side / sizes[:, None]) - 0.5).clamp(0, side - 1)
    low = source.floor()
    shape = (len(images), 1, side, 1) if dim == 2 else (len(images), 1, 1, side)

    def taken(index: Tensor) -> Tensor:
        return images.gather(dim, index.to(torch.int64).reshape(shape).expand_as(images))

    weight = (source - low).to(images.dtype).reshape(shape)
    between = torch.lerp(taken(low), taken((low + 1).clamp_max(side - 1)), weight)
    return between * inside.to(images.dtype).reshape(shape)
