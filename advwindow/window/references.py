"""Other references beside the first word space: more word spaces, their mean, and the images' own pixels.

Each word space is one view of what the words mean, and the pixels are a control: alignment that a layer owes to the
look of the images alone would show up there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from advwindow.window.alignment import pair_matrix, pair_values, unit_pairs
from advwindow.window.dyadic import dyadic_covariance, intervals
from advwindow.window.evidence import CLEAN
from advwindow.window.families import contrasts, upper_p
from advwindow.window.permutation import correlation_null, label_permutations
from advwindow.window.similarity import ConstantPatternError, similarity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from advwindow.window.analysis import Numbers
    from advwindow.window.evidence import Evidence
    from advwindow.window.options import Options

    Array = NDArray[np.float64]

#: Names of the references that are no word space.
PIXELS, MEAN = "pixels", "mean of word spaces"


# Word spaces of opposite sign leave nothing but rounding of their sum.
_CANCELLED = 1e-8


class Reference(NamedTuple):
    """A geometry to compare layers with.

    Attributes:
        name: of the word space, `MEAN` or `PIXELS`.
        pairs: ``(N,)``, pair values with mean 0 and length 1.
    """

    name: str
    pairs: Array


def references(evidence: Evidence, measure: str) -> list[Reference]:
    """Every word space in order, their mean where there are several, and the pixels where they have a geometry."""
    found = [
        Reference(name, unit_pairs(pair_values(similarity(space.gram, evidence.similarity)), measure))
        for name, space in evidence.spaces.items()
    ]
    total = np.sum([each.pairs for each in found], axis=0)
    if len(found) > 1 and np.linalg.norm(total) > _CANCELLED:
        found.append(Reference(MEAN, unit_pairs(total, "pearson")))
    try:
        pixels = unit_pairs(pair_values(similarity(evidence.pixels, evidence.similarity)), measure)
    except ConstantPatternError:
        return found
    return [*found, Reference(PIXELS, pixels)]


def agreement(evidence: Evidence, options: Options) -> pl.DataFrame:
    """How well the references agree with each other.

    Returns:
        One row per pair: ``first``, ``second``, ``correlation`` of their geometries over the pairs of concepts, its
        dyadic-robust ``se``, ``ci_low`` and ``ci_high``.
    """
    known = [each for each in references(evidence, options.measure) if each.name != MEAN]
    rows = []
    for place, one in enumerate(known):
        others = known[place + 1 :]
        if others:
            pairs = np.stack([other.pairs for other in others])
            estimate = pairs @ one.pairs
            covariance = dyadic_covariance(pairs, one.pairs, len(evidence.concepts))
            spread = intervals(estimate, covariance, np.eye(len(others)), seed=options.seed)
            told = zip(others, estimate, spread.se, spread.low, spread.high, strict=True)
            rows += [(one.name, other.name, *(float(value) for value in values)) for other, *values in told]
    schema = {"first": pl.String, "second": pl.String} | dict.fromkeys(
        ("correlation", "se", "ci_low", "ci_high"), pl.Float64
    )
    return pl.DataFrame(rows, schema=schema, orient="row")


def reference_table(evidence: Evidence, numbers: Numbers, options: Options) -> pl.DataFrame:
    """Alignment and drift of every layer and condition with every reference.

    Args:
        evidence: the references' geometries.
        numbers: the layers' pair values, and all that is known of the first word space already.
        options: measure, permutations, correction and seed.

    Returns:
        One row per reference, layer and condition: ``reference``, ``layer``, ``condition``, ``alignment``,
        ``alignment_p`` and ``alignment_p_adjusted`` (label permutation, over the layers of a condition),
        ``beyond_pixels`` (the correlation that is left when the pixels' geometry is taken out of both sides; an
        estimate, no test), ``drift``, ``drift_ci_low`` and ``drift_ci_high`` (dyadic-robust, pointwise).
    """
    if not numbers.layers:
        return pl.DataFrame(schema=_SCHEMA)
    shape, pairs = (len(numbers.layers), len(evidence.conditions)), numbers.pairs
    sound = [layer in numbers.layers for layer in evidence.layers]
    main = {name: numbers.columns[name][sound] for name in _NUMBERS if name in numbers.columns}
    known = references(evidence, options.measure)
    pixels = next((each.pairs for each in known if each.name == PIXELS), None)
    permutations = label_permutations(options.permutations, len(evidence.concepts), seed=options.seed)
    tables = []
    for place, reference in enumerate(known):
        columns = {"beyond_pixels": _partial(pairs, reference, pixels, shape)}
        columns |= main if place == 0 else _drifts(pairs, reference.pairs, shape, evidence, options)
        columns |= {} if place == 0 else _tests(pairs, reference.pairs, shape, permutations, options)
        names = [(reference.name, layer, condition) for layer in numbers.layers for condition in evidence.conditions]
        tables.append(
            pl.DataFrame(names, schema=dict.fromkeys(("reference", "layer", "condition"), pl.String), orient="row")
            .with_columns(**{name: pl.Series(values.ravel()).fill_nan(None) for name, values in columns.items()})
            .select(*_SCHEMA)
        )
    return pl.concat(tables)


def dissenting(table: pl.DataFrame, spaces: list[str]) -> pl.DataFrame:
    """Where another word space than the first sees alignment rise.

    Returns:
        ``layer``, ``condition``, ``dissent`` (a sentence), a row for each where there is any.
    """
    return (
        table.filter(pl.col("reference").is_in(spaces[1:]), pl.col("drift") < 0)
        .group_by("layer", "condition", maintain_order=True)
        .agg(pl.col("reference").str.join(", "))
        .select(
            "layer",
            "condition",
            pl.format("Seen through {}, alignment does not fall here.", pl.col("reference")).alias("dissent"),
        )
    )


_NUMBERS = (
    "alignment", "alignment_p", "alignment_p_adjusted", "beyond_pixels", "drift", "drift_ci_low", "drift_ci_high"
)  # fmt: skip
_SCHEMA = dict.fromkeys(("reference", "layer", "condition"), pl.String) | dict.fromkeys(_NUMBERS, pl.Float64)


def _drifts(
    pairs: Array, reference: Array, shape: tuple[int, int], evidence: Evidence, options: Options
) -> dict[str, Array]:
    estimate = (pairs @ reference).reshape(shape)
    covariance = dyadic_covariance(pairs, reference, len(evidence.concepts))
    columns = {name: np.full(shape, np.nan) for name in ("drift", "drift_ci_low", "drift_ci_high")}
    for s, condition in enumerate(evidence.conditions):
        if condition != CLEAN:
            drift = estimate[:, 0] - estimate[:, s]
            spread = intervals(drift, covariance, contrasts(shape, 0, s), seed=options.seed)
            for name, values in zip(columns, (drift, spread.low, spread.high), strict=True):
                columns[name][:, s] = values
    return {"alignment": estimate, **columns}


def _tests(
    pairs: Array, reference: Array, shape: tuple[int, int], permutations: NDArray[np.int64], options: Options
) -> dict[str, Array]:
    matrix = pair_matrix(reference, permutations.shape[1])
    null = correlation_null(pairs, matrix, permutations).reshape(-1, *shape)
    estimate = (pairs @ reference).reshape(shape)
    return upper_p("alignment", estimate, null, correction=options.correction)


def _partial(pairs: Array, reference: Reference, pixels: Array | None, shape: tuple[int, int]) -> Array:
    """Partial correlations given the pixels; NaN for the pixels themselves."""
    if pixels is None or reference.name == PIXELS:
        return np.full(shape, np.nan)
    layer, words = pairs @ pixels, float(reference.pairs @ pixels)
    scale = np.sqrt((1 - layer**2).clip(0) * max(0.0, 1 - words**2))
    left = pairs @ reference.pairs - layer * words
    return np.divide(left, scale, out=np.full_like(left, np.nan), where=scale > 1e-6).reshape(shape)
