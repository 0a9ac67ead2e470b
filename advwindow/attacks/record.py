"""What every search remembers of its iterates: the best so far, when it first won, and what it cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from advwindow.attacks.budget import per_sample

if TYPE_CHECKING:
    from torch import Tensor

    from advwindow.attacks.lanes import State


def keep_strongest(
    state: State, points: Tensor, margin: Tensor, won: Tensor, *, eligible: Tensor | None = None
) -> None:
    """For a fixed budget: success before failure, then the smallest margin.

    Args:
        state: rows of `common_rows` and ``best``; lanes that are done stay as they are.
        points: ``(L, C, H, W)`` the iterates.
        margin: ``(L,)`` adversarial margins in logits.
        won: ``(L,)`` bool: whether the goal is safely reached.
        eligible: ``(L,)`` bool: which iterates may be returned at all; all without it.
    """
    looking = ~state["done"] if eligible is None else ~state["done"] & eligible
    won = won & looking
    better = looking & ((won & ~state["won"]) | ((won == state["won"]) & (margin < state["margin"])))
    _take(state, points, margin, better)
    _note_success(state, won, looking)


def keep_nearest(state: State, points: Tensor, distance: Tensor, margin: Tensor, won: Tensor) -> None:
    """For the smallest perturbation: the nearest success; before the first one the smallest margin.

    Args:
        state: as for `keep_strongest`.
        points: ``(L, C, H, W)`` the iterates.
        distance: ``(L,)`` float64 sizes of their perturbations.
        margin: ``(L,)`` adversarial margins in logits.
        won: ``(L,)`` bool: whether the goal is safely reached.
    """
    looking = ~state["done"]
    won = won & looking
    nearer = won & (distance < state["distance"])
    closer = looking & ~won & ~state["won"] & (margin < state["margin"])
    _take(state, points, margin, nearer | closer)
    state["distance"] = torch.where(nearer, distance, state["distance"])
    _note_success(state, won, looking)


def charge(state: State, *, forwards: int = 0, backwards: int = 0) -> None:
    """Count the passes that lanes at work had a share in."""
    working = (~state["done"]).long()
    state["forwards"] = state["forwards"] + forwards * working
    state["backwards"] = state["backwards"] + backwards * working


def _take(state: State, points: Tensor, margin: Tensor, which: Tensor) -> None:
    state["best"] = torch.where(per_sample(which, points), points, state["best"])
    state["margin"] = torch.where(which, margin, state["margin"])


def _note_success(state: State, won: Tensor, looking: Tensor) -> None:
    state["first"] = torch.where(won & (state["first"] < 0), state["age"], state["first"])
    state["won"] = state["won"] | won
    state["silent"] = torch.where(looking, state["won"] & ~won, state["silent"])
