"""Projected gradient descent as a search over lanes: the loop that FGSM, BIM and PGD share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from advwindow.attacks.budget import Ball, Norm, per_sample, steepest
from advwindow.attacks.goal import LOSSES
from advwindow.attacks.lanes import common_rows, harvest
from advwindow.attacks.oracle import logits_at, slope_at
from advwindow.errors import UserError, did_you_mean
from advwindow.streams import stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from advwindow.attacks.door import Problem
    from advwindow.attacks.lanes import Job, JobResult, State

Until = Literal["success", "end"]


@dataclass(frozen=True)
class Schedule:
    """How to descend.

    Attributes:
        steps: gradients per start.
        step_size: length of a step in pixel units; None for `relative_step`.
        relative_step: length of a step as a share of epsilon.
        random_start: start at a random point of the ball, not at the image.
        loss: ``"ce"`` or ``"margin"``.
        until: stop a lane at its first ``"success"``, or go on to the ``"end"`` for the strongest example.
    """

    steps: int
    step_size: float | None = None
    relative_step: float = 1.0
    random_start: bool = False
    loss: str = "ce"
    until: Until = "end"

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise UserError("an attack needs at least one step", got=str(self.steps))
        if self.loss not in LOSSES:
            raise UserError("unknown loss", got=self.loss, fix=did_you_mean(self.loss, LOSSES))
        if self.until not in ("success", "end"):
            raise UserError("unknown stopping rule", got=self.until, expected="'success' or 'end'")


class Descent:
    """Steepest steps inside the ball, one iterate at a time for every lane; the best iterate is kept, not the last.

    A lane costs ``steps + 1`` forward and ``steps`` backward passes: success is read from the forward pass that the
    next gradient needs anyway. The clean image is never a candidate.
    """

    def __init__(self, problem: Problem, schedule: Schedule, norm: Norm) -> None:
        self.problem = problem
        self.schedule = schedule
        self.norm = norm

    def start(self, jobs: Sequence[Job]) -> State:
        """Rows at the clean image, or at a random point of the ball."""
        device = self.problem.images.device
        samples = torch.tensor([job.sample for job in jobs], device=device)
        radius = torch.tensor([job.radius for job in jobs], dtype=torch.float64, device=device)
        ball = Ball.around(self.problem.images[samples], radius, self.norm)
        point = ball.centre
        if self.schedule.random_start:
            point = ball.project(point + torch.stack([self._offset(job) for job in jobs]).to(device))
        return ball.rows() | common_rows(samples) | {"point": point, "best": point.clone()}

    def step(self, state: State) -> None:
        """Look at the current iterate of every lane; move on from those that are not at their end."""
        goal = self.problem.goal.take(state["sample"])
        last = state["age"] == self.schedule.steps
        if bool(last.all()):
            self._look(state, logits_at(self.problem.model, state["point"]))
            state["done"] = last
            return
        slope = slope_at(self.problem.model, state["point"], lambda logits: goal.loss(logits, self.schedule.loss))
        self._look(state, slope.logits)
        state["done"] = last | state["won"] if self.schedule.until == "success" else last
        moving = ~state["done"]
        state["zero"] = state["zero"] + (slope.zero & moving)
        state["nonfinite"] = state["nonfinite"] + (slope.nonfinite & moving)
        state["age"] = state["age"] + moving
        state["point"] = self._moved(state, slope.gradient)

    def result(self, state: State, lane: int) -> JobResult:
        """The best iterate of a finished lane."""
        age = int(state["age"][lane])
        return harvest(state, lane, forwards=age + 1, backwards=age)

    def _look(self, state: State, logits: Tensor) -> None:
        goal = self.problem.goal.take(state["sample"])
        margin = goal.margin(logits)
        eligible = state["age"] >= (0 if self.schedule.random_start else 1)
        better = eligible & (margin < state["margin"])
        won = eligible & goal.safely_reached(logits)
        state["best"] = torch.where(per_sample(better, state["point"]), state["point"], state["best"])
        state["margin"] = torch.where(better, margin, state["margin"])
        state["first"] = torch.where(won & (state["first"] < 0), state["age"], state["first"])
        state["won"] = state["won"] | won

    def _moved(self, state: State, gradient: Tensor) -> Tensor:
        size = self.schedule.step_size
        radius = state["radius"]
        length = radius * self.schedule.relative_step if size is None else torch.full_like(radius, size)
        direction = steepest(gradient, self.norm)
        return Ball.from_rows(state, self.norm).project(
            state["point"] - per_sample(length.float(), gradient) * direction
        )

    def _offset(self, job: Job) -> Tensor:
        """A point drawn uniformly from the ball, the same for this sample and restart whoever runs beside it."""
        shape = self.problem.images.shape[1:]
        draw = stream(self.problem.seed, "random start", self.problem.ids[job.sample], job.restart)
        if self.norm is Norm.LINF:
            offset = draw.uniform(-job.radius, job.radius, shape)
        else:
            direction = draw.standard_normal(shape)
            offset = direction * (job.radius * draw.random() ** (1 / direction.size) / np.linalg.norm(direction))
        return torch.from_numpy(offset.astype(np.float32))
