"""The balls in which a perturbation must stay, and the way back into them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from advwindow.attacks.budget import Norm, per_sample, size
from advwindow.attacks.projections import onto_l0_ball, onto_l1_ball

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Ball:
    """Per-sample balls around float32 images, cut by the pixel box, safe under rounding.

    Whatever `project` returns lies within epsilon when measured in float64. In Linf the bounds are moved to the next
    float toward the centre where float32 rounded them outward; in L2 the radius is reduced by the largest length that
    rounding every pixel to float32 can add, ``sqrt(d) 2**-25`` for values up to 1; L1 and L0 see `projections`.

    Attributes:
        norm: how size is measured.
        centre: ``(N, C, H, W)`` float32 images.
        radius: ``(N,)`` float64 epsilons.
        low: lower bound of each pixel.
        high: upper bound of each pixel.
    """

    norm: Norm
    centre: Tensor
    radius: Tensor
    low: Tensor
    high: Tensor

    @classmethod
    def around(cls, centre: Tensor, radius: Tensor, norm: Norm) -> Ball:
        """The balls of these radii ``(N,)`` float64 around these images."""
        if norm is not Norm.LINF:
            return cls(norm, centre, radius, torch.zeros_like(centre[:1]), torch.ones_like(centre[:1]))
        exact = centre.double()
        reach = per_sample(radius, centre)
        high = (exact + reach).clamp(max=1).float()
        high = torch.where(high.double() - exact > reach, torch.nextafter(high, centre), high)
        low = (exact - reach).clamp(min=0).float()
        low = torch.where(exact - low.double() > reach, torch.nextafter(low, centre), low)
        return cls(norm, centre, radius, low, high)

    def project(self, images: Tensor) -> Tensor:
        """The nearest point of ball and box; but in L2 first the ball, then the box, which only shortens."""
        match self.norm:
            case Norm.LINF:
                return torch.minimum(torch.maximum(images, self.low), self.high)
            case Norm.L1:
                return onto_l1_ball(images, self.centre, self.radius)
            case Norm.L0:
                return onto_l0_ball(images, self.centre, self.radius)
            case Norm.L2:
                return self._onto_l2(images)

    def _onto_l2(self, images: Tensor) -> Tensor:
        delta = images - self.centre
        slack = math.sqrt(delta[0].numel()) * 2.0**-25
        reach = (self.radius * (1 - 1e-6) - slack).clamp_min(0)
        factor = (reach / size(delta, self.norm).double().clamp_min(1e-30)).clamp(max=1).to(delta.dtype)
        return (self.centre + delta * per_sample(factor, delta)).clamp_(0, 1)

    def rows(self) -> dict[str, Tensor]:
        """The ball as rows of a search's state."""
        bounds = {"low": self.low, "high": self.high} if self.norm is Norm.LINF else {}
        return {"centre": self.centre, "radius": self.radius, **bounds}

    @classmethod
    def from_rows(cls, rows: dict[str, Tensor], norm: Norm) -> Ball:
        """The ball that `rows` gave."""
        box = rows["centre"].new_tensor(0.0), rows["centre"].new_tensor(1.0)
        return cls(norm, rows["centre"], rows["radius"], rows.get("low", box[0]), rows.get("high", box[1]))
