"""Projected gradient descent as a search over lanes: the loop that FGSM, BIM, MI-FGSM and PGD share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from advwindow.attacks.ball import Ball
from advwindow.attacks.boards import Until, check_until
from advwindow.attacks.budget import Norm, per_sample, steepest
from advwindow.attacks.goal import LOSSES, Goal
from advwindow.attacks.lanes import common_rows
from advwindow.attacks.record import charge, keep_strongest
from advwindow.attacks.sight import Sight
from advwindow.errors import UserError, did_you_mean
from advwindow.streams import stream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from advwindow.attacks.door import Problem
    from advwindow.attacks.lanes import Job, State

Decay = Literal["constant", "linear", "cosine"]


@dataclass(frozen=True)
class Schedule:
    """How to descend.

    Attributes:
        steps: gradients per start.
        step_size: length of a step in pixel units; None for `relative_step`.
        relative_step: length of a step as a share of epsilon.
        decay: how steps shorten until the end: ``"constant"``, ``"linear"`` or ``"cosine"``.
        momentum: share of the accumulated gradient that each step keeps; gradients enter it with mean size 1.
        random_start: start at a random point of the ball, not at the image.
        loss: one of `LOSSES`.
        until: stop a lane at its first ``"success"``, or go on to the ``"end"`` for the strongest example.
    """

    steps: int
    step_size: float | None = None
    relative_step: float = 1.0
    decay: Decay = "constant"
    momentum: float = 0.0
    random_start: bool = False
    loss: str = "ce"
    until: Until = "end"

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise UserError("an attack needs at least one step", got=str(self.steps))
        if self.loss not in LOSSES:
            raise UserError("unknown loss", got=self.loss, fix=did_you_mean(self.loss, LOSSES))
        if self.decay not in _DECAYS:
            raise UserError("unknown decay of steps", got=self.decay, fix=did_you_mean(self.decay, _DECAYS))
        if not self.momentum >= 0:
            raise UserError("momentum must not be negative", got=str(self.momentum))
        check_until(self.until)


_DECAYS: dict[str, Callable[[Tensor], Tensor]] = {
    "constant": torch.ones_like,
    "linear": lambda share: 1 - share,
    "cosine": lambda share: (1 + torch.cos(math.pi * share)) / 2,
}


class Descent:
    """Steepest steps inside the ball, one iterate at a time for every lane; the best iterate is kept, not the last.

    Success is read from the forward pass that the next gradient needs anyway, so lanes that start together cost
    ``steps + 1`` forward and ``steps`` backward passes, and at most one more where a success ends the search. The clean
    image is never a candidate.
    """

    def __init__(self, problem: Problem, schedule: Schedule, norm: Norm) -> None:
        self.problem = problem
        self.schedule = schedule
        self.norm = norm
        self.length = schedule.steps + 1
        self.patient = schedule.until == "end"
        self.sight = Sight(problem, hurried=not self.patient)

    def start(self, jobs: Sequence[Job]) -> State:
        """Rows at the clean image, or at a random point of the ball."""
        device = self.problem.images.device
        samples = torch.tensor([job.sample for job in jobs], device=device)
        radius = torch.tensor([job.radius for job in jobs], dtype=torch.float64, device=device)
        ball = Ball.around(self.problem.images[samples], radius, self.norm)
        point = ball.centre
        if self.schedule.random_start:
            offsets = [random_offset(self.problem, job, self.norm) for job in jobs]
            point = ball.project(point + torch.stack(offsets).to(device))
        rows = ball.rows() | common_rows(samples) | {"point": point, "best": point}
        rows["class"] = self.problem.goal.classes[samples]
        rows["trace"] = torch.full((len(jobs), self.length), torch.nan, device=device)
        if self.schedule.momentum:
            rows["velocity"] = torch.zeros_like(point)
        return rows

    def step(self, state: State, *, final: bool) -> None:
        """Look at the current iterate of every lane; move on from those that are not at their end."""
        goal = Goal(state["class"], self.problem.goal.targeted)
        if final:
            charge(state, forwards=1)
            self._look(state, goal, self.sight.logits(state, state["point"]))
            return
        charge(state, forwards=1, backwards=1)
        slope = self.sight.slope(state, state["point"], self._loss, state["class"])
        self._look(state, goal, slope.logits)
        moving = ~state["done"]
        state["zero"] = state["zero"] + (slope.zero & moving)
        state["nonfinite"] = state["nonfinite"] + (slope.nonfinite & moving)
        state["point"] = self._moved(state, slope.gradient)
        state["age"] = state["age"] + moving

    def _loss(self, logits: Tensor, classes: Tensor) -> Tensor:
        return Goal(classes, self.problem.goal.targeted).loss(logits, self.schedule.loss)

    def _look(self, state: State, goal: Goal, logits: Tensor) -> None:
        eligible = state["age"] >= (0 if self.schedule.random_start else 1)
        over = state["age"] >= self.schedule.steps
        logits = self.sight.sure(state, state["point"], logits, matters=eligible, last=over)
        margin, won = goal.standing(logits)
        keep_strongest(state, state["point"], margin, won, eligible=eligible)
        place, values = state["age"][:, None], goal.loss(logits, self.schedule.loss)[:, None]
        values = torch.where(state["done"][:, None], state["trace"].gather(1, place), values)
        state["trace"] = state["trace"].scatter(1, place, values)
        state["done"] = state["done"] | over | (state["won"] if self.schedule.until == "success" else over)

    def _moved(self, state: State, gradient: Tensor) -> Tensor:
        if self.schedule.momentum:
            gradient = gradient / per_sample(gradient.flatten(1).abs().mean(1).clamp_min(1e-30), gradient)
            gradient = state["velocity"] = self.schedule.momentum * state["velocity"] + gradient
        direction = steepest(gradient, self.norm)
        return Ball.from_rows(state, self.norm).project(
            state["point"] - per_sample(self._lengths(state).float(), gradient) * direction
        )

    def _lengths(self, state: State) -> Tensor:
        size, radius = self.schedule.step_size, state["radius"]
        length = radius * self.schedule.relative_step if size is None else torch.full_like(radius, size)
        return length * _DECAYS[self.schedule.decay](state["age"].double() / self.schedule.steps)


def random_offset(problem: Problem, job: Job, norm: Norm) -> Tensor:
    """``(C, H, W)`` drawn uniformly from the ball of a job, the same for a sample and restart whoever runs beside it.

    In L1 and L2 a random direction and a radius by the volume; Linf is a cube.
    """
    shape = problem.images.shape[1:]
    draw = stream(problem.seed, "random start", problem.ids[job.sample], job.restart)
    if norm is Norm.LINF:
        return torch.from_numpy(draw.uniform(-job.radius, job.radius, shape).astype(np.float32))
    direction = draw.standard_normal(shape) if norm is Norm.L2 else draw.laplace(size=shape)
    length = np.linalg.norm(direction.ravel(), 2 if norm is Norm.L2 else 1)
    reach = job.radius * draw.random() ** (1 / direction.size)
    return torch.from_numpy((direction * (reach / length)).astype(np.float32))
