"""From evidence to numbers: the one path of every report, fresh or recomputed from a stored run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from advwindow.window.dyadic import Covariance, dyadic_covariance, intervals
from advwindow.window.evidence import CLEAN, NOISE
from advwindow.window.geometry import LayerGeometry, defect, layer_geometry, word_geometry
from advwindow.window.images import image_tests
from advwindow.window.multiplicity import resampled_p
from advwindow.window.permutation import correlation_null, label_permutations, two_vs_two_null
from advwindow.window.similarity import ConstantPatternError
from advwindow.window.swap import swap_coins

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from advwindow.window.evidence import Evidence
    from advwindow.window.geometry import WordGeometry
    from advwindow.window.options import Options

    Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Numbers:
    """All numbers of an analysis.

    Attributes:
        columns: name to ``(L, S)``, NaN where there is no such number.
        per_concept: ``(L, S, C)``, 2 vs 2 by concept.
        defects: layer to why it has no geometry.
    """

    columns: dict[str, Array]
    per_concept: Array
    defects: dict[str, str]


def compute(evidence: Evidence, options: Options) -> Numbers:
    """Measures, tests and intervals for every layer and condition.

    Layers without a geometry are left out of all families of tests and keep NaN.

    Raises:
        UserError: too few concepts, or a word without variance.
    """
    assert evidence.conditions[0] == CLEAN
    words = word_geometry(evidence)
    concepts = len(evidence.concepts)
    coins = np.vstack([np.zeros(concepts), swap_coins(options.permutations, concepts, seed=options.seed)])
    layers: dict[str, LayerGeometry] = {}
    defects: dict[str, str] = {}
    for name, layer in evidence.layers.items():
        try:
            layers[name] = layer_geometry(
                layer.gram, words, coins, kind=evidence.similarity, measure=options.measure, ties=options.ties
            )
        except ConstantPatternError as error:
            defects[name] = defect(evidence, layer.gram, error)
    found = _sound_columns(evidence, list(layers.values()), words, options) if layers else {}
    sound = np.array([name in layers for name in evidence.layers])
    columns = {name: _spread(values, sound) for name, values in found.items()}
    columns["displacement"] = np.stack([layer.displacement for layer in evidence.layers.values()])
    columns |= image_tests(evidence, words.similarity, options)
    per_concept = np.full((len(sound), len(evidence.conditions), concepts), np.nan)
    if layers:
        per_concept[sound] = np.stack([layer.per_concept for layer in layers.values()])
    return Numbers(columns, per_concept, defects)


def _spread(values: Array, sound: NDArray[np.bool_]) -> Array:
    """Rows of the sound layers in their places among all layers, NaN elsewhere."""
    spread = np.full((len(sound), *values.shape[1:]), np.nan)
    spread[sound] = values
    return spread


def _sound_columns(
    evidence: Evidence, layers: list[LayerGeometry], words: WordGeometry, options: Options
) -> dict[str, Array]:
    alignment = {
        name: np.stack([getattr(layer, name) for layer in layers])
        for name in ("rsa_pearson", "rsa_spearman", "two_vs_two", "cka", "cka_clean")
    }
    estimate = alignment[f"rsa_{options.measure}"]
    pairs = np.concatenate([layer.pairs for layer in layers])
    covariance = dyadic_covariance(pairs, words.pairs(options.measure), len(evidence.concepts))
    return {
        "alignment": estimate,
        **alignment,
        **_alignment_tests(estimate, pairs, words, options),
        **_two_vs_two_tests(alignment["two_vs_two"], layers, words, options),
        **_alignment_intervals(estimate, covariance, options),
        **_drift(estimate, np.stack([layer.drift for layer in layers]), covariance, options),
        **_beyond_noise(evidence.conditions, estimate, covariance, options),
    }


def _alignment_tests(estimate: Array, pairs: Array, words: WordGeometry, options: Options) -> dict[str, Array]:
    permutations = label_permutations(options.permutations, len(words.similarity), seed=options.seed)
    null = correlation_null(pairs, words.matrix(options.measure), permutations).reshape(-1, *estimate.shape)
    low, high, chance = np.quantile(null, [0.025, 0.975, 0.95], axis=0)
    return {
        **_upper_p("alignment", estimate, null),
        "chance_low": low,
        "chance_high": high,
        "chance_bound": chance,
    }


def _two_vs_two_tests(
    estimate: Array, layers: list[LayerGeometry], words: WordGeometry, options: Options
) -> dict[str, Array]:
    count = options.matching_permutations(len(words.similarity))
    if not count:
        return {name: np.full(estimate.shape, np.nan) for name in ("two_vs_two_p", "two_vs_two_p_adjusted")}
    permutations = label_permutations(count, len(words.similarity), seed=options.seed)
    geometries = np.concatenate([layer.similarity for layer in layers])
    null = two_vs_two_null(geometries, words.similarity, permutations, ties=options.ties)
    return _upper_p("two_vs_two", estimate, null.reshape(-1, *estimate.shape))


def _upper_p(name: str, estimate: Array, null: Array) -> dict[str, Array]:
    """p-values ``(L, S)`` for large values; each condition is a family of its layers."""
    tests = [resampled_p(estimate[:, s], null[:, :, s], tail="upper") for s in range(estimate.shape[1])]
    return {
        f"{name}_p": np.stack([test.raw for test in tests], axis=1),
        f"{name}_p_adjusted": np.stack([test.adjusted for test in tests], axis=1),
    }


def _contrasts(shape: tuple[int, ...], plus: int, minus: int | None = None) -> Array:
    """Combinations of the ``L * S`` alignments: condition `plus`, less condition `minus`, layer by layer."""
    each = np.eye(shape[0] * shape[1]).reshape(*shape, -1)
    return each[:, plus] if minus is None else each[:, plus] - each[:, minus]


def _alignment_intervals(estimate: Array, covariance: Covariance, options: Options) -> dict[str, Array]:
    found = [
        intervals(estimate[:, s], covariance, _contrasts(estimate.shape, s), seed=options.seed)
        for s in range(estimate.shape[1])
    ]
    names = ("se", "ci_low", "ci_high", "band_low", "band_high", "upper")
    return {name: np.stack(values, axis=1) for name, values in zip(names, zip(*found, strict=True), strict=True)}


def _drift(estimate: Array, swapped: Array, covariance: Covariance, options: Options) -> dict[str, Array]:
    """Drift of every condition but clean, with the p-values of the swap test ``swapped`` of shape (L, S, 1 + B)."""
    columns = {name: np.full(estimate.shape, np.nan) for name in _DRIFT}
    for s in range(1, estimate.shape[1]):
        drift = estimate[:, 0] - estimate[:, s]
        one = intervals(drift, covariance, _contrasts(estimate.shape, 0, s), seed=options.seed)
        test = resampled_p(swapped[:, s, 0], swapped[:, s, 1:].T, tail="both")
        found = (drift, one.se, one.low, one.high, one.band_low, one.band_high, test.raw, test.adjusted)
        for name, values in zip(_DRIFT, found, strict=True):
            columns[name][:, s] = values
    return columns


_DRIFT = (
    "drift",
    "drift_se",
    "drift_ci_low",
    "drift_ci_high",
    "drift_band_low",
    "drift_band_high",
    "drift_p",
    "drift_p_adjusted",
)


def _beyond_noise(
    conditions: tuple[str, ...], estimate: Array, covariance: Covariance, options: Options
) -> dict[str, Array]:
    """Drift minus the drift under noise, which is alignment under noise minus alignment under the condition."""
    names = ("drift_beyond_noise", "drift_beyond_noise_low", "drift_beyond_noise_high")
    columns = {name: np.full(estimate.shape, np.nan) for name in names}
    if NOISE in conditions:
        noise = conditions.index(NOISE)
        for s in set(range(1, len(conditions))) - {noise}:
            difference = estimate[:, noise] - estimate[:, s]
            one = intervals(difference, covariance, _contrasts(estimate.shape, noise, s), seed=options.seed)
            for name, values in zip(names, (difference, one.low, one.high), strict=True):
                columns[name][:, s] = values
    return columns
