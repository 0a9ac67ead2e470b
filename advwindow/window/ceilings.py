"""How high a layer's alignment could be, given how much its geometry depends on the choice of images and words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from advwindow.window.alignment import pair_values
from advwindow.window.reliability import disattenuated_drift, layer_reliability, noise_ceiling, word_reliability
from advwindow.window.similarity import similarity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from advwindow.window.evidence import Evidence
    from advwindow.window.grams import Stack
    from advwindow.window.options import Options

    Array = NDArray[np.float64]

#: Columns of `ceiling_columns`.
CEILINGS = ("reliability", "ceiling", "disattenuated", "drift_disattenuated", "drift_geometry", "drift_reliability")


def words_reliability(evidence: Evidence, measure: str) -> float | None:
    """How well the spaces of word vectors agree; None with a single one, or if the main space is none of them.

    A space that is given by similarities alone (a brain's, people's, a taxonomy) measures something else: that it
    differs is no unreliability of the words.
    """
    if not next(iter(evidence.spaces.values())).of_vectors:
        return None
    spaces = [similarity(space.gram, evidence.similarity) for space in evidence.spaces.values() if space.of_vectors]
    return word_reliability(np.stack([pair_values(each) for each in spaces]), measure=measure)


def ceiling_columns(
    patterns: Stack, alignment: Array, words: float | None, *, evidence: Evidence, options: Options
) -> dict[str, Array]:
    """Noise ceiling and disattenuated alignment of one layer under every condition.

    Args:
        patterns: of the ``M * C`` means by fold.
        alignment: ``(S,)``.
        words: reliability of the words.
        evidence: numbers of images and kind of similarity.
        options: measure and seed.

    Returns:
        Each of `CEILINGS` as ``(S,)``, NaN where it cannot be estimated (with one fold everywhere).
    """
    columns = {name: np.full(len(alignment), np.nan) for name in CEILINGS}
    if len(evidence.counts) < 2:
        return columns
    ceilings = []
    for s in range(len(alignment)):
        products = patterns.own[s] if evidence.similarity == "pearson" else patterns.gram(s).raw
        found = layer_reliability(products, evidence.counts.T, measure=options.measure, seed=options.seed)
        ceilings.append(noise_ceiling(found.value, words))
        drift = disattenuated_drift(alignment[0], alignment[s], ceilings=(ceilings[0], ceilings[s]))
        parts = (drift.drift, drift.geometry, drift.reliability) if s else (None, None, None)
        for name, value in zip(CEILINGS, (found.value, ceilings[s].value, drift.condition, *parts), strict=True):
            columns[name][s] = np.nan if value is None else value
    return columns
