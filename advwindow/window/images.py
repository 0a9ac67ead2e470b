"""The 1 vs 2 test on single images, layer by layer: the true word, or a wrong one?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from advwindow.window.matching import one_vs_two
from advwindow.window.multiplicity import resampled_p
from advwindow.window.permutation import label_permutations, one_vs_two_null
from advwindow.window.profiles import varying

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from advwindow.window.evidence import Evidence
    from advwindow.window.options import Options

    Array = NDArray[np.float64]

_COLUMNS = ("one_vs_two", "one_vs_two_margin", "one_vs_two_p", "one_vs_two_p_adjusted")


def image_tests(evidence: Evidence, words: Array, options: Options) -> dict[str, Array]:
    """The 1 vs 2 test of every layer and condition: does an image still look more like its true word?

    The other word is that of the network's own wrong prediction; on attacked images, that of the class that the caller
    of `Window.compare` held against the truth, if any (a target, say). p-values are for accuracies below one half,
    adjusted over the layers of a condition.

    Args:
        evidence: with its trials.
        words: ``(C, C)`` word similarity.
        options: tie rule, permutations and seed.

    Returns:
        ``one_vs_two`` (accuracy), ``one_vs_two_margin`` (mean), ``one_vs_two_p``, ``one_vs_two_p_adjusted``, each
        ``(L, S)``, NaN where a layer has no trials or an activation without variance; ``one_vs_two_n``, the trials.
        Images whose true or wrong word is equally similar to all others are left out.
    """
    trials = evidence.trials
    shape = (len(evidence.layers), len(evidence.conditions))
    columns = {name: np.full(shape, np.nan) for name in _COLUMNS}
    masked = own_concepts(trials.truth, trials.wrong, len(words))
    told = varying(words[trials.truth], masked) & varying(trials.profile, masked)
    columns["one_vs_two_n"] = np.tile(
        np.bincount(trials.condition[told], minlength=shape[1]).astype(np.float64), (shape[0], 1)
    )
    permutations = label_permutations(options.permutations, len(words), seed=options.seed)
    for s in np.unique(trials.condition).tolist():
        rows = (trials.condition == s) & told
        if not rows.any():
            continue
        near = [layer.closeness[rows] for layer in evidence.layers.values()]
        sound = np.flatnonzero([varying(u, masked[rows]).all() for u in near])
        if not len(sound):
            continue
        profiles = (words[trials.truth[rows]], trials.profile[rows])
        tests = [one_vs_two(near[layer], *profiles, masked=masked[rows], ties=options.ties) for layer in sound]
        accuracy = np.array([test.accuracy for test in tests])
        null = one_vs_two_null(
            np.stack([near[layer] for layer in sound]),
            *profiles,
            masked=masked[rows],
            permutations=permutations,
            ties=options.ties,
        )
        below = resampled_p(accuracy, null, tail="lower", correction=options.correction)
        margins = np.array([test.margins.mean() for test in tests])
        for name, values in zip(_COLUMNS, (accuracy, margins, below.raw, below.adjusted), strict=True):
            columns[name][sound, s] = values
    return columns


def own_concepts(truth: NDArray[np.int64], wrong: NDArray[np.int64], concepts: int) -> NDArray[np.bool_]:
    """References to leave out for each trial, ``(T, C)``: its true concept and, where it is one, its wrong concept."""
    places = np.arange(concepts)
    own: NDArray[np.bool_] = (places == truth[:, None]) | (places == wrong[:, None])
    return own
