"""The common course of searches that approach the decision boundary: one iterate and one gradient a step."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import torch

from advwindow.attacks.budget import per_sample, size
from advwindow.attacks.goal import Goal
from advwindow.attacks.lanes import Job, JobResult, State, common_rows
from advwindow.attacks.record import charge, keep_nearest

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from torch import Tensor

    from advwindow.attacks.budget import Norm
    from advwindow.attacks.door import Problem
    from advwindow.attacks.oracle import Slope


def one_job(sample: int) -> Generator[Job, JobResult, None]:
    """The chain of a sample that is searched once, from the image itself."""
    yield Job(sample)


class Approach(ABC):
    """A search from the clean image for the nearest success: look at the iterate, then move it by its gradient.

    Args:
        problem: what is attacked.
        steps: gradients per sample; the last iterate is looked at and not moved.
        norm: in which the perturbation is measured.
    """

    #: Whether the loss has no slope after a success, so that a vanished gradient is no accident there.
    flat_when_won: ClassVar[bool] = False

    def __init__(self, problem: Problem, steps: int, norm: Norm) -> None:
        self.problem = problem
        self.steps = steps
        self.norm = norm
        self.length = steps + 1
        self.patient = True

    def start(self, jobs: Sequence[Job]) -> State:
        """Rows at the clean image."""
        samples = torch.tensor([job.sample for job in jobs], device=self.problem.images.device)
        images = self.problem.images[samples]
        rows = {"image": images, "point": images, "best": images, "class": self.problem.goal.classes[samples]}
        return common_rows(samples) | rows | self._own_rows(images)

    def step(self, state: State, *, final: bool) -> None:
        """Look at the current iterate of every lane; move on from those that are not at their end."""
        if final:
            charge(state, forwards=1)
            self._look(state, self.problem.oracle.logits(state["point"]))
            return
        charge(state, forwards=1, backwards=1)
        slope = self.problem.oracle.slope(state["point"], self._loss, state["class"])
        won = self._look(state, slope.logits)
        working = ~state["done"]
        zero = slope.zero & ~won if self.flat_when_won else slope.zero
        state["zero"] = state["zero"] + (zero & working)
        state["nonfinite"] = state["nonfinite"] + (slope.nonfinite & working)
        for name, rows in self._move(state, slope, won).items():
            state[name] = torch.where(per_sample(working, rows), rows, state[name])
        state["age"] = state["age"] + working

    @abstractmethod
    def _own_rows(self, images: Tensor) -> State:
        """What the search remembers besides, for jobs that start at these images ``(n, C, H, W)``."""

    @abstractmethod
    def _loss(self, logits: Tensor, classes: Tensor) -> Tensor:
        """``(L,)``: what is descended."""

    @abstractmethod
    def _move(self, state: State, slope: Slope, won: Tensor) -> State:
        """The rows that change, ``point`` among them; lanes that are done will not take them.

        Args:
            state: the rows as they are, with the current iterate noted.
            slope: logits and gradient of `_loss` at the iterates.
            won: ``(L,)`` bool: whether the iterate is a success.
        """

    def _goal(self, classes: Tensor) -> Goal:
        return Goal(classes, self.problem.goal.targeted)

    def _look(self, state: State, logits: Tensor) -> Tensor:
        goal = self._goal(state["class"])
        margin, won = goal.standing(logits)
        keep_nearest(state, state["point"], self._distance(state), margin, won)
        state["done"] = state["done"] | (state["age"] >= self.steps)
        return won

    def _distance(self, state: State) -> Tensor:
        """``(L,)`` float64: size of the current perturbation."""
        return size(state["point"].double() - state["image"].double(), self.norm)

    def _inside(self, state: State, radius: Tensor) -> Tensor:
        """``(L,)``: the radius, cut to the distance of the box's farthest corner."""
        furthest = torch.maximum(state["image"], 1 - state["image"]).double()
        return torch.minimum(radius, size(furthest, self.norm))

    def _falling(self, state: State, first: float, last: float) -> Tensor:
        """``(L,)`` float64: from `first` to `last` by half a cosine."""
        share = (1 + torch.cos(math.pi * state["age"].double() / self.steps)) / 2
        return last + (first - last) * share
