"""Threat models: a norm, an epsilon kept as the user wrote it, and the geometry of the ball."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
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
    """How the size of a perturbation is measured: in pixel units of [0, 1], in L0 as the number of changed values."""

    LINF = "linf"
    L2 = "l2"
    L1 = "l1"
    L0 = "l0"

    @classmethod
    def parse(cls, text: str) -> Norm:
        """The norm of that name, e.g. ``"linf"``; raises `UserError` for another one."""
        try:
            return cls(text.lower())
        except ValueError:
            raise UserError("unknown norm", got=text, fix=did_you_mean(text.lower(), [n.value for n in cls])) from None


def parse_eps(text: str) -> float:
    """An epsilon as a number: a decimal (``0.5``) or a quotient of two (``8/255``, ``0.5/255``), positive and finite.

    Raises:
        UserError: the text is no number, or the number is not positive.

    Example:
        >>> parse_eps("51/255")
        0.2
    """
    try:
        over, slash, under = text.partition("/")
        value = float(Fraction(Decimal(over)) / Fraction(Decimal(under) if slash else 1))
    except (ValueError, ArithmeticError):
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
        if self.norm is Norm.L0 and not self.minimal and not self.value.is_integer():
            raise UserError("an epsilon in l0 counts changed values", got=self.eps, expected="a whole number")
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


def make_budgets(eps: str | float | Sequence[str | float] | None, norm: str) -> list[Budget]:
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
    match norm:
        case Norm.LINF:
            return flat.abs().amax(1)
        case Norm.L2:
            length: Tensor = torch.linalg.vector_norm(flat, dim=1)
            return length
        case Norm.L1:
            return flat.abs().sum(1)
        case Norm.L0:
            return (flat != 0).sum(1).to(delta.dtype)


#: Share of the values that a step in L1 moves: the steepest single value would take too many steps.
SPARSE_SHARE = 0.01


def steepest(gradient: Tensor, norm: Norm) -> Tensor:
    """Direction of steepest ascent, of length 1 in the norm; 0 where the gradient is 0.

    In L1 the signs of the largest 1 % of the values, equally long (SLIDE: Tramer, Boneh 2019, arXiv 1904.13000,
    section 3), not of the single largest value.
    """
    assert norm is not Norm.L0
    if norm is Norm.LINF:
        return gradient.sign()
    if norm is Norm.L1:
        return _sparse_signs(gradient)
    # Squares of very small or large numbers leave float32: scale by the largest entry first.
    largest = gradient.flatten(1).abs().amax(1)
    scaled = gradient / per_sample(torch.where(largest > 0, largest, 1), gradient)
    return scaled / per_sample(size(scaled, norm).clamp_min(1), scaled)


def _sparse_signs(gradient: Tensor) -> Tensor:
    strength = gradient.flatten(1).abs()
    count = max(1, round(SPARSE_SHARE * strength.shape[1]))
    place = strength.topk(count, dim=1).indices
    signs = torch.zeros_like(strength).scatter(1, place, gradient.flatten(1).sign().gather(1, place))
    return (signs / signs.abs().sum(1, keepdim=True).clamp_min(1)).view_as(gradient)
