"""The wanted words that a space has, with the geometry between them: vectors, and a kernel where there is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from advwindow.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from advwindow.words.space import WordSpace

    Array = NDArray[np.float64]

_SYMMETRY = 1e-6


@dataclass(frozen=True, eq=False)
class Lexicon:
    """Known words in the coordinates of one resolution.

    Attributes:
        vectors: word to its vector, float64 of shape ``(d,)``; a unit vector each where there is a kernel.
        dim: length of the vectors, d.
        kernel: inner products between the axes, ``(d, d)``; None if the axes are orthonormal.
    """

    vectors: Mapping[str, Array]
    dim: int
    kernel: Array | None = None

    @classmethod
    def of(cls, space: WordSpace, wanted: Collection[str]) -> Lexicon:
        """Search a space once.

        Raises:
            UserError: the space gives vectors or similarities of another form than it says.
        """
        found = {word: np.asarray(vector, np.float64) for word, vector in space.find(wanted).items()}
        for word, vector in found.items():
            if vector.shape != (space.dim,):
                got, expected = f"shape {vector.shape} for {word!r}", f"shape ({space.dim},)"
                raise UserError(f"word space {space.name} gives a wrong vector", got=got, expected=expected)
        if space.similarities is None:
            return cls(found, space.dim)
        words = sorted(found)
        kernel = _checked(space.name, words, np.asarray(space.similarities(words), np.float64))
        return cls(dict(zip(words, np.eye(len(words)), strict=True)), len(words), kernel)

    def combine(self, words: Sequence[str]) -> Array:
        """The vector of one word as it is; of several the mean of theirs at length 1, so that none outweighs another.

        All words are known, and `trouble` finds none with their vectors.
        """
        if len(words) == 1:
            return self.vectors[words[0]]
        mean: Array = np.mean([self._unit(self.vectors[word]) for word in sorted(words)], axis=0)
        return mean

    def trouble(self, vector: Array) -> str:
        """Why a vector cannot be used; empty if it can."""
        if not np.isfinite(vector).all():
            return "is not finite"
        if not vector.any():
            return "is zero"
        return "has no length" if self.kernel is not None and self._squared_length(vector) <= 0 else ""

    def key(self, vector: Array) -> bytes:
        """Equal for vectors that nothing tells apart: their inner products with all known words are equal."""
        used = np.flatnonzero(vector)
        profile = vector if self.kernel is None else vector[used] @ self.kernel[used]
        return bytes((profile + 0.0).tobytes())  # adding zero makes -0.0 and 0.0 the same bytes

    def _unit(self, vector: Array) -> Array:
        if self.kernel is not None:
            length = np.sqrt(self._squared_length(vector))
        else:
            vector = vector / np.abs(vector).max()  # squares of huge or tiny numbers leave float64
            length = np.linalg.norm(vector)
        unit: Array = vector / length
        return unit

    def _squared_length(self, vector: Array) -> float:
        assert self.kernel is not None
        used = np.flatnonzero(vector)
        return float(vector[used] @ self.kernel[np.ix_(used, used)] @ vector[used])


def _checked(name: str, words: Sequence[str], kernel: Array) -> Array:
    what, shape = f"word space {name} gives wrong similarities", (len(words), len(words))
    if kernel.shape != shape:
        raise UserError(what, got=f"shape {kernel.shape}", expected=f"shape {shape}")
    if not np.isfinite(kernel).all():
        raise UserError(what, got="NaN or infinity", expected="finite numbers")
    if np.abs(kernel - kernel.T).max(initial=0) > _SYMMETRY * np.abs(kernel).max(initial=0):
        raise UserError(what, got="a matrix that is not symmetric", expected="one that is, within 1e-6 of its largest")
    return (kernel + kernel.T) / 2
