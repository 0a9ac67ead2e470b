"""Looks at the same clean images through one network after another, as it learns, and how they are told together.

What is tested: in every look, whether a layer's geometry is aligned with words at all, by relabelling them, adjusted
over the layers of that look. What gets intervals: each alignment, and its change since the first look. What neither
says: how another training of the same network would go, as all looks are at one training.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl
import torch

from advwindow.attacks import private_randomness
from advwindow.errors import UserError
from advwindow.window.alignment import pair_values, unit_pairs
from advwindow.window.dyadic import dyadic_covariance, intervals
from advwindow.window.evidence import CLEAN
from advwindow.window.families import contrasts
from advwindow.window.geometry import word_geometry
from advwindow.window.similarity import ConstantPatternError, similarity
from advwindow.window.verdict import ALPHA

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from advwindow.window.evidence import Evidence
    from advwindow.window.gathering import Gathered
    from advwindow.window.observation import Batched
    from advwindow.window.options import Options
    from advwindow.window.report import WindowReport
    from advwindow.window.window import Window

_MEASURED = (
    "alignment", "se", "ci_low", "ci_high", "band_low", "band_high", "alignment_p", "alignment_p_adjusted",
    "chance_low", "chance_high", "reliability", "ceiling", "two_vs_two", "two_vs_two_p_adjusted",
)  # fmt: skip
_CHANGE = ("change", "change_ci_low", "change_ci_high", "change_band_low", "change_band_high")

#: What a look says of every layer, in order; `WindowCallback.table` has the epoch in front.
LOOK_SCHEMA: dict[str, type[pl.DataType]] = {
    "layer": pl.String,
    **dict.fromkeys(("depth", "concepts", "images"), pl.Int64),
    **dict.fromkeys((*_MEASURED, *_CHANGE, "accuracy"), pl.Float64),
    "note": pl.String,
}


class Look(NamedTuple):
    """One look at clean images.

    Attributes:
        layers: one row per layer, columns `LOOK_SCHEMA`. The measures are those of `Analysis.layers`; ``change`` is the
            alignment less that of the first look, with its pointwise 95 % interval and its band, which holds for all
            layers of the look at once (null in the first look); ``accuracy`` the share of these images that the
            network classified right.
        report: all that the window says.
    """

    layers: pl.DataFrame
    report: WindowReport


def look(
    window: Window,
    images: Tensor | Batched,
    labels: Sequence[int] | Tensor | None = None,
    *,
    first: WindowReport | None = None,
) -> Look:
    """Look at clean images once; leaves modes, gradients, hooks and random state as they are.

    Args:
        window: whose network looks.
        images: ``(N, C, H, W)`` in [0, 1], or an object with ``batches(size)``.
        labels: ``N`` class indices; taken from ``images.labels`` if None.
        first: the report of the first look at these images, from which changes are counted.

    Raises:
        UserError: as `Window.observe`.
    """
    # Lightning validates in inference mode, which would make tensors that no later pass may differentiate.
    with torch.inference_mode(mode=False), private_randomness(window.seed, "look"):
        gathered = window.gather(images, {}, labels=labels)
    report = window.conclude(gathered)
    changes = {} if first is None else changes_between(first.evidence, report.evidence, window.options)
    accuracy = _accuracy(gathered)
    rows = [
        {column: row.get(column) for column in LOOK_SCHEMA} | {"accuracy": accuracy} | changes.get(row["layer"], {})
        for row in report.layers.iter_rows(named=True)
    ]
    return Look(pl.DataFrame(rows, schema=LOOK_SCHEMA), report)


def _accuracy(gathered: Gathered) -> float:
    """Of the images that were looked at; those of classes without a word were not."""
    tally = gathered.conditions[CLEAN]
    wrong = len(tally.trials().truth) + tally.unused + tally.wordless
    return 1 - wrong / int(gathered.seen.sum())


def changes_between(first: Evidence, now: Evidence, options: Options) -> dict[str, dict[str, float]]:
    """How alignment of each layer has changed between two looks at the same images.

    The intervals are dyadic-robust (`dyadic_covariance`) over the choice of concepts; both looks enter together, so
    what concepts have in common in both cancels.

    Args:
        first: of the first look.
        now: of the later one.
        options: the measure.

    Returns:
        layer to ``change``, its interval and band; without layers that have no geometry in one of the looks.

    Raises:
        UserError: the looks differ in their concepts.
    """
    if first.concepts != now.concepts:
        got, expected = (f"{len(each.concepts)} concepts" for each in (now, first))
        raise UserError("two looks differ in their concepts", got=got, expected=expected, fix="show the same images")
    before, after = (_pairs(each, options.measure) for each in (first, now))
    common = [name for name in after if name in before]
    if not common:
        return {}
    words = word_geometry(now, next(iter(now.spaces))).pairs(options.measure)
    pairs = np.stack([each[name] for name in common for each in (before, after)])
    shape = (len(common), 2)
    alignment = (pairs @ words).reshape(shape)
    change = alignment[:, 1] - alignment[:, 0]
    found = intervals(
        change, dyadic_covariance(pairs, words, len(now.concepts)), contrasts(shape, 1, 0), seed=options.seed
    )
    columns = (change, found.low, found.high, found.band_low, found.band_high)
    return {
        name: dict(zip(_CHANGE, map(float, row), strict=True))
        for name, row in zip(common, np.stack(columns, axis=1), strict=True)
    }


def _pairs(evidence: Evidence, measure: str) -> dict[str, NDArray[np.float64]]:
    """Clean pair values ``(N,)`` with mean 0 and length 1, of the layers that have any."""
    found = {}
    for name, layer in evidence.layers.items():
        stack = layer.stack.averaged(evidence.weights) if len(evidence.counts) > 1 else layer.stack
        try:
            found[name] = unit_pairs(pair_values(similarity(stack.gram(0), evidence.similarity)), measure)
        except ConstantPatternError:
            continue
    return found


def onsets(table: pl.DataFrame) -> pl.DataFrame:
    """The course of every layer in one row.

    ``significant_from`` is the first epoch of the unbroken row of significant looks (adjusted over layers, 5 %) that
    ends with the last look; null where the last look itself is not significant. Looks are so tested from the last one
    backwards, and testing ends at the first that is not significant, a fixed sequence (Maurer, Hothorn & Lehmacher
    1995): for each layer the chance that the epoch is too early is at most 5 %, however many looks there are.

    Args:
        table: one row per epoch and layer, such as `WindowCallback.table`.

    Returns:
        ``layer``, ``depth``, ``first`` and ``last`` alignment, the change from one to the other with its interval
        (``change``, ``change_ci_low``, ``change_ci_high``), ``best`` alignment and ``best_epoch``, and
        ``significant_from``.
    """
    rows = [
        _course(str(layer), course)
        for (layer,), course in table.sort("epoch", "depth").group_by("layer", maintain_order=True)
    ]
    schema: dict[str, type[pl.DataType]] = {"layer": pl.String, "depth": pl.Int64}
    schema |= dict.fromkeys(("first", "last", *_CHANGE[:3], "best"), pl.Float64)
    schema |= dict.fromkeys(("best_epoch", "significant_from"), pl.Int64)
    return pl.DataFrame(rows, schema=schema).sort("depth")


def _course(layer: str, course: pl.DataFrame) -> dict[str, object]:
    last, alignment = course.row(-1, named=True), course["alignment"]
    best = alignment.arg_max()
    return {
        "layer": layer,
        "depth": last["depth"],
        "first": alignment[0],
        "last": last["alignment"],
        **{column: last[column] for column in _CHANGE[:3]},
        "best": alignment.max(),
        "best_epoch": None if best is None else course["epoch"][best],
        "significant_from": _significant_from(course["epoch"].to_list(), course["alignment_p_adjusted"].to_list()),
    }


def _significant_from(epochs: Sequence[int], p: Sequence[float | None]) -> int | None:
    found = None
    for epoch, value in zip(reversed(epochs), reversed(p), strict=True):
        if value is None or value > ALPHA:
            break
        found = epoch
    return found


def in_one_table(looks: Mapping[int, pl.DataFrame]) -> pl.DataFrame:
    """Looks by epoch as one table, ``epoch`` in front, in the order of the epochs."""
    empty = pl.DataFrame(schema={"epoch": pl.Int64, **LOOK_SCHEMA})
    tables = [
        layers.select(pl.lit(epoch, pl.Int64).alias("epoch"), pl.all()) for epoch, layers in sorted(looks.items())
    ]
    return pl.concat([empty, *tables])
