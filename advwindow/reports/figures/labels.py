"""Names beside points: where they cover no other name, and as little of the drawing as can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

#: Directions from a point in which its name may stand, the first preferred.
_AROUND = np.array([(1, 0), (-1, 0), (0, 1), (0, -1), (1, 0.8), (-1, 0.8), (1, -0.8), (-1, -0.8)], dtype=np.float64)


def placed(
    points: Array, sizes: Array, obstacles: Array, *, window: Array, gaps: tuple[float, ...]
) -> list[Array | None]:
    """Where each name goes, one after the other; a place once taken is kept.

    A name takes the place that covers the fewest obstacles among those inside the window that no name has taken; of
    several the nearest to its point.

    Args:
        points: ``(n, 2)``, what is named, the most important first.
        sizes: ``(n, 2)``, width and height of each name.
        obstacles: ``(m, 2)``, points better not covered.
        window: ``(4,)``, left, bottom, right and top end of the room.
        gaps: distances between a point and its name, ascending.

    Returns:
        The middle of each name relative to its point, ``(2,)``; None for a name without room. All in one unit.
    """
    taken = np.empty((0, 4))
    found: list[Array | None] = []
    for point, size in zip(points, sizes, strict=True):
        middles = np.concatenate([_AROUND * (size / 2 + gap) for gap in gaps])
        boxes = np.hstack([point + middles - size / 2, point + middles + size / 2])
        free = _inside(boxes, window) & ~_overlap(boxes, taken).any(1)
        if not free.any():
            found.append(None)
            continue
        best = int(np.where(free, _covered(boxes, obstacles), len(obstacles) + 1).argmin())
        taken = np.vstack([taken, boxes[best]])
        found.append(middles[best])
    return found


def _inside(boxes: Array, window: Array) -> NDArray[np.bool_]:
    beyond = np.hstack([window[:2] - boxes[:, :2], boxes[:, 2:] - window[2:]]).max(1)
    inside: NDArray[np.bool_] = beyond <= 0
    return inside


def _overlap(boxes: Array, others: Array) -> NDArray[np.bool_]:
    """``(n, m)``, which boxes have some area in common."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    overlap: NDArray[np.bool_] = (high - low).min(2) > 0
    return overlap


def _covered(boxes: Array, points: Array) -> NDArray[np.int64]:
    """``(n,)``, how many points lie in each box."""
    inside = (points >= boxes[:, None, :2]) & (points <= boxes[:, None, 2:])
    covered: NDArray[np.int64] = np.asarray(inside).all(2).sum(1)
    return covered
