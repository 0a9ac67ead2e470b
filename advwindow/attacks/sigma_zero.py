"""Sigma-zero: the fewest changed values, by gradient descent on a smooth count of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from advwindow.attacks.approach import Approach, one_job
from advwindow.attacks.boards import smallest
from advwindow.attacks.budget import Norm, per_sample, size
from advwindow.attacks.door import Cost
from advwindow.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from advwindow.attacks.budget import Budget
    from advwindow.attacks.door import Candidates, Problem
    from advwindow.attacks.lanes import State
    from advwindow.attacks.oracle import Slope

_BETA1, _BETA2, _TINY = 0.9, 0.999, 1e-8
#: Share of the first step size that is left at the end.
_LEAST_STEP = 0.1


@dataclass(frozen=True)
class SigmaZero:
    """Fewest changed values: Adam on hinge plus smooth count, small changes undone by a threshold that adapts.

    Cina et al. 2025, arXiv 2402.01879, algorithm 1, which is untargeted; targeted runs use the hinge of the target.

    Attributes:
        steps: gradients per sample; 200 suits a CPU, the authors take 1000.
        sigma: smoothness of the count ``sum d^2 / (d^2 + sigma)``.
        threshold: changes below it are undone; the first value.
        threshold_factor: how much the threshold rises after a success and falls after a failure, as a share of the
            step size.
        step_size: Adam's at first, in pixel units; falls to a tenth by half a cosine.
    """

    steps: int = 200
    sigma: float = 1e-3
    threshold: float = 0.3
    threshold_factor: float = 0.01
    step_size: float = 1.0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise UserError("sigma-zero needs at least one step", got=str(self.steps))
        for name in ("sigma", "threshold_factor", "step_size"):
            if not 0 < getattr(self, name) < math.inf:
                raise UserError(f"{name} of sigma-zero must be positive and finite", got=str(getattr(self, name)))
        if not 0 <= self.threshold <= 1:
            raise UserError("threshold of sigma-zero is a change", got=str(self.threshold), expected="from 0 to 1")

    def cost(self) -> Cost:
        """Most passes that one sample can cost, whatever the budgets."""
        return Cost(self.steps + 1, self.steps)

    def __call__(self, problem: Problem, budgets: Sequence[Budget]) -> list[Candidates]:
        """The smallest perturbation found; at a fixed epsilon, cut to its ball where larger.

        Raises:
            UserError: another norm than L0.
        """
        for budget in budgets:
            if budget.norm is not Norm.L0:
                raise UserError("sigma-zero minimises L0", got=str(budget.norm), fix="write norm = 'l0'")
        return smallest(problem, budgets, _SmoothCount(problem, self), one_job)


class _SmoothCount(Approach):
    """Adam in the box; values whose change is undone are exactly those of the image."""

    flat_when_won = True  # the hinge is

    def __init__(self, problem: Problem, settings: SigmaZero) -> None:
        super().__init__(problem, settings.steps, Norm.L0)
        self.settings = settings

    def _own_rows(self, images: Tensor) -> State:
        threshold = torch.full((len(images),), self.settings.threshold, dtype=torch.float64, device=images.device)
        return {
            "threshold": threshold,
            "first moment": torch.zeros_like(images),
            "second moment": torch.zeros_like(images),
        }

    def _loss(self, logits: Tensor, classes: Tensor) -> Tensor:
        return self._goal(classes).shortfall(logits).clamp_min(0)

    def _move(self, state: State, slope: Slope, won: Tensor) -> State:
        image = state["image"]
        total = slope.gradient + self._count_slope(state["point"] - image)
        moments = _moments(state, total / per_sample(size(total, Norm.LINF).clamp_min(1e-12), total))
        pace = self.settings.step_size * self._falling(state, 1, _LEAST_STEP)
        update = per_sample(pace.to(image.dtype), image) * _adam(moments, state["age"])
        point = (state["point"] - update).clamp(0, 1)
        change = self.settings.threshold_factor * pace
        threshold = (state["threshold"] + torch.where(won, change, -change)).clamp(0, 1)
        undone = (point - image).abs() < per_sample(threshold.to(image.dtype), image)
        return moments | {"threshold": threshold, "point": torch.where(undone, image, point)}

    def _count_slope(self, delta: Tensor) -> Tensor:
        """The gradient of the mean of ``d^2 / (d^2 + sigma)``."""
        sigma = self.settings.sigma
        return 2 * sigma * delta / (delta.square() + sigma).square() / delta[0].numel()


def _moments(state: State, gradient: Tensor) -> State:
    return {
        "first moment": _BETA1 * state["first moment"] + (1 - _BETA1) * gradient,
        "second moment": _BETA2 * state["second moment"] + (1 - _BETA2) * gradient.square(),
    }


def _adam(moments: State, age: Tensor) -> Tensor:
    """Adam's direction after the step of this number ``(L,)``, from 0."""
    first, second, count = moments["first moment"], moments["second moment"], age.double() + 1
    unbias_first = per_sample((1 - _BETA1**count).to(first.dtype), first)
    unbias_second = per_sample((1 - _BETA2**count).to(first.dtype), first)
    update: Tensor = (first / unbias_first) / ((second / unbias_second).sqrt() + _TINY)
    return update
