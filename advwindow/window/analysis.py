"""From evidence to numbers: the one path of every report, fresh or recomputed from a stored run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from advwindow.window.ceilings import ceiling_columns, words_reliability
from advwindow.window.dyadic import Covariance, dyadic_covariance, intervals, ratio_intervals
from advwindow.window.effects import cohens_q, z_against_null
from advwindow.window.evidence import CLEAN, NOISE
from advwindow.window.families import contrasts, upper_p
from advwindow.window.further import further_measures
from advwindow.window.geometry import LayerGeometry, defect, layer_geometry, word_geometry
from advwindow.window.images import image_tests
from advwindow.window.multiplicity import resampled_p
from advwindow.window.permutation import correlation_null, label_permutations, two_vs_two_null
from advwindow.window.sets import set_scores
from advwindow.window.similarity import ConstantPatternError
from advwindow.window.swap import swap_coins

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from advwindow.window.evidence import Evidence
    from advwindow.window.geometry import WordGeometry
    from advwindow.window.grams import Stack
    from advwindow.window.options import Options

    Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Numbers:
    """All numbers of an analysis.

    Attributes:
        columns: name to ``(L, S)``, NaN where there is no such number.
        by_concept: name to ``(L, S, C)``, likewise: ``two_vs_two``, ``loss``, ``loss_q``.
        layers: geometry of the layers that have one.
        defects: layer to why it has no geometry.
        pairs: ``(K, N)``, the pair values of all `layers` and conditions.
    """

    columns: dict[str, Array]
    by_concept: dict[str, Array]
    layers: dict[str, LayerGeometry]
    defects: dict[str, str]
    pairs: Array


class _Study(NamedTuple):
    """What all layers are measured with.

    Attributes:
        evidence: of all layers.
        options: how to measure.
        words: the geometry of the first word space.
        coins: ``(1 + B, C)`` for the swap test, the first row zeros.
        relabelled: ``(B', C)`` relabellings for the further measures.
        agreement: of the word spaces, None with a single one.
    """

    evidence: Evidence
    options: Options
    words: WordGeometry
    coins: Array
    relabelled: NDArray[np.int64]
    agreement: float | None


class _Measured(NamedTuple):
    """One layer: its geometry, further numbers ``(S,)`` by name, and the scores of its image sets with their null."""

    geometry: LayerGeometry
    further: dict[str, Array]
    sets: tuple[Array, Array] | None


def compute(evidence: Evidence, options: Options) -> Numbers:
    """Measures, tests and intervals for every layer and condition.

    Layers without a geometry are left out of all families of tests and keep NaN.

    Raises:
        UserError: too few concepts, or a word without variance.
    """
    assert evidence.conditions[0] == CLEAN
    study = _study(evidence, options)
    measured, pairs, defects = _measure_all(study)
    geometries = [each.geometry for each in measured.values()]
    found = _sound_columns(evidence, geometries, pairs, study.words, options) if measured else {}
    for each in list(measured.values())[:1]:
        found |= {name: np.stack([other.further[name] for other in measured.values()]) for name in each.further}
    sets = [each.sets for each in measured.values() if each.sets is not None]
    if sets:
        found |= _set_tests(sets, options)
    sound = np.array([name in measured for name in evidence.layers])
    columns = {name: _spread(values, sound) for name, values in found.items()}
    for name in ("displacement", "identification"):
        columns[name] = np.stack([getattr(layer, name) for layer in evidence.layers.values()])
    columns |= image_tests(evidence, study.words.similarity, options)
    shape = (-1, len(evidence.conditions), len(evidence.concepts))
    by_concept = {
        name: _spread(np.array([getattr(each, field) for each in geometries]).reshape(shape), sound)
        for name, field in (("two_vs_two", "per_concept"), ("loss", "loss"), ("loss_q", "loss_q"))
    }
    layers = {name: each.geometry for name, each in measured.items()}
    return Numbers(columns, by_concept, layers, defects, pairs)


def _study(evidence: Evidence, options: Options) -> _Study:
    words, *_ = [word_geometry(evidence, space) for space in evidence.spaces]
    concepts = len(evidence.concepts)
    return _Study(
        evidence,
        options,
        words,
        np.vstack([np.zeros(concepts), swap_coins(options.permutations, concepts, seed=options.seed)]),
        label_permutations(options.further_permutations, concepts, seed=options.seed),
        words_reliability(evidence, options.measure),
    )


def _measure_all(study: _Study) -> tuple[dict[str, _Measured], Array, dict[str, str]]:
    """Every layer that has a geometry, all pair values ``(K, N)`` in one place, and why the others have none."""
    evidence, concepts = study.evidence, len(study.evidence.concepts)
    measured: dict[str, _Measured] = {}
    # With 1,000 concepts 4 MB for each layer and condition, so there is to be one copy only.
    pairs = np.empty((len(evidence.layers), len(evidence.conditions), concepts * (concepts - 1) // 2))
    defects: dict[str, str] = {}
    for name, layer in evidence.layers.items():
        patterns = layer.stack
        stack = patterns.averaged(evidence.weights) if len(evidence.counts) > 1 else patterns
        try:
            found = _measure(study, stack, patterns)
        except ConstantPatternError as error:
            defects[name] = defect(evidence, stack, error)
            continue
        own = pairs[len(measured)]
        own[:] = found.geometry.pairs
        measured[name] = found._replace(geometry=replace(found.geometry, pairs=own))
    return measured, pairs[: len(measured)].reshape(-1, pairs.shape[-1]), defects


def _measure(study: _Study, stack: Stack, patterns: Stack) -> _Measured:
    """One layer, from the products of its concept means and of its means by fold."""
    evidence, words, options = study.evidence, study.words, study.options
    kind, folds = evidence.similarity, len(evidence.counts)
    geometry = layer_geometry(stack, words, study.coins, kind=kind, options=options)
    alignment = geometry.rsa_spearman if options.measure == "spearman" else geometry.rsa_pearson
    further = ceiling_columns(patterns, alignment, study.agreement, evidence=evidence, options=options)
    if options.further:
        further |= further_measures(
            stack, patterns, words, kind=kind, ties=options.ties, folds=folds, permutations=study.relabelled
        )
    scored = options.image_sets and not words.flat.any()
    sets = set_scores(patterns, words, kind=kind, options=options, folds=folds) if scored else None
    return _Measured(geometry, further, sets)


def _spread(values: Array, sound: NDArray[np.bool_]) -> Array:
    """Rows of the sound layers in their places among all layers, NaN elsewhere."""
    spread = np.full((len(sound), *values.shape[1:]), np.nan)
    spread[sound] = values
    return spread


def _sound_columns(
    evidence: Evidence, layers: list[LayerGeometry], pairs: Array, words: WordGeometry, options: Options
) -> dict[str, Array]:
    alignment = {
        name: np.stack([getattr(layer, name) for layer in layers])
        for name in ("rsa_pearson", "rsa_spearman", "two_vs_two", "cka", "cka_clean")
    }
    estimate = alignment[f"rsa_{options.measure}"]
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
        **upper_p("alignment", estimate, null, correction=options.correction),
        "alignment_z": np.stack(
            [z_against_null(estimate[:, s], null[:, :, s]) for s in range(estimate.shape[1])], axis=1
        ),
        "chance_low": low,
        "chance_high": high,
        "chance_bound": chance,
    }


def _two_vs_two_tests(
    estimate: Array, layers: list[LayerGeometry], words: WordGeometry, options: Options
) -> dict[str, Array]:
    count = options.matching_permutations(len(words.similarity))
    if not count or words.flat.any():
        return {name: np.full(estimate.shape, np.nan) for name in ("two_vs_two_p", "two_vs_two_p_adjusted")}
    permutations = label_permutations(count, len(words.similarity), seed=options.seed)
    geometries = np.concatenate([layer.similarity for layer in layers if layer.similarity is not None])
    null = two_vs_two_null(geometries, words.similarity, permutations, ties=options.ties)
    return upper_p("two_vs_two", estimate, null.reshape(-1, *estimate.shape), correction=options.correction)


def _set_tests(sets: list[tuple[Array, Array]], options: Options) -> dict[str, Array]:
    """Mean scores of image sets ``(L, S)``, with p-values where there are relabellings."""
    estimate, null = np.stack([score for score, _ in sets]), np.stack([each for _, each in sets], axis=1)
    scored: NDArray[np.bool_] = np.isfinite(estimate.sum(1))
    if not len(null) or not scored.any():
        return {"two_vs_two_sets": estimate}
    tests = upper_p("two_vs_two_sets", estimate[scored], null[:, scored], correction=options.correction)
    return {"two_vs_two_sets": estimate, **{name: _spread(values, scored) for name, values in tests.items()}}


def _alignment_intervals(estimate: Array, covariance: Covariance, options: Options) -> dict[str, Array]:
    found = [
        intervals(estimate[:, s], covariance, contrasts(estimate.shape, s), seed=options.seed)
        for s in range(estimate.shape[1])
    ]
    names = ("se", "ci_low", "ci_high", "band_low", "band_high", "upper")
    return {name: np.stack(values, axis=1) for name, values in zip(names, zip(*found, strict=True), strict=True)}


def _drift(estimate: Array, swapped: Array, covariance: Covariance, options: Options) -> dict[str, Array]:
    """Drift of every condition but clean, with the p-values of the swap test ``swapped`` of shape (L, S, 1 + B)."""
    columns = {name: np.full(estimate.shape, np.nan) for name in _DRIFT}
    for s in range(1, estimate.shape[1]):
        drift = estimate[:, 0] - estimate[:, s]
        one = intervals(drift, covariance, contrasts(estimate.shape, 0, s), seed=options.seed)
        test = resampled_p(swapped[:, s, 0], swapped[:, s, 1:].T, tail="both", correction=options.correction)
        kept = ratio_intervals(
            estimate[:, s],
            estimate[:, 0],
            covariance=covariance,
            contrasts=(contrasts(estimate.shape, s), contrasts(estimate.shape, 0)),
            seed=options.seed,
        )
        found = (
            drift, one.se, one.low, one.high, one.band_low, one.band_high, test.raw, test.adjusted,
            cohens_q(estimate[:, 0], estimate[:, s]), kept.low, kept.high,
        )  # fmt: skip
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
    "cohens_q",
    "retention_low",
    "retention_high",
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
            one = intervals(difference, covariance, contrasts(estimate.shape, noise, s), seed=options.seed)
            for name, values in zip(names, (difference, one.low, one.high), strict=True):
                columns[name][:, s] = values
    return columns
