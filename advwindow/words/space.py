"""A word space: words with vectors or with similarities, from which only the wanted words are ever read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class WordSpace:
    """Vectors for words, or similarities between them, looked up by exact spelling.

    A space may be given by similarities alone (human judgements, a brain's, a taxonomy): then ``dim`` is 0, `find`
    tells which words there are by vectors of length 0, and ``similarities`` stands for inner products.

    Attributes:
        name: what reports call the space.
        dim: length of each vector; 0 where there are similarities instead.
        sha256: hash of the source, the identity of the space.
        find: the vectors of those of the wanted words that the space has, float64 of shape ``(dim,)`` each; one pass
            over the source, so ask for everything at once.
        lowercase: whether the vocabulary is known to be lower-cased (then, beside a label as written, only lower-case
            spellings are tried); False is always safe.
        similarities: float64 of shape ``(n, n)`` for n known words, symmetric, finite, with a positive diagonal; it may
            have negative eigenvalues, as human similarities do. None: the inner products of the vectors.
    """

    name: str
    dim: int
    sha256: str
    find: Callable[[Collection[str]], Mapping[str, NDArray[np.float64]]]
    lowercase: bool = False
    similarities: Callable[[Sequence[str]], NDArray[np.float64]] | None = None
