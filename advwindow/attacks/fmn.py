"""FMN: the fast minimum-norm attack, in four norms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from advwindow.attacks.ball import Ball
from advwindow.attacks.boards import smallest
from advwindow.attacks.budget import Norm, per_sample, size, steepest
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
        return smallest(problem, budgets, _BoundaryBall(problem, self, budgets[0].norm), _one_job)


def _one_job(sample: int) -> Generator[Job, JobResult, None]:
    yield Job(sample)


class _BoundaryBall:
    """One iterate per step, each in the ball of its lane."""

    def __init__(self, problem: Problem, settings: FMN, norm: Norm) -> None:
        self.problem = problem
        self.settings = settings
        self.norm = norm
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
            "radius": torch.zeros(len(jobs), dtype=torch.float64, device=device),
        }

    def step(self, state: State, *, final: bool) -> None:
        """Look at the current iterate of every lane; move on from those that are not at their end."""
        if final:
            charge(state, forwards=1)
            self._look(state, self.problem.oracle.logits(state["point"]))
            return
        charge(state, forwards=1, backwards=1)
        slope = self.problem.oracle.slope(state["point"], self._shortfall, state["class"])
        won = self._look(state, slope.logits)
        working = ~state["done"]
        state["zero"] = state["zero"] + (slope.zero & working)
        state["nonfinite"] = state["nonfinite"] + (slope.nonfinite & working)
        radius = self._radius(state, slope.gradient, self._shortfall(slope.logits, state["class"]), won)
        moved = self._moved(state, slope.gradient, radius)
        state["radius"] = torch.where(working, radius, state["radius"])
        state["point"] = torch.where(per_sample(working, moved), moved, state["point"])
        state["age"] = state["age"] + working

    def _shortfall(self, logits: Tensor, classes: Tensor) -> Tensor:
        return Goal(classes, self.problem.goal.targeted).shortfall(logits)

    def _look(self, state: State, logits: Tensor) -> Tensor:
        goal = Goal(state["class"], self.problem.goal.targeted)
        won = goal.safely_reached(logits)
        keep_nearest(state, state["point"], self._distance(state), goal.margin(logits), won)
        state["done"] = state["done"] | (state["age"] >= self.settings.steps)
        return won

    def _distance(self, state: State) -> Tensor:
        return size(state["point"].double() - state["image"].double(), self.norm)

    def _radius(self, state: State, gradient: Tensor, shortfall: Tensor, won: Tensor) -> Tensor:
        radius, best = state["radius"], state["distance"]
        first = self.settings.gamma_init or _FIRST_CHANGE.get(self.norm, 0.05)
        gamma = self._falling(state, first, self.settings.gamma_final)
        smaller, larger = radius * (1 - gamma), radius * (1 + gamma)
        if self.norm is Norm.L0:
            larger = torch.where(state["won"], larger, radius * (1 + _HASTE * gamma))
            smaller, larger = torch.minimum(radius - 1, smaller.floor()), torch.maximum(radius + 1, larger.floor())
        else:
            pace = size(gradient.double(), _DUAL[self.norm]).clamp_min(1e-30)
            estimate = self._distance(state) + shortfall.double().abs() / pace
            larger = torch.where(state["won"], larger, torch.maximum(estimate, larger))
        radius = torch.where(won, torch.minimum(smaller, best), larger)
        radius = radius.clamp_min(1) if self.norm is Norm.L0 else radius
        furthest = torch.maximum(state["image"], 1 - state["image"]).double()
        return torch.minimum(radius, size(furthest, self.norm))

    def _moved(self, state: State, gradient: Tensor, radius: Tensor) -> Tensor:
        image = state["image"]
        alpha = self.settings.alpha_init
        last = alpha / 100 if self.settings.alpha_final is None else self.settings.alpha_final
        length = per_sample(self._falling(state, alpha, last).to(image.dtype), image)
        point = state["point"] - length * steepest(gradient, Norm.L2)
        if self.norm is Norm.L2:  # onto the sphere, as in the original: also outward
            reach = per_sample(radius.to(image.dtype), image)
            return (image + reach * steepest(point - image, Norm.L2)).clamp(0, 1)
        return Ball.around(image, radius, self.norm).project(point)

    def _falling(self, state: State, first: float, last: float) -> Tensor:
        share = (1 + torch.cos(math.pi * state["age"].double() / self.settings.steps)) / 2
        return last + (first - last) * share
