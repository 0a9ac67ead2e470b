"""Gradient attacks at a fixed budget: FGSM and PGD."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from advwindow.attacks.budget import Budget, parse_eps
from advwindow.attacks.descent import Descent, Schedule, Until
from advwindow.attacks.door import Candidates, Problem
from advwindow.attacks.lanes import Job, JobResult, run_chains
from advwindow.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from torch import Tensor


@dataclass(frozen=True)
class FGSM:
    """Fast gradient sign method: one step of full length from the clean image.

    Goodfellow, Shlens, Szegedy 2015, arXiv 1412.6572, section 4; in L2 the step is along the normalised gradient.

    Attributes:
        loss: ``"ce"`` (cross-entropy) or ``"margin"`` (difference of logits).
    """

    loss: str = "ce"

    def __post_init__(self) -> None:
        _ = self.schedule

    @property
    def schedule(self) -> Schedule:
        """How to descend."""
        return Schedule(steps=1, loss=self.loss)

    def __call__(self, problem: Problem, budgets: Sequence[Budget]) -> list[Candidates]:
        """One step for every sample at every budget."""
        return _descend(problem, budgets, self.schedule, restarts=1)


@dataclass(frozen=True)
class PGD:
    """Projected gradient descent: steepest steps inside the ball, from one or more random points of it.

    Madry et al. 2018, arXiv 1706.06083, section 2.1. Unlike the original, the best iterate is returned, not the last.

    Attributes:
        steps: gradients per restart.
        step_size: length of a step in pixel units, as text (``"2/255"``) or number; 2.5 epsilon / steps by default.
        restarts: number of starts.
        random_start: start at a random point of the ball; without it at the image (then called BIM).
        loss: ``"ce"`` (cross-entropy) or ``"margin"`` (difference of logits).
        until: ``"end"``: spend all steps and restarts, return the strongest example at the budget;
            ``"success"``: stop each sample at its first success, which then counts at every larger epsilon too.
    """

    steps: int = 10
    step_size: str | float | None = None
    restarts: int = 1
    random_start: bool = True
    loss: str = "ce"
    until: Until = "end"

    def __post_init__(self) -> None:
        _ = self.schedule
        if self.restarts < 1:
            raise UserError("an attack needs at least one start", got=str(self.restarts))

    @property
    def schedule(self) -> Schedule:
        """How to descend."""
        return Schedule(
            steps=self.steps,
            step_size=None if self.step_size is None else parse_eps(str(self.step_size)),
            relative_step=2.5 / max(1, self.steps),
            random_start=self.random_start,
            loss=self.loss,
            until=self.until,
        )

    def __call__(self, problem: Problem, budgets: Sequence[Budget]) -> list[Candidates]:
        """The best iterate of every sample at every budget."""
        return _descend(problem, budgets, self.schedule, restarts=self.restarts)


def _descend(problem: Problem, budgets: Sequence[Budget], schedule: Schedule, *, restarts: int) -> list[Candidates]:
    if any(budget.minimal for budget in budgets):
        raise UserError("this attack needs an epsilon", got="none", fix="give eps, e.g. 8/255")
    board = Board(len(problem.images), budgets)
    chains = (_chain(sample, board, restarts, schedule.until) for sample in range(len(problem.images)))
    run_chains(chains, Descent(problem, schedule, budgets[0].norm), lanes=problem.lanes)
    return board.candidates()


def _chain(sample: int, board: Board, restarts: int, until: Until) -> Generator[Job, JobResult, None]:
    """All epsilons from the smallest up, all restarts; with ``until="success"`` the first success ends it."""
    for place in board.ascending():
        for restart in range(restarts):
            result = yield Job(sample, board.values[place], restart)
            board.note(sample, place, result)
            if until == "success" and result.success:
                board.close_upward(sample, place, result)
                return


class Board:
    """The best result so far for every sample at every budget, and what was spent on it."""

    def __init__(self, samples: int, budgets: Sequence[Budget]) -> None:
        self.values = [budget.value for budget in budgets]
        self._best: list[dict[int, JobResult]] = [{} for _ in range(samples)]
        self._spent = np.zeros((len(budgets), samples, 4), dtype=np.int64)

    def ascending(self) -> list[int]:
        """Places of the budgets, smallest epsilon first."""
        return sorted(range(len(self.values)), key=self.values.__getitem__)

    def note(self, sample: int, place: int, result: JobResult) -> None:
        """Keep the result if it has the smallest margin so far; count its cost in any case."""
        best = self._best[sample].get(place)
        if best is None or result.margin < best.margin:
            self._best[sample][place] = result
        self._spent[place, sample] += (
            result.forwards,
            result.backwards,
            result.zero_gradients,
            result.nonfinite_gradients,
        )

    def close_upward(self, sample: int, place: int, result: JobResult) -> None:
        """A success within one epsilon is one within every larger epsilon: balls are nested."""
        for other, value in enumerate(self.values):
            if value >= self.values[place]:
                self._best[sample][other] = result

    def candidates(self) -> list[Candidates]:
        """What was found, budget by budget, in the order of the budgets."""
        return [self._at(place) for place in range(len(self.values))]

    def _at(self, place: int) -> Candidates:
        found = [best[place] for best in self._best]
        forwards, backwards, zero, nonfinite = torch.from_numpy(self._spent[place]).unbind(1)
        first = torch.tensor([result.first_success_step for result in found], dtype=torch.int64)
        images: Tensor = torch.stack([result.image for result in found])
        return Candidates(images, first, forwards, backwards, zero, nonfinite)
