"""Who leads the searches: which jobs a sample gets, what is kept of their results, and what they cost in all."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import torch

from advwindow.attacks.ball import Ball
from advwindow.attacks.budget import per_sample, size
from advwindow.attacks.door import Candidates
from advwindow.attacks.lanes import run_chains
from advwindow.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from torch import Tensor

    from advwindow.attacks.budget import Budget
    from advwindow.attacks.door import Problem
    from advwindow.attacks.lanes import Job, JobResult, Search

Until = Literal["success", "end"]


def check_until(until: str) -> None:
    """Raise `UserError` for a stopping rule that does not exist."""
    if until not in ("success", "end"):
        raise UserError("unknown stopping rule", got=until, expected="'success' or 'end'")


def second_looks(until: str) -> int:
    """Passes a job may pay beyond its steps: a search in a hurry looks twice where it comes near the boundary."""
    return int(until == "success")


class Found:
    """The best result of one sample at one budget, and what all its jobs cost.

    Success goes before failure; of successes the nearer goes first, then the smaller margin.
    """

    def __init__(self) -> None:
        self.best: JobResult | None = None
        self.costs = [0, 0, 0, 0]

    def note(self, result: JobResult) -> None:
        """Keep the result if it is better; count its cost in any case."""
        self._weigh(result)
        spent = (result.forwards, result.backwards, result.zero_gradients, result.nonfinite_gradients)
        self.costs = [total + part for total, part in zip(self.costs, spent, strict=True)]

    def inherit(self, other: Found) -> None:
        """Take over the other's result if it is better; its costs stay where they arose."""
        if other.best is not None:
            self._weigh(other.best)

    def _weigh(self, result: JobResult) -> None:
        if self.best is None or _order(result) < _order(self.best):
            self.best = result


def _order(result: JobResult) -> tuple[bool, float, float]:
    return (not result.success, result.distance if result.success else 0.0, result.margin)


def fixed_budget(
    problem: Problem,
    budgets: Sequence[Budget],
    search: Search,
    jobs: Callable[[int, float], Iterable[Job]],
    *,
    until: Until,
) -> list[Candidates]:
    """Run a search for every sample at every epsilon, from the smallest up.

    Args:
        problem: what is attacked.
        budgets: what may be spent, all in one norm.
        search: runs the jobs.
        jobs: sample and epsilon to its jobs, in order: restarts, targets.
        until: ``"success"``: a sample's first success ends its search; ``"end"``: all jobs are run.

    Returns:
        The strongest that was found at each budget. Balls are nested: what was found in a smaller one counts.

    Raises:
        UserError: a budget without epsilon.
    """
    if any(budget.minimal for budget in budgets):
        raise UserError("this attack needs an epsilon", got="none", fix="give eps, e.g. 8/255")
    values = [budget.value for budget in budgets]
    order = sorted(range(len(values)), key=values.__getitem__)
    board = [[Found() for _ in problem.labels] for _ in budgets]

    def chain(sample: int) -> Generator[Job, JobResult, None]:
        for place in order:
            for job in jobs(sample, values[place]):
                result = yield job
                board[place][sample].note(result)
                if until == "success" and result.success:
                    return

    run_chains((chain(sample) for sample in range(len(problem.labels))), search, lanes=problem.lanes)
    for smaller, larger in pairwise(order):
        for below, above in zip(board[smaller], board[larger], strict=True):
            above.inherit(below)
    return [candidates(found) for found in board]


def smallest(
    problem: Problem,
    budgets: Sequence[Budget],
    search: Search,
    chain: Callable[[int], Generator[Job, JobResult, None]],
) -> list[Candidates]:
    """Run a search for the smallest perturbation of every sample, once for all budgets.

    Args:
        problem: what is attacked.
        budgets: minimal, or epsilons: a larger perturbation is cut to the ball.
        search: runs the jobs.
        chain: a sample's jobs, one after the other, each in the light of the result before.
    """
    board = [Found() for _ in problem.labels]

    def noted(sample: int) -> Generator[Job, JobResult, None]:
        jobs = chain(sample)
        job = next(jobs, None)
        while job is not None:
            result = yield job
            board[sample].note(result)
            try:
                job = jobs.send(result)
            except StopIteration:
                return

    run_chains((noted(sample) for sample in range(len(problem.labels))), search, lanes=problem.lanes)
    return [cut_to_budget(problem.images, candidates(board), budget) for budget in budgets]


def candidates(found: Sequence[Found]) -> Candidates:
    """What was found for every sample, as an attack reports it."""
    best = [each.best for each in found if each.best is not None]
    assert len(best) == len(found)
    costs = torch.tensor([each.costs for each in found], dtype=torch.int64)
    return Candidates(
        images=torch.stack([result.image for result in best]),
        first_success_step=torch.tensor([result.first_success_step for result in best], dtype=torch.int64),
        forwards=costs[:, 0],
        backwards=costs[:, 1],
        zero_gradients=costs[:, 2],
        nonfinite_gradients=costs[:, 3],
        claimed=torch.tensor([result.success for result in best]),
        silent=torch.tensor([result.silent for result in best]),
        trace=torch.nn.utils.rnn.pad_sequence(
            [result.trace.float() for result in best], batch_first=True, padding_value=torch.nan
        ),
    )


def cut_to_budget(images: Tensor, found: Candidates, budget: Budget) -> Candidates:
    """Perturbations larger than epsilon shortened to it, where they hardly ever succeed still; claimed no more."""
    if budget.minimal:
        return found
    radius = torch.full((len(images),), budget.value, dtype=torch.float64, device=images.device)
    outside = size(found.images.double() - images.double(), budget.norm) > radius
    cut = Ball.around(images, radius, budget.norm).project(found.images)
    return found._replace(
        images=torch.where(per_sample(outside, images), cut, found.images), claimed=found.claimed & ~outside.cpu()
    )
