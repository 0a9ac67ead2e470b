"""The minimal-norm attack of Carlini and Wagner in L2."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from advwindow.attacks.budget import Ball, Norm, per_sample, size
from advwindow.attacks.door import Candidates, Problem
from advwindow.attacks.lanes import Job, JobResult, State, common_rows, harvest, run_chains
from advwindow.attacks.oracle import slope_at
from advwindow.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from torch import Tensor

    from advwindow.attacks.budget import Budget

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
        steps: gradients for each constant.
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

    def __call__(self, problem: Problem, budgets: Sequence[Budget]) -> list[Candidates]:
        """The smallest perturbation found; at a fixed epsilon, cut to its ball where larger."""
        if any(budget.norm is not Norm.L2 for budget in budgets):
            raise UserError("cw minimises L2", got=str(budgets[0].norm), fix="leave out norm, or write norm = 'l2'")
        found: dict[int, _Found] = {}
        chains = (self._chain(sample, found) for sample in range(len(problem.images)))
        run_chains(chains, _TanhDescent(problem, self), lanes=problem.lanes)
        results = [found[sample] for sample in range(len(problem.images))]
        return [_at_budget(problem.images, results, budget) for budget in budgets]

    def _chain(self, sample: int, found: dict[int, _Found]) -> Generator[Job, JobResult, None]:
        best = found[sample] = _Found()
        for constant in self._constants(best):
            best.note((yield Job(sample, constant=constant)))

    def _constants(self, best: _Found) -> Generator[float, None, None]:
        lower, upper, constant = 0.0, math.inf, self.initial_c
        for _ in range(self.search_steps):
            yield constant
            assert best.last is not None
            if best.last.success:
                upper = min(upper, constant)
            else:
                lower = max(lower, constant)
            constant = (lower + upper) / 2 if math.isfinite(upper) else constant * 10


class _Found:
    """The best of one sample's jobs: successes by distance, before failures by margin; and the sum of their costs."""

    def __init__(self) -> None:
        self.best: JobResult | None = None
        self.last: JobResult | None = None
        self.costs = torch.zeros(4, dtype=torch.int64)

    def note(self, result: JobResult) -> None:
        self.last = result
        self.costs += torch.tensor(
            [result.forwards, result.backwards, result.zero_gradients, result.nonfinite_gradients]
        )
        if self.best is None or _order(result) < _order(self.best):
            self.best = result


def _order(result: JobResult) -> tuple[bool, float]:
    return (not result.success, result.distance if result.success else result.margin)


def _at_budget(images: Tensor, found: Sequence[_Found], budget: Budget) -> Candidates:
    best = [each.best for each in found if each.best is not None]
    candidates = torch.stack([result.image for result in best])
    if not budget.minimal:
        radius = torch.full((len(images),), budget.value, dtype=torch.float64, device=images.device)
        outside = size((candidates - images).double(), Norm.L2) > radius
        cut = Ball.around(images, radius, Norm.L2).project(candidates)
        candidates = torch.where(per_sample(outside, images), cut, candidates)
    first = torch.tensor([result.first_success_step for result in best], dtype=torch.int64)
    return Candidates(candidates, first, *torch.stack([each.costs for each in found]).unbind(1))


class _TanhDescent:
    """Adam on ``w``, every lane with its own constant and its own stopping."""

    def __init__(self, problem: Problem, settings: CW) -> None:
        self.problem = problem
        self.settings = settings
        self.check_every = max(1, settings.steps // 10)

    def start(self, jobs: Sequence[Job]) -> State:
        """Rows at the clean image."""
        device = self.problem.images.device
        samples = torch.tensor([job.sample for job in jobs], device=device)
        images = self.problem.images[samples]
        origin = (2 * images - 1) * _INSIDE
        w = torch.atanh(origin)
        infinite = torch.full((len(jobs),), torch.inf, device=device)
        return common_rows(samples) | {
            "image": images,
            "origin": origin,
            "constant": torch.tensor([job.constant for job in jobs], device=device),
            "w": w,
            "first moment": torch.zeros_like(w),
            "second moment": torch.zeros_like(w),
            "best": images.clone(),
            "distance": infinite.double(),
            "previous loss": infinite,
        }

    def step(self, state: State) -> None:
        """One Adam step of every lane; success and distance are read from the iterate before the step."""
        goal = self.problem.goal.take(state["sample"])
        squashed = torch.tanh(state["w"])
        point = (state["image"] + (squashed - state["origin"]) / 2).clamp_(0, 1)
        kappa = self.settings.kappa
        slope = slope_at(self.problem.model, point, lambda logits: goal.shortfall(logits, kappa).clamp_min(0))
        hinge = goal.shortfall(slope.logits, kappa).clamp_min(0)
        delta = point - state["image"]
        square = delta.square().flatten(1).sum(1)
        self._keep(state, point, slope.logits)
        state["age"] = state["age"] + 1
        self._stop(state, square + state["constant"] * hinge)
        state["zero"] = state["zero"] + (slope.zero & (hinge > 0))
        state["nonfinite"] = state["nonfinite"] + slope.nonfinite
        gradient = 2 * delta + per_sample(state["constant"], delta) * slope.gradient
        self._adam(state, gradient * ((1 - squashed.square()) / 2))

    def result(self, state: State, lane: int) -> JobResult:
        """The nearest success, or else the iterate of smallest margin."""
        age = int(state["age"][lane])
        distance = float(state["distance"][lane])
        return harvest(state, lane, forwards=age, backwards=age, distance=distance)

    def _keep(self, state: State, point: Tensor, logits: Tensor) -> None:
        goal = self.problem.goal.take(state["sample"])
        won = goal.safely_reached(logits, self.settings.kappa)
        distance = size((point - state["image"]).double(), Norm.L2)
        margin = goal.margin(logits)
        nearer = won & (distance < state["distance"])
        closer = ~won & ~state["won"] & (margin < state["margin"])
        take = nearer | closer
        state["best"] = torch.where(per_sample(take, point), point, state["best"])
        state["distance"] = torch.where(nearer, distance, state["distance"])
        state["margin"] = torch.where(take, margin, state["margin"])
        state["first"] = torch.where(won & (state["first"] < 0), state["age"], state["first"])
        state["won"] = state["won"] | won

    def _stop(self, state: State, loss: Tensor) -> None:
        age = state["age"]
        due = (age % self.check_every == 0) & (self.settings.plateau > 0)
        flat = due & (loss > state["previous loss"] * (1 - self.settings.plateau))
        state["previous loss"] = torch.where(due, loss, state["previous loss"])
        state["done"] = flat | (age >= self.settings.steps)

    def _adam(self, state: State, gradient: Tensor) -> None:
        first = state["first moment"].mul_(_BETA1).add_(gradient, alpha=1 - _BETA1)
        second = state["second moment"].mul_(_BETA2).addcmul_(gradient, gradient, value=1 - _BETA2)
        age = state["age"].double()
        unbias_first = per_sample((1 - _BETA1**age).float(), first)
        unbias_second = per_sample((1 - _BETA2**age).float(), second)
        update = (first / unbias_first) / ((second / unbias_second).sqrt_().add_(_TINY))
        state["w"] = state["w"] - self.settings.learning_rate * update
