"""One attack at several budgets: at which is half of a layer's alignment with words gone?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from advwindow.errors import UserError, did_you_mean
from advwindow.window.alignment import pair_values, unit_pairs
from advwindow.window.dyadic import dyadic_covariance
from advwindow.window.halflife import half_life, pixel_levels
from advwindow.window.options import Options
from advwindow.window.similarity import ConstantPatternError, similarity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from advwindow.window.evidence import Evidence

    Array = NDArray[np.float64]

#: Columns of `half_lives`.
HALF_LIVES: dict[str, type[pl.DataType]] = {
    "layer": pl.String,
    "half_life": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "text": pl.String,
    "note": pl.String,
}


def half_lives(
    evidence: Mapping[float, Evidence],
    *,
    condition: str = "attack",
    options: Options | None = None,
    show: Callable[[float], str] = pixel_levels,
) -> pl.DataFrame:
    """The semantic half-life of every layer: the budget at which half of its clean alignment is gone.

    Args:
        evidence: budget (above 0) to what was gathered under the attack at that budget, all of the same images.
        condition: name of the condition in them.
        options: which measure; the defaults if None.
        show: writes a budget; 255ths by default.

    Returns:
        One row per layer: ``layer``, ``half_life`` (null outside the budgets measured), ``low`` and ``high`` of its
        95 % interval (0 and infinity where it is open), ``text`` (the same in words), ``note``.

    Raises:
        UserError: no budgets, or evidence of other concepts or layers.
    """
    options = options or Options()
    budgets = sorted(evidence)
    if not budgets or not all(0 < budget < np.inf for budget in budgets):
        expected = "evidence at one or more finite budgets above 0"
        raise UserError("no budgets to compare", got=str(budgets), expected=expected)
    first = evidence[budgets[0]]
    for known in (each.conditions[1:] for each in evidence.values()):
        if condition not in known:
            raise UserError("no such condition", got=condition, fix=did_you_mean(condition, known))
    for budget in budgets[1:]:
        _check(first, evidence[budget])
    words = unit_pairs(
        pair_values(similarity(next(iter(first.spaces.values())).gram, first.similarity)), options.measure
    )
    rows: list[tuple[object, ...]] = []
    for layer in first.layers:
        places = [(first, 0), *((evidence[each], evidence[each].conditions.index(condition)) for each in budgets)]
        try:
            pairs = np.stack([_pairs(of, layer, place, options.measure) for of, place in places])
        except ConstantPatternError as error:
            rows.append((layer, None, None, None, "none", str(error)))
            continue
        covariance = dyadic_covariance(pairs, words, len(first.concepts))
        found = half_life(np.array(budgets), pairs @ words, covariance=covariance, show=show)
        rows.append((layer, found.estimate, found.low, found.high, found.text, found.note))
    return pl.DataFrame(rows, schema=HALF_LIVES, orient="row")


def _pairs(evidence: Evidence, layer: str, condition: int, measure: str) -> Array:
    gram = evidence.layers[layer].stack.gram(condition).averaged(evidence.weights)
    return unit_pairs(pair_values(similarity(gram, evidence.similarity)), measure)


def _check(one: Evidence, other: Evidence) -> None:
    for what in ("concepts", "similarity"):
        if getattr(one, what) != getattr(other, what):
            raise UserError(f"evidence at several budgets differs in its {what}", fix="attack the same images")
    if list(one.layers) != list(other.layers):
        raise UserError("evidence at several budgets differs in its layers", fix="attack the same network")
    if not np.array_equal(one.counts, other.counts) or not all(
        np.allclose(mine.stack.own[0], theirs.stack.own[0], rtol=1e-4, atol=1e-4 * np.abs(mine.stack.own[0]).max())
        for mine, theirs in zip(one.layers.values(), other.layers.values(), strict=True)
    ):
        raise UserError("evidence at several budgets differs in its clean images", fix="attack the same images")
    mine, theirs = (next(iter(each.spaces.values())).gram.raw for each in (one, other))
    if not np.array_equal(mine, theirs):
        raise UserError("evidence at several budgets differs in its words", fix="use the same words")
