"""Folds: which image of its concept each image is, to which image set it belongs, and its lot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from advwindow.errors import UserError
from advwindow.streams import stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]

#: Folds of the images of every concept, at most, unless told otherwise.
MOST_FOLDS = 4

#: Patterns (folds times concepts), at most, unless more folds are asked for: Grams of more are slow to work with.
MOST_PATTERNS = 1200


@dataclass(frozen=True)
class Dealing:
    """How images are dealt out to folds.

    Attributes:
        folds: ``M``; None for as many as every concept has images, at most `MOST_FOLDS` unless `single`.
        single: whether a fold has one image of every concept, so that those beyond the ``M``-th are left out.
        shard: whether these are a part of the images, so that what is missing may be in another.
    """

    folds: int | None = None
    single: bool = False
    shard: bool = False

    def number(self, seen: Integers) -> int:
        """``M`` for so many images of every concept, at most 1,200 patterns unless asked for.

        Raises:
            UserError: a concept has fewer images than the folds asked for.
        """
        fewest = int(seen.min())
        if self.folds is None:
            room = MOST_PATTERNS // len(seen)
            return max(1, min(fewest, room) if self.single else min(MOST_FOLDS, fewest, room))
        if self.folds > fewest and not self.shard:
            fix = f"give every class at least {self.folds} images, or ask for at most {max(1, fewest)} folds"
            got, expected = f"{fewest} of a class", f"at least {self.folds}"
            raise UserError("too few images for these folds", got=got, expected=expected, fix=fix)
        return self.folds

    def deal(self, concepts: Integers, order: Integers, *, seen: Integers) -> tuple[int, Integers]:
        """Deal the images of every concept out to folds, in their order: the k-th goes to fold k modulo M.

        Args:
            concepts: ``(N,)``, -1 for images to leave out.
            order: ``(N,)``, the k of every image (`in_order`).
            seen: ``(C,)``, images of every concept.

        Returns:
            ``M``, and the pattern ``(N,)`` of every image: fold times ``C`` plus concept, or -1 for those left out.

        Raises:
            UserError: as `number`.
        """
        folds = self.number(seen)
        out = (concepts < 0) | (order >= folds) if self.single else concepts < 0
        return folds, np.where(out, -1, order % folds * len(seen) + concepts)


def in_order(concepts: Integers, before: Integers) -> tuple[Integers, Integers]:
    """Count the images of every concept.

    Args:
        concepts: ``(N,)``, -1 for images to leave out.
        before: ``(C,)``, images of every concept that came in earlier shards.

    Returns:
        ``(N,)``, which image of its concept each is, from 0; and ``(C,)``, the images of every concept, earlier ones
        included.
    """
    order = np.zeros(len(concepts), np.int64)
    seen = before.copy()
    for place, concept in enumerate(concepts.tolist()):
        if concept >= 0:
            order[place] = seen[concept]
            seen[concept] += 1
    return order, seen


def draw_lots(labels: Integers, order: Integers, *, seed: int) -> Array:
    """A number in [0, 1) for every image, from its class and which of its class it is: the same in all batches."""
    lots = np.zeros(len(labels))
    for label in np.unique(labels).tolist():
        mine = labels == label
        lots[mine] = stream(seed, "trials", label).random(int(order[mine].max()) + 1)[order[mine]]
    return lots
