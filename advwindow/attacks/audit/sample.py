"""Outcomes of some samples, and what became of them."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from advwindow.attacks.catalog import NATIVE
from advwindow.attacks.outcome import Outcome, Status

if TYPE_CHECKING:
    from advwindow.attacks.budget import Budget
    from advwindow.attacks.door import Attack


def take(outcome: Outcome, index: Tensor) -> Outcome:
    """The outcome of the samples at this index ``(m,)`` int64."""
    places: list[int] = index.tolist()

    def rows(value: Any) -> Any:  # noqa: ANN401 - every kind of field
        if isinstance(value, Tensor):
            return value[index.to(value.device)]
        return {name: rows(each) for name, each in value.items()} if isinstance(value, dict) else value

    parts = {field.name: rows(getattr(outcome, field.name)) for field in fields(outcome)}
    return replace(outcome, **{**parts, "status": tuple(outcome.status[place] for place in places)})


def attacked(outcome: Outcome) -> Tensor:
    """``(N,)`` bool on the CPU: classified correctly when clean, hence attacked."""
    return torch.tensor([status is not Status.SKIPPED for status in outcome.status], dtype=torch.bool)


def fooled(outcome: Outcome, eps: float | None = None) -> Tensor:
    """``(N,)`` bool on the CPU: attacked, and with success; within `eps` where given."""
    won = outcome.success.cpu()
    return won if eps is None else won & (outcome.distance.cpu() <= eps)


def standing(outcome: Outcome, eps: float | None = None) -> Tensor:
    """``(N,)`` bool on the CPU: attacked, and without success; within `eps` where given."""
    return attacked(outcome) & ~fooled(outcome, eps)


def same_budget(one: Budget, other: Budget) -> bool:
    """Whether norm and epsilon are equal, however epsilon is written."""
    return one.norm == other.norm and one.value == other.value


def is_blind(outcome: Outcome) -> bool:
    """Whether the attack asked the network but never for a gradient."""
    return int(outcome.forwards.sum()) > 0 and int(outcome.backwards.sum()) == 0


def carries_successes(attack: Attack) -> bool:
    """Whether what is found at one epsilon counts at every larger one of the same run: so it is with all of ours."""
    return (
        isinstance(attack, tuple(info.make for info in NATIVE.values())) or getattr(attack, "until", "end") == "success"
    )


def spread(total: int, count: int) -> Tensor:
    """At most `count` of `total` places, evenly spread, so that sorted classes all get their share.

    Example:
        >>> spread(10, 4).tolist()
        [0, 3, 6, 9]
    """
    return torch.linspace(0, total - 1, min(count, total)).round().long() if total else torch.zeros(0, dtype=torch.long)
