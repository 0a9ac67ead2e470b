"""How a search in a hurry looks at the network: roughly where the boundary is far, exactly where it is near.

A search that stops at the first success spends most of its passes on samples that withstand it, far from the boundary.
There a copy in reduced precision is asked, which is faster and leads the same way. As soon as a lane comes near the
boundary, the same point is asked again in float32, and so is every later point of that lane; and the last point of a
lane that has seemed far all the time. Hence no success rests on reduced precision; to overlook one, the copy would have
to be off by ten times what it is on clean images.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import torch

from advwindow.attacks.goal import Goal
from advwindow.attacks.oracle import Slope

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from advwindow.attacks.door import Problem
    from advwindow.attacks.lanes import State
    from advwindow.attacks.oracle import Oracle

Answer = TypeVar("Answer", bound=tuple["Tensor", ...])

#: Deviations of the rough copy (as measured on clean images) within which the boundary counts as near; and for searches
#: that compare points whose margins hardly differ.
NEAR, NEAR_FOR_COMPARISONS = 10, 20


@dataclass(frozen=True)
class Sight:
    """What a search asks, lane by lane; row ``near`` of its state says how.

    Attributes:
        problem: whose network is asked.
        hurried: whether the search stops at a success; others are always answered exactly.
        nearness: deviations within which the boundary counts as near.
    """

    problem: Problem
    hurried: bool
    nearness: int = NEAR

    def logits(self, state: State, points: Tensor) -> Tensor:
        """Logits ``(L, K)`` of the lanes' points ``(L, C, H, W)``: to be believed once they are `sure`."""

        def ask(oracle: Oracle, lanes: Tensor | slice) -> tuple[Tensor]:
            return (oracle.logits(points[lanes]),)

        return self._ask(state, ask)[0]

    def slope(self, state: State, points: Tensor, loss: Callable[..., Tensor], *rows: Tensor) -> Slope:
        """Logits, to be believed once they are `sure`, and gradients at the lanes' points."""

        def ask(oracle: Oracle, lanes: Tensor | slice) -> Slope:
            return oracle.slope(points[lanes], loss, *(row[lanes] for row in rows))

        return Slope(*self._ask(state, ask))

    def sure(
        self,
        state: State,
        points: Tensor,
        logits: Tensor,
        *,
        matters: Tensor | None = None,
        last: Tensor | None = None,
    ) -> Tensor:
        """The same logits, but exact for lanes that have come near the boundary with them; these pay another pass.

        Args:
            state: the rows, of which ``near`` and ``forwards`` are replaced.
            points: ``(L, C, H, W)`` what was asked.
            logits: ``(L, K)`` what was answered.
            matters: ``(L,)`` bool: where a success would count at all; everywhere without it.
            last: ``(L,)`` bool: lanes at their last point, which is asked again however far it seems.
        """
        if self._rough is None:
            return logits
        margin = Goal(state["class"], self.problem.goal.targeted).margin(logits)
        reach = self.nearness * self.problem.oracle.deviation * (logits.amax(1) - logits.amin(1))
        close = ~(margin > reach) if last is None else ~(margin > reach) | last
        came = close & ~(state["near"] | state["done"])
        lanes = (came if matters is None else came & matters).nonzero().squeeze(1)
        if not len(lanes):
            return logits
        state["near"] = state["near"].index_fill(0, lanes, True)
        state["forwards"] = state["forwards"].index_add(0, lanes, torch.ones_like(lanes))
        return logits.index_copy(0, lanes, self.problem.oracle.logits(points[lanes]))

    @property
    def _rough(self) -> Oracle | None:
        return self.problem.oracle.rough if self.hurried else None

    def _ask(self, state: State, ask: Callable[[Oracle, Tensor | slice], Answer]) -> tuple[Tensor, ...]:
        exact, rough, everywhere = self.problem.oracle, self._rough, slice(None)
        if rough is None or bool(state["near"].all()):
            return ask(exact, everywhere)
        near, far = (lanes.nonzero().squeeze(1) for lanes in (state["near"], ~state["near"]))
        return _joined((near, ask(exact, near)), (far, ask(rough, far))) if len(near) else ask(rough, everywhere)


def _joined(*parts: tuple[Tensor, tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    """Answers for some lanes each, put into the order of the lanes."""
    order = torch.cat([lanes for lanes, _ in parts]).argsort()
    return tuple(torch.cat(column)[order] for column in zip(*(answer for _, answer in parts), strict=True))
