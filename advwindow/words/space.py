"""A word space: words with vectors, from which only the wanted words are ever read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class WordSpace:
    """Vectors for words, looked up by exact spelling.

    Attributes:
        name: what reports call the space.
        dim: length of each vector.
        sha256: hash of the source, the identity of the space.
        find: the vectors of those of the wanted words that the space has, float64 of shape ``(dim,)`` each; one pass
            over the source, so ask for everything at once.
        lowercase: whether the vocabulary is known to be lower-cased (then, beside a label as written, only lower-case
            spellings are tried); False is always safe.
    """

    name: str
    dim: int
    sha256: str
    find: Callable[[Collection[str]], Mapping[str, NDArray[np.float64]]]
    lowercase: bool = False
