"""Which classes are concepts, and the words of all the others that a network may predict."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from advwindow.errors import UserError
from advwindow.window.grams import Gram, gram_of
from advwindow.window.matching import MIN_CONCEPTS
from advwindow.window.references import MEAN, PIXELS
from advwindow.window.similarity import similarity as similarities
from advwindow.words.resolve import resolve
from advwindow.words.space import WordSpace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from advwindow.words.resolution import Resolution

    Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Concepts with their words, in one or several word spaces.

    Attributes:
        resolutions: of the classes that occur among the images, by word space; all keep the same labels, the concepts.
        classes: ``C`` class indices, ascending, one per concept.
        others: class index to its vector in the first space, for classes that do not occur among the images.
    """

    resolutions: tuple[Resolution, ...]
    classes: tuple[int, ...]
    others: Mapping[int, Array]

    @property
    def resolution(self) -> Resolution:
        """That of the first word space."""
        return self.resolutions[0]

    @property
    def concepts(self) -> tuple[str, ...]:
        """The class label of each concept."""
        return tuple(self.resolution.rows[index].label for index in self.resolution.indices)

    def gram(self, space: int = 0) -> Gram:
        """Inner products of the concepts' words in one of the spaces."""
        resolution = self.resolutions[space]
        return word_gram(resolution, resolution.vectors)

    def places(self, classes: NDArray[np.int64]) -> NDArray[np.int64]:
        """The concept of each class index, -1 for those that are none."""
        place = {index: concept for concept, index in enumerate(self.classes)}
        return np.array([place.get(index, -1) for index in classes.tolist()], np.int64)

    def has_word(self, classes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each class has a word in the first space."""
        return np.isin(classes, [*self.classes, *self.others])

    def profiles(self, classes: NDArray[np.int64], *, similarity: str) -> Array:
        """Similarity ``(n, C)`` of each class's word to the words of the concepts, in the first space.

        Every class must have a word.
        """
        vectors = dict(zip(self.classes, self.resolution.vectors, strict=True)) | dict(self.others)
        asked = sorted(set(classes.tolist()))
        stacked = np.concatenate([self.resolution.vectors, *(vectors[index][None] for index in asked)])
        found = similarities(word_gram(self.resolution, stacked), similarity)
        concepts = len(self.classes)
        return found[concepts + np.searchsorted(asked, classes), :concepts]


def word_gram(resolution: Resolution, vectors: Array) -> Gram:
    """Inner products of word vectors ``(n, d)`` in the coordinates of a resolution.

    A space that is given by similarities alone has no features that could be centred, so they are taken as they are.
    """
    if resolution.kernel is None:
        return gram_of(vectors)
    return Gram(resolution.inner(vectors, vectors), np.zeros(len(vectors)), 1)


def vocabulary(labels: Sequence[int], label_names: Sequence[str], spaces: Sequence[WordSpace]) -> Vocabulary:
    """Resolve the classes of the images first, then all other classes, in one pass over each word space.

    Args:
        labels: class index of each image.
        label_names: name of each class.
        spaces: where to look for words; a class is a concept if all of them know it.

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
    # Where two labels claim a word with the same right, the earlier one gets it: that of an image's class.
    found = [resolve([label_names[index] for index in order], space) for space in spaces]
    known = set(found[0].indices).intersection(*(each.indices for each in found[1:]))
    kept = [place for place in sorted(known) if place < len(present)]
    if len(kept) < MIN_CONCEPTS:
        raise UserError(
            f"too few concepts: a geometry needs at least {MIN_CONCEPTS} classes with a word vector",
            got=f"{len(kept)} of {len(present)} classes among the images",
            fix=f"add images of more classes, or words for {_some(found, len(present))}",
        )
    others = {
        order[place]: vector
        for place, vector in zip(found[0].indices, found[0].vectors, strict=True)
        if place not in kept
    }
    resolutions = tuple(_restricted(each, len(present), set(kept)) for each in found)
    return Vocabulary(resolutions, tuple(order[place] for place in kept), others)


def check_spaces(spaces: Sequence[WordSpace]) -> None:
    """Raises `UserError` unless these are word spaces that can be told apart by their names."""
    if not spaces:
        raise UserError("no word space", expected="one, or a list of several")
    odd = next((each for each in spaces if not isinstance(each, WordSpace)), None)
    if odd is not None:
        raise UserError("not a word space", got=str(odd), fix="load it with advwindow.load_words")
    names = [space.name for space in spaces]
    if len(set(names)) < len(names):
        raise UserError("two word spaces of the same name", got=", ".join(names), fix="give each a name of its own")
    taken = {PIXELS, MEAN}.intersection(names)
    if taken:
        raise UserError("a word space has the name of another reference", got=", ".join(taken), fix="rename it")


def _restricted(found: Resolution, present: int, kept: set[int]) -> Resolution:
    """The rows of the images' classes, with the words that all spaces know."""
    reasons = {
        place: "another word space does not know it" if place < present else "no image is of this class"
        for place in set(found.indices) - kept
    }
    return dataclasses.replace(found.without(reasons), rows=found.without(reasons).rows[:present])


def _some(found: Sequence[Resolution], present: int) -> str:
    known = set(found[0].indices).intersection(*(each.indices for each in found[1:]))
    without = [row.label for row in found[0].rows[:present] if row.index not in known]
    return ", ".join(without[:5]) + (" ..." if len(without) > 5 else "") if without else "them"
