"""The minimal-norm attack of Carlini and Wagner in L2."""

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

#: Shrinks [-1, 1] before the arctanh. The usual 1 - 1e-6 leaves black and white pixels with a slope of 1e-6, on which
#: hundreds of steps are lost; here they move at once, and subtracting the start keeps the first iterate exactly at x.
_INSIDE = 0.98
_BETA1, _BETA2, _TINY = 0.9, 0.999, 1e-8


@dataclass(frozen=True)
class CW:
    """Smallest L2 perturbation by Adam in tanh space, with a binary search over the constant for each sample.

    Carlini, Wagner 2017, arXiv 1608.04644, section VI-A: minimise ``||x' - x||^2 + c max(margin + kappa, 0)``. The
    change of variables is ``x' = clip(x + (tanh(w) - tanh(w0)) / 2)`` with ``w0 = arctanh(0.98 (2x - 1))``: unlike the
    original it starts exactly at x and gives black and white pixels a slope.

    Attributes:
        steps: iterates for each constant, the image itself included; the last is only looked at.
        search_steps: constants tried for each sample: times 10 until the first success, then halving the interval.
        initial_c: first constant.
        learning_rate: Adam's, in tanh space.
        kappa: confidence: the wrong class must win by this many logits.
        plateau: a constant is given up when its loss fell by less than this share over a tenth of its steps; 0 never.
    """

    steps: int = 200
    search_steps: int = 9
    initial_c: float = 1e-2
    learning_rate: float = 1e-2
    kappa: float = 0.0
    plateau: float = 1e-3

    def __post_init__(self) -> None:
        if self.steps < 1 or self.search_steps < 1:
            raise UserError("steps and search_steps must be at least 1", got=f"{self.steps} and {self.search_steps}")
        for name in ("initial_c", "learning_rate"):
            if not getattr(self, name) > 0:
                raise UserError(f"{name} must be positive", got=str(getattr(self, name)))
        if self.kappa < 0 or self.plateau < 0:
            raise UserError("kappa and plateau must not be negative", got=f"{self.kappa} and {self.plateau}")

    def cost(self) -> Cost:
        """Most passes that one sample can cost, whatever the budget."""
        return Cost(self.steps * self.search_steps, self.steps * self.search_steps)

    def __call__(self, problem: Problem, budgets: Sequence[Budget]) -> list[Candidates]:
        """The smallest perturbation found; at a fixed epsilon, cut to its ball where larger."""
        if any(budget.norm is not Norm.L2 for budget in budgets):
            raise UserError("cw minimises L2", got=str(budgets[0].norm), fix="leave out norm, or write norm = 'l2'")
        return smallest(problem, budgets, _TanhDescent(problem, self), self._chain)

    def _chain(self, sample: int) -> Generator[Job, JobResult, None]:
        lower, upper, constant = 0.0, math.inf, self.initial_c
        for _ in range(self.search_steps):
            result = yield Job(sample, constant=constant)
            if result.success:
                upper = min(upper, constant)
            else:
                lower = max(lower, constant)
            constant = (lower + upper) / 2 if math.isfinite(upper) else constant * 10


class _TanhDescent:
    """Adam on ``w``, every lane with its own constant and its own stopping."""

    def __init__(self, problem: Problem, settings: CW) -> None:
        self.problem = problem
        self.settings = settings
        self.check_every = max(1, settings.steps // 10)
        self.length = settings.steps
        self.patient = settings.plateau == 0

    def start(self, jobs: Sequence[Job]) -> State:
        """Rows at the clean image."""
        device = self.problem.images.device
        samples = torch.tensor([job.sample for job in jobs], device=device)
        images = self.problem.images[samples]
        origin = (2 * images - 1) * _INSIDE
        w = torch.atanh(origin)
        return common_rows(samples) | {
            "image": images,
            "class": self.problem.goal.classes[samples],
            "origin": origin,
            "constant": torch.tensor([job.constant for job in jobs], device=device),
            "w": w,
            "first moment": torch.zeros_like(w),
            "second moment": torch.zeros_like(w),
            "best": images,
            "previous loss": torch.full((len(jobs),), torch.inf, device=device),
        }

    def step(self, state: State, *, final: bool) -> None:
        """One Adam step of every lane; success and distance are read from the iterate before the step."""
        squashed = torch.tanh(state["w"])
        point = (state["image"] + (squashed - state["origin"]) / 2).clamp_(0, 1)
        if final:
            charge(state, forwards=1)
            self._look(state, point, self.problem.oracle.logits(point))
            return
        charge(state, forwards=1, backwards=1)
        slope = self.problem.oracle.slope(point, self._hinge, state["class"])
        hinge = self._look(state, point, slope.logits)
        working = ~state["done"]
        state["zero"] = state["zero"] + (slope.zero & (hinge > 0) & working)
        state["nonfinite"] = state["nonfinite"] + (slope.nonfinite & working)
        gradient = 2 * (point - state["image"]) + per_sample(state["constant"], point) * slope.gradient
        self._adam(state, gradient * ((1 - squashed.square()) / 2))

    def _hinge(self, logits: Tensor, classes: Tensor) -> Tensor:
        goal = Goal(classes, self.problem.goal.targeted)
        return goal.shortfall(logits, self.settings.kappa).clamp_min(0)

    def _look(self, state: State, point: Tensor, logits: Tensor) -> Tensor:
        """Keep the iterate if it is the nearest so far; stop where due; return the hinge."""
        goal = Goal(state["class"], self.problem.goal.targeted)
        margin, won = goal.standing(logits, self.settings.kappa)
        distance = size(point.double() - state["image"].double(), Norm.L2)
        keep_nearest(state, point, distance, margin, won)
        state["age"] = state["age"] + ~state["done"]
        hinge = self._hinge(logits, state["class"])
        self._stop(state, distance.square().float() + state["constant"] * hinge)
        return hinge

    def _stop(self, state: State, loss: Tensor) -> None:
        age = state["age"]
        due = (age % self.check_every == 0) & (self.settings.plateau > 0)
        flat = due & (loss > state["previous loss"] * (1 - self.settings.plateau))
        state["previous loss"] = torch.where(due, loss, state["previous loss"])
        state["done"] = state["done"] | flat | (age >= self.settings.steps)

    def _adam(self, state: State, gradient: Tensor) -> None:
        first = state["first moment"].mul_(_BETA1).add_(gradient, alpha=1 - _BETA1)
        second = state["second moment"].mul_(_BETA2).addcmul_(gradient, gradient, value=1 - _BETA2)
        age = state["age"].double()
        unbias_first = per_sample((1 - _BETA1**age).float(), first)
        unbias_second = per_sample((1 - _BETA2**age).float(), second)
        update = (first / unbias_first) / ((second / unbias_second).sqrt_().add_(_TINY))
        state["w"] = state["w"] - self.settings.learning_rate * update
