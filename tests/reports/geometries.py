"""Concepts with words, clean and attacked activations, of which every similarity is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from advwindow.reports.reading.geometry import ConceptGeometry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: Labels that would be markup, formulas, controls or too long, were they not shown as text.
HOSTILE = (
    "#$x_$", "<script>alert(1)</script>", "مرحبا بالعالم", "😀 cat", "L" * 200, ", ", "\u202eturned", "two\nlines", "",
)  # fmt: skip


class Patterns(NamedTuple):
    """``(C, 30)`` word vectors and activations."""

    words: NDArray[np.float64]
    clean: NDArray[np.float64]
    attacked: NDArray[np.float64]
    noisy: NDArray[np.float64]


def patterns(concepts: int, *, seed: int = 0) -> Patterns:
    """Activations that follow the words, and less so under attack."""
    draw = np.random.default_rng(seed)
    words, own, other, blur = (draw.normal(size=(concepts, 30)) for _ in range(4))
    clean = words + own + 0.5
    return Patterns(words, clean, 0.4 * clean + other, clean + 0.1 * blur)


def geometry(concepts: int, *, names: Sequence[str] = (), seed: int = 0) -> ConceptGeometry:
    """Their similarities; the first concepts have these names."""
    made = patterns(concepts, seed=seed)
    labels = (*names, *(f"concept {place}" for place in range(len(names), concepts)))
    return ConceptGeometry(
        attack="PGD L∞ 8/255",
        layer="head",
        space="glove-6b-50d",
        kind="pearson",
        concepts=labels,
        words=tuple(f"word {place}" for place in range(concepts)),
        of_words=np.asarray(np.corrcoef(made.words), np.float64),
        joint=np.asarray(np.corrcoef(made.clean, made.attacked), np.float64),
        kept_by_noise=np.diag(np.corrcoef(made.clean, made.noisy), concepts),
    )
