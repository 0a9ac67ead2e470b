"""DDN: the smallest L2 perturbation with direction and norm decoupled."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from advwindow.attacks.approach import Approach, one_job
from advwindow.attacks.boards import smallest
from advwindow.attacks.budget import Norm, per_sample, size, steepest
from advwindow.attacks.door import Cost
from advwindow.attacks.goal import LOSSES
from advwindow.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from advwindow.attacks.budget import Budget
    from advwindow.attacks.door import Candidates, Problem
    from advwindow.attacks.lanes import State
    from advwindow.attacks.oracle import Slope

#: Without a first norm: this many times the distance at which the linearised network would give way.
_OVERSHOOT = 2.4
#: How much faster the norm changes until it was once too small and once large enough, and the fastest change.
_HASTE, _FASTEST = 4, 0.5
#: Shares of the first change of the norm, and of the first step, that are left at the end.
_LEAST_CHANGE, _LEAST_STEP = 0.02, 0.01


@dataclass(frozen=True)
class DDN:
    """Smallest L2 perturbation: steps of direction on a sphere that shrinks after success and grows after failure.

    Rony et al. 2019, arXiv 1811.09600, algorithm 1. Unlike the original, the first norm comes from the gradient, steps
    are shares of the norm, the norm changes fast until the boundary is bracketed and ever less from then on, and the
    default loss is the difference of logits.

    Attributes:
        steps: gradients per sample.
        gamma: share by which the norm changes once the boundary is bracketed; falls to a fiftieth by half a cosine.
        init_norm: first norm in pixel units; None for an estimate from the first gradient (the original starts at 1).
        loss: one of `LOSSES`; the original descends ``"ce"``.
        levels: iterates are rounded to that many grey levels (256 for 8 bits); None for no rounding.
    """

    steps: int = 100
    gamma: float = 0.05
    init_norm: float | None = None
    loss: str = "margin"
    levels: int | None = None

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise UserError("ddn needs at least one step", got=str(self.steps))
        if not 0 < self.gamma < 1:
            raise UserError("gamma of ddn is a share", got=str(self.gamma), expected="a number between 0 and 1")
        if self.init_norm is not None and not 0 < self.init_norm < math.inf:
            raise UserError("init_norm of ddn must be positive and finite", got=str(self.init_norm))
        if self.loss not in LOSSES:
            raise UserError("unknown loss", got=self.loss, fix=did_you_mean(self.loss, LOSSES))
        if self.levels is not None and self.levels < 2:
            raise UserError("an image has at least two grey levels", got=str(self.levels), fix="write 256")

    def cost(self) -> Cost:
        """Most passes that one sample can cost, whatever the budgets."""
        return Cost(self.steps + 1, self.steps)

    def __call__(self, problem: Problem, budgets: Sequence[Budget]) -> list[Candidates]:
        """The smallest perturbation found; at a fixed epsilon, cut to its ball where larger.

        Raises:
            UserError: another norm than L2.
        """
        for budget in budgets:
            if budget.norm is not Norm.L2:
                raise UserError("ddn minimises L2", got=str(budget.norm), fix="leave out norm, or write norm = 'l2'")
        return smallest(problem, budgets, _Sphere(problem, self), one_job)


class _Sphere(Approach):
    """Every iterate lies on the sphere of its lane's norm, cut by the box."""

    def __init__(self, problem: Problem, settings: DDN) -> None:
        super().__init__(problem, settings.steps, Norm.L2)
        self.settings = settings

    def _own_rows(self, images: Tensor) -> State:
        return {
            "norm": torch.zeros(len(images), dtype=torch.float64, device=images.device),
            "missed": torch.zeros(len(images), dtype=torch.bool, device=images.device),
        }

    def _loss(self, logits: Tensor, classes: Tensor) -> Tensor:
        return self._goal(classes).loss(logits, self.settings.loss)

    def _move(self, state: State, slope: Slope, won: Tensor) -> State:
        missed = state["missed"] | (~won & (state["age"] > 0))
        norm = self._next_norm(state, slope, won, bracketed=state["won"] & missed)
        return {"norm": norm, "missed": missed, "point": self._next_point(state, slope.gradient, norm)}

    def _next_norm(self, state: State, slope: Slope, won: Tensor, *, bracketed: Tensor) -> Tensor:
        gamma = self.settings.gamma
        late = gamma * self._falling(state, 1, _LEAST_CHANGE)
        change = torch.where(bracketed, late, min(_HASTE * gamma, _FASTEST))
        norm = state["norm"] * torch.where(won, 1 - change, 1 + change)
        return self._inside(state, torch.where(state["age"] == 0, self._first_norm(state, slope), norm))

    def _first_norm(self, state: State, slope: Slope) -> Tensor:
        if self.settings.init_norm is not None:
            return torch.full_like(state["norm"], self.settings.init_norm)
        pace = size(slope.gradient.double(), Norm.L2).clamp_min(1e-30)
        return _OVERSHOOT * self._loss(slope.logits, state["class"]).double().abs() / pace

    def _next_point(self, state: State, gradient: Tensor, norm: Tensor) -> Tensor:
        image = state["image"]
        length = per_sample((self._falling(state, 1, _LEAST_STEP) * norm).to(image.dtype), image)
        delta = state["point"] - image - length * steepest(gradient, Norm.L2)
        point = (image + per_sample(norm.to(image.dtype), image) * steepest(delta, Norm.L2)).clamp(0, 1)
        top = None if self.settings.levels is None else self.settings.levels - 1
        return point if top is None else (point * top).round() / top
