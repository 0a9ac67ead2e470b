"""Small word files with known contents, written plainly and independently of the readers."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

from advwindow.words import WordSpace

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

WORDS = ("the", "cat", "Kit_fox", "naïve", "T-shirt")
VECTORS = ((0.5, -1.25, 3.0), (1e-3, 2.0, -0.125), (4.0, 5.0, 6.0), (-1.0, 0.0, 7.5), (8.0, 0.25, 2.5))


def text_lines(words: Sequence[str] = WORDS, vectors: Sequence[Sequence[float]] = VECTORS) -> str:
    """GloVe's form."""
    return "".join(f"{word} {' '.join(map(repr, row))}\n" for word, row in zip(words, vectors, strict=True))


def binary_bytes(
    words: Sequence[str] = WORDS, vectors: Sequence[Sequence[float]] = VECTORS, *, end: bytes = b"\n"
) -> bytes:
    """word2vec's binary form."""
    rows = [w.encode() + b" " + struct.pack(f"<{len(v)}f", *v) + end for w, v in zip(words, vectors, strict=True)]
    return f"{len(words)} {len(vectors[0])}\n".encode() + b"".join(rows)


def toy_space(
    vectors: Mapping[str, Sequence[float]], *, lowercase: bool = False, calls: list[set[str]] | None = None
) -> WordSpace:
    """A space in memory; ``calls`` collects what it is asked for."""
    table = {word: np.array(vector, float) for word, vector in vectors.items()}

    def find(wanted: Collection[str]) -> dict[str, NDArray[np.float64]]:
        if calls is not None:
            calls.append(set(wanted))
        return {word: table[word] for word in wanted if word in table}

    return WordSpace("toy", len(next(iter(table.values()))), "0" * 64, find, lowercase)
