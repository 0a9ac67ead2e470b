"""What the window shows: tables of every layer and concept, verdicts, and what to keep in mind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from advwindow.window.analysis import compute
from advwindow.window.evidence import CLEAN, NOISE
from advwindow.window.options import Options
from advwindow.window.verdict import COLLAPSE_CONCEPTS, DRIFT_CONCEPTS, Facts, collapse_bound, judge, undecided

if TYPE_CHECKING:
    from advwindow.window.analysis import Numbers
    from advwindow.window.evidence import Evidence
    from advwindow.window.verdict import Judgement
    from advwindow.words.resolution import Resolution

#: Fewer permutations give coarse p-values.
_FEW_PERMUTATIONS = 999

_COUNTS = ("depth", "concepts", "images", "one_vs_two_n")

#: Columns of `WindowReport.layers`, in order.
LAYER_COLUMNS = (
    "layer", "depth", "condition", "concepts", "images",
    "rsa_pearson", "rsa_spearman", "two_vs_two", "two_vs_two_p", "two_vs_two_p_adjusted", "cka", "cka_clean",
    "se", "ci_low", "ci_high", "band_low", "band_high", "alignment_p", "alignment_p_adjusted", "chance_low", "chance_high",
    "drift", "drift_se", "drift_ci_low", "drift_ci_high", "drift_band_low", "drift_band_high", "drift_p",
    "drift_p_adjusted", "drift_beyond_noise", "drift_beyond_noise_low", "drift_beyond_noise_high",
    "retention", "upper", "collapse_bound", "displacement",
    "one_vs_two", "one_vs_two_margin", "one_vs_two_n", "one_vs_two_p", "one_vs_two_p_adjusted",
    "verdict", "hijacked", "display", "note",
)  # fmt: skip

_TEXT = ("layer", "condition", "verdict", "display", "note")


@dataclass(frozen=True, eq=False)
class WindowReport:
    """The result of a comparison.

    Attributes:
        layers: one row per layer and condition, columns `LAYER_COLUMNS`. Alignment, its ``se``, intervals, simultaneous
            bands and ``chance_low``/``chance_high`` (central 95 % under random labels) are those of the chosen measure;
            ``drift`` is alignment(clean) - alignment(condition), ``retention`` their ratio (missing where unanchored),
            ``upper`` the one-sided 95 % bound that is held against ``collapse_bound``. p-values are adjusted over the
            layers of a condition. ``verdict`` is on the geometry, ``display`` shows ``hijacked`` before it; clean rows
            have none. Missing numbers are null.
        concepts: ``layer, condition, concept, word, two_vs_two``: which concepts kept their meaning.
        caveats: sentences on the limits of the whole comparison.
        evidence: what `analyse` needs to compute all this again, with other options if wanted.
        options: how it was computed.
        words: how each class got its word; None where it was not part of this analysis.
    """

    layers: pl.DataFrame
    concepts: pl.DataFrame
    caveats: tuple[str, ...]
    evidence: Evidence
    options: Options
    words: Resolution | None = None


def analyse(evidence: Evidence, options: Options | None = None) -> WindowReport:
    """Compute a report from evidence alone, without network or images.

    Args:
        evidence: from `Window.gather`, or read back with `Evidence.from_arrays`.
        options: the defaults of `Options` if None.

    Raises:
        UserError: too few concepts, or a word without variance.
    """
    options = options or Options()
    numbers = compute(evidence, options)
    return WindowReport(
        layers=_layer_table(evidence, numbers),
        concepts=_concept_table(evidence, numbers),
        caveats=tuple(_caveats(evidence, options)),
        evidence=evidence,
        options=options,
    )


def _layer_table(evidence: Evidence, numbers: Numbers) -> pl.DataFrame:
    rows = [
        _row(evidence, numbers, layer, condition)
        for layer in range(len(evidence.layers))
        for condition in range(len(evidence.conditions))
    ]
    schema: dict[str, type[pl.DataType]] = {name: pl.Float64 for name in LAYER_COLUMNS}
    schema |= {name: pl.Int64 for name in _COUNTS} | {name: pl.String for name in _TEXT} | {"hijacked": pl.Boolean}
    return pl.DataFrame(rows, schema=schema)


def _row(evidence: Evidence, numbers: Numbers, layer: int, condition: int) -> dict[str, object]:
    name, told = list(evidence.layers)[layer], evidence.conditions[condition]
    values = {column: _number(table[layer, condition]) for column, table in numbers.columns.items()}
    judgement = _judgement(evidence, numbers, layer, condition)
    aligned = judgement is not None and judgement.verdict != "unanchored"
    row: dict[str, object] = {column: values.get(column) for column in LAYER_COLUMNS}
    row |= {
        "layer": name,
        "depth": layer,
        "condition": told,
        "concepts": len(evidence.concepts),
        "images": evidence.images,
        "one_vs_two_n": int(numbers.columns["one_vs_two_n"][layer, condition]),
        "note": numbers.defects.get(name, ""),
    }
    if judgement is None:
        return row | {"drift": None}
    if aligned:
        clean, left, chance = (numbers.columns[c][layer] for c in ("drift", "drift", "chance_bound"))
    return row
