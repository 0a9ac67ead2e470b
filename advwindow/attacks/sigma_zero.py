"""Sigma-zero: the fewest changed values, by gradient descent on a smooth count of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from advwindow.attacks.boards import smallest
from advwindow.attacks.budget import Norm, per_sample, size
from advwindow.attacks.door import Cost
from advwindow.attacks.goal import Goal
from advwindow.attacks.lanes import Job, JobResult, State, common_rows
from advwindow.attacks.record import charge, keep_nearest
from advwindow.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from torch import Tensor

    from advwindow.attacks.budget import Budget
    from advwindow.attacks.door import Candidates, Problem

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
        return smallest(problem, budgets, _SmoothCount(problem, self), _one_job)


def _one_job(sample: int) -> Generator[Job, JobResult, None]:
    yield Job(sample)


class _SmoothCount:
    """Adam in the box; values whose change is undone are exactly those of the image."""

    def __init__(self, problem: Problem, settings: SigmaZero) -> None:
        self.problem = problem
        self.settings = settings
        self.length = settings.steps + 1
        self.patient = True

    def start(self, jobs: Sequence[Job]) -> State:
        """Rows at the clean image."""
        device = self.problem.images.device
        samples = torch.tensor([job.sample for job in jobs], device=device)
        images = self.problem.images[samples]
        return common_rows(samples) | {
            "image": images,
            "point": images,
            "best": images,
            "class": self.problem.goal.classes[samples],
            "threshold": torch.full((len(jobs),), self.settings.threshold, dtype=torch.float64, device=device),
            "first moment": torch.zeros_like(images),
            "second moment": torch.zeros_like(images),
        }

    def step(self, state: State, *, final: bool) -> None:
        """Look at the current iterate of every lane; move on from those that are not at their end."""
        if final:
            charge(state, forwards=1)
            self._look(state, self.problem.oracle.logits(state["point"]))
            return
        charge(state, forwards=1, backwards=1)
        slope = self.problem.oracle.slope(state["point"], self._hinge, state["class"])
        won = self._look(state, slope.logits)
        working = ~state["done"]
        state["zero"] = state["zero"] + (slope.zero & ~won & working)
        state["nonfinite"] = state["nonfinite"] + (slope.nonfinite & working)
        self._move(state, slope.gradient, won, working)
        state["age"] = state["age"] + working

    def _hinge(self, logits: Tensor, classes: Tensor) -> Tensor:
        return Goal(classes, self.problem.goal.targeted).shortfall(logits).clamp_min(0)

    def _look(self, state: State, logits: Tensor) -> Tensor:
        goal = Goal(state["class"], self.problem.goal.targeted)
        won = goal.safely_reached(logits)
        distance = size(state["point"].double() - state["image"].double(), Norm.L0)
        keep_nearest(state, state["point"], distance, goal.margin(logits), won)
        state["done"] = state["done"] | (state["age"] >= self.settings.steps)
        return won

    def _move(self, state: State, gradient: Tensor, won: Tensor, working: Tensor) -> None:
        image, settings = state["image"], self.settings
        share = (1 + torch.cos(math.pi * state["age"].double() / settings.steps)) / 2
        pace = settings.step_size * (_LEAST_STEP + (1 - _LEAST_STEP) * share)
        total = gradient + self._count_slope(state["point"] - image)
        update = self._adam(state, total / per_sample(size(total, Norm.LINF).clamp_min(1e-12), total))
        point = (state["point"] - per_sample(pace.to(image.dtype), image) * update).clamp(0, 1)
        change = settings.threshold_factor * pace
        threshold = (state["threshold"] + torch.where(won, change, -change)).clamp(0, 1)
        undone = (point - image).abs() < per_sample(threshold.to(image.dtype), image)
        point = torch.where(undone, image, point)
        state["threshold"] = torch.where(working, threshold, state["threshold"])
        state["point"] = torch.where(per_sample(working, point), point, state["point"])

    def _count_slope(self, delta: Tensor) -> Tensor:
        """The gradient of the mean of ``d^2 / (d^2 + sigma)``."""
        sigma = self.settings.sigma
        return 2 * sigma * delta / (delta.square() + sigma).square() / delta[0].numel()

    def _adam(self, state: State, gradient: Tensor) -> Tensor:
        first = state["first moment"] = _BETA1 * state["first moment"] + (1 - _BETA1) * gradient
        second = state["second moment"] = _BETA2 * state["second moment"] + (1 - _BETA2) * gradient.square()
        count = state["age"].double() + 1
        unbias_first = per_sample((1 - _BETA1**count).to(first.dtype), first)
        unbias_second = per_sample((1 - _BETA2**count).to(first.dtype), first)
        update: Tensor = (first / unbias_first) / ((second / unbias_second).sqrt() + _TINY)
        return update
