"""FMN: the fast minimum-norm attack, in four norms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from advwindow.attacks.approach import Approach, one_job
from advwindow.attacks.ball import Ball
from advwindow.attacks.boards import smallest
from advwindow.attacks.budget import Norm, per_sample, size, steepest
from advwindow.attacks.door import Cost
from advwindow.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from advwindow.attacks.budget import Budget
    from advwindow.attacks.door import Candidates, Problem
    from advwindow.attacks.lanes import State
    from advwindow.attacks.oracle import Slope

#: Share by which the ball changes at first unless told otherwise, where it is not 0.05.
_FIRST_CHANGE = {Norm.L1: 0.2}
#: How much faster the ball grows in L0 until there is a success.
_HASTE = 4
#: The norm whose value of the gradient tells how fast the loss falls per unit of distance.
_DUAL = {Norm.L1: Norm.LINF, Norm.L2: Norm.L2, Norm.LINF: Norm.L1}


@dataclass(frozen=True)
class FMN:
    """Smallest perturbation: steps down the margin, projected onto a ball that follows the decision boundary.

    Pintor et al. 2021, arXiv 2102.12827, algorithm 1. Unlike the original, the ball also grows while no success is
    known, by at least gamma (in L0 by four times that: there is no estimate of the distance to the boundary), and the
    projections onto L1 and L0 balls are onto ball and box at once.

    Attributes:
        steps: gradients per sample.
        alpha_init: length in L2 of the first step, in pixel units.
        alpha_final: length of the last step; None for a hundredth of the first.
        gamma_init: share by which the ball changes at first; None for 0.2 in L1 and 0.05, as the original, elsewhere.
        gamma_final: share at the end; both fall by half a cosine.
    """

    steps: int = 100
    alpha_init: float = 1.0
    alpha_final: float | None = None
    gamma_init: float | None = None
    gamma_final: float = 0.001

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise UserError("fmn needs at least one step", got=str(self.steps))
        for name in ("alpha_init", "alpha_final"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise UserError(f"{name} of fmn must be positive and finite", got=str(value))
        for name in ("gamma_init", "gamma_final"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 1:
                raise UserError(f"{name} of fmn is a share", got=str(getattr(self, name)), expected="between 0 and 1")

    def cost(self) -> Cost:
        """Most passes that one sample can cost, whatever the budgets."""
        return Cost(self.steps + 1, self.steps)

    def __call__(self, problem: Problem, budgets: Sequence[Budget]) -> list[Candidates]:
        """The smallest perturbation found; at a fixed epsilon, cut to its ball where larger."""
        return smallest(problem, budgets, _BoundaryBall(problem, self, budgets[0].norm), one_job)


class _BoundaryBall(Approach):
    """Every iterate lies in the ball of its lane."""

    def __init__(self, problem: Problem, settings: FMN, norm: Norm) -> None:
        super().__init__(problem, settings.steps, norm)
        self.settings = settings

    def _own_rows(self, images: Tensor) -> State:
        return {"radius": torch.zeros(len(images), dtype=torch.float64, device=images.device)}

    def _loss(self, logits: Tensor, classes: Tensor) -> Tensor:
        return self._goal(classes).shortfall(logits)

    def _move(self, state: State, slope: Slope, won: Tensor) -> State:
        radius = self._next_radius(state, slope, won)
        return {"radius": radius, "point": self._next_point(state, slope.gradient, radius)}

    def _next_radius(self, state: State, slope: Slope, won: Tensor) -> Tensor:
        radius = state["radius"]
        first = self.settings.gamma_init or _FIRST_CHANGE.get(self.norm, 0.05)
        gamma = self._falling(state, first, self.settings.gamma_final)
        smaller, larger = radius * (1 - gamma), radius * (1 + gamma)
        if self.norm is Norm.L0:
            larger = torch.where(state["won"], larger, radius * (1 + _HASTE * gamma))
            smaller, larger = torch.minimum(radius - 1, smaller.floor()), torch.maximum(radius + 1, larger.floor())
        else:
            larger = torch.where(state["won"], larger, torch.maximum(self._boundary(state, slope), larger))
        radius = torch.where(won, torch.minimum(smaller, state["distance"]), larger)
        return self._inside(state, radius.clamp_min(1) if self.norm is Norm.L0 else radius)

    def _boundary(self, state: State, slope: Slope) -> Tensor:
        """``(L,)`` float64: distance from the image at which the linearised network would give way."""
        pace = size(slope.gradient.double(), _DUAL[self.norm]).clamp_min(1e-30)
        return self._distance(state) + self._loss(slope.logits, state["class"]).double().abs() / pace

    def _next_point(self, state: State, gradient: Tensor, radius: Tensor) -> Tensor:
        image = state["image"]
        alpha = self.settings.alpha_init
        last = alpha / 100 if self.settings.alpha_final is None else self.settings.alpha_final
        length = per_sample(self._falling(state, alpha, last).to(image.dtype), image)
        point = state["point"] - length * steepest(gradient, Norm.L2)
        if self.norm is Norm.L2:  # onto the sphere, as in the original: also outward
            reach = per_sample(radius.to(image.dtype), image)
            return (image + reach * steepest(point - image, Norm.L2)).clamp(0, 1)
        return Ball.around(image, radius, self.norm).project(point)
