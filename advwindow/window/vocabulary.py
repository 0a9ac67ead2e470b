"""Which classes are concepts, and the words of all the others that a network may predict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from advwindow.errors import UserError
from advwindow.window.grams import closeness
from advwindow.window.matching import MIN_CONCEPTS
from advwindow.words.resolution import Resolution
from advwindow.words.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from advwindow.words.space import WordSpace

    Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Concepts with their words.

    Attributes:
        resolution: of the classes that occur among the images; the concepts are its kept labels.
        classes: ``C`` class indices, ascending, one per concept.
        others: class index to word vector, for classes that do not occur among the images.
    """

    resolution: Resolution
    classes: tuple[int, ...]
    others: Mapping[int, Array]

    @property
    def concepts(self) -> tuple[str, ...]:
        """The class label of each concept."""
        return tuple(self.resolution.rows[index].label for index in self.resolution.indices)

    @property
    def vectors(self) -> Array:
        """``(C, d)`` word vectors of the concepts."""
        return self.resolution.vectors

    def places(self, classes: NDArray[np.int64]) -> NDArray[np.int64]:
        """The concept of each class index, -1 for those that are none."""
        place = {index: concept for concept, index in enumerate(self.classes)}
        return np.array([place.get(index, -1) for index in classes.tolist()], np.int64)

    def profiles(self, classes: NDArray[np.int64], *, similarity: str) -> Array:
        """Similarity of each class's word to the words of the concepts, ``(n, C)``; NaN for classes without a word."""
        known = {**self.others, **dict(zip(self.classes, self.vectors, strict=True))}
        missing = np.full(self.vectors.shape[1], np.nan)
        vectors = np.stack([missing, *(known.get(index, missing) for index in classes.tolist())])
        return closeness(vectors, self.vectors, similarity=similarity)[1:]


def vocabulary(labels: Sequence[int], label_names: Sequence[str], space: WordSpace) -> Vocabulary:
    """Resolve the classes of the images first, then all other classes, in one pass over the word space.

    Args:
        labels: class index of each image.
        label_names: name of each class.
        space: where to look for words.

    Raises:
        UserError: no label names, a label without a name, or fewer than five classes with words.
    """
    if not label_names:
        fix = "give Classifier(..., label_names=[...]), one name per logit"
        raise UserError("the network's classes have no names, so no word can be found for them", fix=fix)
    if min(labels, default=0) < 0 or max(labels, default=0) >= len(label_names):
        outside = sorted({label for label in labels if not 0 <= label < len(label_names)})
        expected = f"class indices from 0 to {len(label_names) - 1}"
        raise UserError("labels without a name", got=str(outside[:5]), expected=expected)
    present = sorted(set(labels))
    rest = sorted(set(range(len(label_names))) - set(present))
    order = [*present, *rest]
    # Earlier labels have first claim on a word, so the concepts' words do not depend on what else the network knows.
    found = resolve([label_names[index] for index in order], space)
    kept = [place for place in found.indices if place < len(present)]
    if len(kept) < MIN_CONCEPTS:
        raise UserError(
            f"too few concepts: a geometry needs at least {MIN_CONCEPTS} classes with a word vector",
            got=f"{len(kept)} of {len(present)} classes among the images",
            fix=f"add images of more classes, or words for {_some(found, len(present))}",
        )
    resolution = Resolution(found.space, found.rows[: len(present)], tuple(kept), found.vectors[: len(kept)])
    others = {order[place]: vector for place, vector in zip(found.indices, found.vectors, strict=True)}
    classes = tuple(order[place] for place in kept)
    return Vocabulary(resolution, classes, {index: others[index] for index in set(others) - set(classes)})


def _some(found: Resolution, present: int) -> str:
    without = [row.label for row in found.rows[:present] if row.index not in found.indices]
    return ", ".join(without[:5]) + (" ..." if len(without) > 5 else "") if without else "them"
