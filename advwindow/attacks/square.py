"""Square Attack: random search with square-shaped changes, which needs nothing but logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from advwindow.attacks.boards import Until, check_until, fixed_budget, second_looks
from advwindow.attacks.budget import Norm
from advwindow.attacks.door import Cost
from advwindow.attacks.lanes import Job
from advwindow.attacks.sight import NEAR_FOR_COMPARISONS
from advwindow.attacks.squares import L2Squares, LinfSquares
from advwindow.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from advwindow.attacks.budget import Budget
    from advwindow.attacks.door import Candidates, Problem
    from advwindow.attacks.lanes import Search

#: Proposals (of 10,000) after which the share of changed pixels is halved.
_HALVED_AFTER = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
_FULL_SCHEDULE = 10_000


@dataclass(frozen=True)
class Square:
    """Square Attack: random squares are changed, and a change is kept where it lowers the margin.

    Andriushchenko, Croce, Flammarion, Hein 2020, arXiv 1912.00049, algorithms 1-3; margin loss, targeted too. Every
    sample draws its own squares (the authors' code shares each square among a batch) and squares reach the last row and
    column (there they do not).

    Attributes:
        queries: forward passes of each restart, the start included.
        p_init: share of the pixels in the first squares; halved after 10, 50, 200, 500, 1000, 2000, 4000, 6000 and 8000
            proposals.
        restarts: number of starts.
        rescale_schedule: halve at the same shares of `queries` instead, as if 10,000 were all.
        until: stop a sample at its first ``"success"``, or use up its queries to the ``"end"`` for the strongest
            example.
    """

    queries: int = 5000
    p_init: float = 0.8
    restarts: int = 1
    rescale_schedule: bool = False
    until: Until = "success"

    nearness: ClassVar[int] = NEAR_FOR_COMPARISONS

    def __post_init__(self) -> None:
        if self.queries < 1 or self.restarts < 1:
            raise UserError("queries and restarts must be at least 1", got=f"{self.queries} and {self.restarts}")
        if not 0 < self.p_init <= 1:
            raise UserError("p_init is a share of the pixels", got=str(self.p_init), expected="above 0, at most 1")
        check_until(self.until)

    def cost(self) -> Cost:
        """Most passes that one sample can cost at one budget."""
        return Cost((self.queries + second_looks(self.until)) * self.restarts, 0)

    def __call__(self, problem: Problem, budgets: Sequence[Budget]) -> list[Candidates]:
        """Search every sample at every budget; raises `UserError` for other norms than Linf and L2."""
        norm = budgets[0].norm
        if norm not in (Norm.LINF, Norm.L2):
            raise UserError("square has no such norm", got=str(norm), expected="linf or l2")
        if problem.images.dim() != 4:
            raise UserError("square needs pictures", got=str(tuple(problem.images.shape)), expected="(N, C, H, W)")

        def jobs(sample: int, radius: float) -> Iterator[Job]:
            return (Job(sample, radius=radius, restart=restart) for restart in range(self.restarts))

        search: Search = LinfSquares(problem, self) if norm is Norm.LINF else L2Squares(problem, self)
        return fixed_budget(problem, budgets, search, jobs, until=self.until)

    def share(self, proposal: int) -> float:
        """Share of the pixels that the proposal of this number (from 0) changes."""
        place = int(proposal / self.queries * _FULL_SCHEDULE) if self.rescale_schedule else proposal
        return float(self.p_init / 2 ** sum(place > bound for bound in _HALVED_AFTER))
