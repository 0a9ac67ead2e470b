"""Threat models: a norm, an epsilon kept as the user wrote it, and the geometry of the ball."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING

import torch

from advwindow.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

MINIMAL = "min"


class Norm(StrEnum):
    """How the size of a perturbation is measured, in pixel units of [0, 1]."""

    LINF = "linf"
    L2 = "l2"

    @classmethod
    def parse(cls, text: str) -> Norm:
        """The norm of that name, e.g. ``"linf"``; raises `UserError` for another one."""
        try:
            return cls(text.lower())
        except ValueError:
            raise UserError("unknown norm", got=text, fix=did_you_mean(text.lower(), [n.value for n in cls])) from None


def parse_eps(text: str) -> float:
    """An epsilon as a number: a fraction (``8/255``) or a decimal (``0.5``), positive and finite.

    Raises:
        UserError: the text is no number, or the number is not positive.

    Example:
        >>> parse_eps("51/255")
        0.2
    """
    try:
        value = float(Fraction(text.strip()))
    except (ValueError, ZeroDivisionError, OverflowError):
        raise UserError(
            "epsilon is no number", got=text, expected="a fraction or a decimal", fix="write 8/255"
        ) from None
    if not value > 0:
        raise UserError("epsilon must be positive", got=text, fix="write 8/255")
    return value


@dataclass(frozen=True)
class Budget:
    """What an attack may spend: a norm and an epsilon in pixel units of [0, 1].

    Attributes:
        norm: how size is measured.
        eps: the exact text the user wrote, or ``"min"`` for the smallest perturbation an attack can find.
    """

    norm: Norm
    eps: str

    def __post_init__(self) -> None:
        if self.norm is Norm.LINF and self.value > 1 and not self.minimal:
            fix = f"write {self.eps}/255" if self.eps.isdigit() else "write 8/255"
            raise UserError("epsilon exceeds the pixel range", got=self.eps, expected="at most 1 in linf", fix=fix)

    @property
    def minimal(self) -> bool:
        """Whether the smallest perturbation is sought instead of one within a fixed size."""
        return self.eps == MINIMAL

    @property
    def value(self) -> float:
        """Epsilon as a number; infinite for a minimal budget."""
        return math.inf if self.minimal else parse_eps(self.eps)

    def __str__(self) -> str:
        return f"{self.norm} {'minimal' if self.minimal else self.eps}"


def make_budgets(eps: str | float | Sequence[str] | None, norm: str) -> list[Budget]:
    """One budget per epsilon; ``None`` is the minimal budget."""
    texts = [eps] if isinstance(eps, str | int | float) else [MINIMAL] if eps is None else list(eps)
    if not texts:
        raise UserError("no epsilon given", fix="write at least one, e.g. 8/255")
    return [Budget(Norm.parse(norm), str(text)) for text in texts]


def per_sample(values: Tensor, like: Tensor) -> Tensor:
    """``(N,)`` values shaped to broadcast over the ``(N, ...)`` tensor `like`."""
    return values.reshape(-1, *[1] * (like.dim() - 1))


def size(delta: Tensor, norm: Norm) -> Tensor:
    """``(N,)`` sizes of perturbations ``(N, ...)`` in the dtype of `delta`."""
    flat = delta.flatten(1)
    return flat.abs().amax(1) if norm is Norm.LINF else flat.norm(dim=1)


def steepest(gradient: Tensor, norm: Norm) -> Tensor:
    """Unit direction of steepest ascent; 0 where the gradient is 0."""
    if norm is Norm.LINF:
        return gradient.sign()
    # Squares of very small or large numbers leave float32: scale by the largest entry first.
    largest = gradient.flatten(1).abs().amax(1)
    scaled = gradient / per_sample(torch.where(largest > 0, largest, 1), gradient)
    return scaled / per_sample(size(scaled, norm).clamp_min(1), scaled)


@dataclass(frozen=True)
class Ball:
    """Per-sample balls around float32 images, cut by the pixel box, safe under rounding.

    Whatever `project` returns lies within epsilon when measured in float64. In Linf the bounds are moved to the next
    float toward the centre where float32 rounded them outward; in L2 the radius is reduced by the largest length that
    rounding every pixel to float32 can add, ``sqrt(d) 2**-25`` for values up to 1.

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
        if norm is Norm.L2:
            return cls(norm, centre, radius, torch.zeros_like(centre[:1]), torch.ones_like(centre[:1]))
        exact = centre.double()
        reach = per_sample(radius, centre)
        high = (exact + reach).clamp(max=1).float()
        high = torch.where(high.double() - exact > reach, torch.nextafter(high, centre), high)
        low = (exact - reach).clamp(min=0).float()
        low = torch.where(exact - low.double() > reach, torch.nextafter(low, centre), low)
        return cls(norm, centre, radius, low, high)

    def project(self, images: Tensor) -> Tensor:
        """The nearest point of ball and box for Linf; for L2 first the ball, then the box, which only shortens."""
        if self.norm is Norm.LINF:
            return torch.minimum(torch.maximum(images, self.low), self.high)
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
