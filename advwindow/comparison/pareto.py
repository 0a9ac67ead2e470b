"""The Pareto front: what cannot be had better in one respect without being worse in another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def pareto_front(points: NDArray[np.integer[Any]] | NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """Which points no other dominates: is at least as large in every respect and larger in one.

    Equal points do not dominate each other.

    Args:
        points: ``(..., k, d)``: ``k`` points of ``d`` respects, of which more is better; a cost enters negated.

    Returns:
        ``(..., k)``.

    Example:
        >>> pareto_front(np.array([[0.9, 0.1], [0.8, 0.4], [0.7, 0.3]])).tolist()
        [True, True, False]
    """
    mine, others = points[..., :, None, :], points[..., None, :, :]
    dominated = (others >= mine).all(axis=-1) & (others > mine).any(axis=-1)
    return np.logical_not(dominated.any(axis=-1))
