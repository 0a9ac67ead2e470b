"""Gradient attacks at a fixed budget: FGSM, BIM, MI-FGSM and PGD."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from advwindow.attacks.boards import Until, fixed_budget, second_looks
from advwindow.attacks.budget import Norm, parse_eps
from advwindow.attacks.descent import Decay, Descent, Schedule
from advwindow.attacks.door import Cost
from advwindow.attacks.lanes import Job
from advwindow.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from advwindow.attacks.budget import Budget
    from advwindow.attacks.door import Candidates, Problem


@dataclass(frozen=True)
class FGSM:
    """Fast gradient sign method: one step of full length from the clean image.

    Goodfellow, Shlens, Szegedy 2015, arXiv 1412.6572, section 4; in L2 the step is along the normalised gradient.

    Attributes:
        loss: ``"ce"`` (cross-entropy), ``"margin"`` (difference of logits) or ``"dlr"`` (relative difference).
    """

    loss: str = "ce"

    def __post_init__(self) -> None:
        _ = self.schedule

    @property
    def schedule(self) -> Schedule:
        """How to descend."""
        return Schedule(steps=1, loss=self.loss)

    def cost(self) -> Cost:
        """Most passes that one sample can cost at one budget."""
        return Cost(2, 1)

    def __call__(self, problem: Problem, budgets: Sequence[Budget]) -> list[Candidates]:
        """One step for every sample at every budget."""
        return _descend(problem, budgets, self.schedule)


@dataclass(frozen=True)
class BIM:
    """Basic iterative method: steps from the clean image, each followed by a projection.

    Kurakin, Goodfellow, Bengio 2017, arXiv 1607.02533, section 2.2. The best iterate is returned, not the last.

    Attributes:
        steps: gradients.
        step_size: length of a step in pixel units, as text (``"2/255"``) or number; 2.5 epsilon / steps by default.
        loss: ``"ce"`` (cross-entropy), ``"margin"`` (difference of logits) or ``"dlr"`` (relative difference).
        until: as for `PGD`.
    """

    steps: int = 10
    step_size: str | float | None = None
    loss: str = "ce"
    until: Until = "end"

    def __post_init__(self) -> None:
        _ = self.schedule

    @property
    def schedule(self) -> Schedule:
        """How to descend."""
        return Schedule(self.steps, _length(self.step_size), 2.5 / max(self.steps, 1), loss=self.loss, until=self.until)

    def cost(self) -> Cost:
        """Most passes that one sample can cost at one budget."""
        return _cost(self.schedule)

    def __call__(self, problem: Problem, budgets: Sequence[Budget]) -> list[Candidates]:
        """The strongest example found for every sample at every budget."""
        return _descend(problem, budgets, self.schedule)


@dataclass(frozen=True)
class MIFGSM:
    """Momentum iterative FGSM: steps along an accumulated gradient, from the clean image.

    Dong et al. 2018, arXiv 1710.06081, algorithm 1; gradients are accumulated after division by their mean absolute
    value. The best iterate is returned, not the last.

    Attributes:
        steps: gradients.
        step_size: length of a step in pixel units, as text (``"2/255"``) or number; epsilon / steps by default.
        momentum: share of the accumulated gradient that each step keeps (the paper's mu).
        loss: ``"ce"`` (cross-entropy), ``"margin"`` (difference of logits) or ``"dlr"`` (relative difference).
        until: as for `PGD`.
    """

    steps: int = 10
    step_size: str | float | None = None
    momentum: float = 1.0
    loss: str = "ce"
    until: Until = "end"

    def __post_init__(self) -> None:
        _ = self.schedule

    @property
    def schedule(self) -> Schedule:
        """How to descend."""
        share = 1 / max(self.steps, 1)
        return Schedule(
            self.steps, _length(self.step_size), share, momentum=self.momentum, loss=self.loss, until=self.until
        )

    def cost(self) -> Cost:
        """Most passes that one sample can cost at one budget."""
        return _cost(self.schedule)

    def __call__(self, problem: Problem, budgets: Sequence[Budget]) -> list[Candidates]:
        """The strongest example found for every sample at every budget."""
        return _descend(problem, budgets, self.schedule)


@dataclass(frozen=True)
class PGD:
    """Projected gradient descent: steepest steps inside the ball, from one or more random points of it.

    Madry et al. 2018, arXiv 1706.06083, section 2.1. Unlike the original, the best iterate is returned, not the last.

    Attributes:
        steps: gradients per restart.
        step_size: length of a step in pixel units, as text (``"2/255"``) or number; 2.5 epsilon / steps by default.
        restarts: number of starts.
        random_start: start at a random point of the ball; without it at the image.
        loss: ``"ce"`` (cross-entropy), ``"margin"`` (difference of logits) or ``"dlr"`` (relative difference).
        until: ``"end"``: spend all steps and restarts, return the strongest example at the budget;
            ``"success"``: stop each sample at its first success. What is found counts at every larger epsilon too.
        decay: how steps shorten until the end: ``"constant"``, ``"linear"`` or ``"cosine"``.
        momentum: share of the accumulated gradient that each step keeps; 0 for none.
    """

    steps: int = 10
    step_size: str | float | None = None
    restarts: int = 1
    random_start: bool = True
    loss: str = "ce"
    until: Until = "end"
    decay: Decay = "constant"
    momentum: float = 0.0

    def __post_init__(self) -> None:
        if self.restarts < 1:
            raise UserError("an attack needs at least one restart", got=str(self.restarts))
        if self.restarts > 1 and not self.random_start:
            raise UserError("restarts without a random start would all be the same", got=f"{self.restarts} restarts")
        _ = self.schedule

    @property
    def schedule(self) -> Schedule:
        """How to descend."""
        return Schedule(
            self.steps,
            _length(self.step_size),
            2.5 / max(self.steps, 1),
            self.decay,
            self.momentum,
            self.random_start,
            self.loss,
            self.until,
        )

    def cost(self) -> Cost:
        """Most passes that one sample can cost at one budget."""
        return _cost(self.schedule, restarts=self.restarts)

    def __call__(self, problem: Problem, budgets: Sequence[Budget]) -> list[Candidates]:
        """The strongest example found for every sample at every budget."""
        return _descend(problem, budgets, self.schedule, restarts=self.restarts)


def _cost(schedule: Schedule, *, restarts: int = 1) -> Cost:
    return Cost((schedule.steps + 1 + second_looks(schedule.until)) * restarts, schedule.steps * restarts)


def _length(size: str | float | None) -> float | None:
    return None if size is None else parse_eps(str(size))


def _descend(problem: Problem, budgets: Sequence[Budget], schedule: Schedule, *, restarts: int = 1) -> list[Candidates]:
    def jobs(sample: int, radius: float) -> Iterator[Job]:
        return (Job(sample, radius, restart) for restart in range(restarts))

    norm = budgets[0].norm if budgets else Norm.LINF
    return fixed_budget(problem, budgets, Descent(problem, schedule, norm), jobs, until=schedule.until)
