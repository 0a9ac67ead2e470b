"""What the window shows: tables of every layer and concept, verdicts, and what to keep in mind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from advwindow.window.analysis import compute
from advwindow.window.evidence import NOISE
from advwindow.window.options import Options
from advwindow.window.verdict import (
    COLLAPSE_CONCEPTS,
    DRIFT_CONCEPTS,
    Facts,
    Verdict,
    collapse_bound,
    judge,
    undecided,
)

if TYPE_CHECKING:
    from advwindow.window.analysis import Numbers
    from advwindow.window.evidence import Evidence
    from advwindow.words.resolution import Resolution

#: Fewer permutations give coarse p-values.
_FEW_PERMUTATIONS = 999

_COUNTS = ("depth", "concepts", "images", "one_vs_two_n")

#: Columns of `WindowReport.layers`, in order.
LAYER_COLUMNS = (
    "layer", "depth", "condition", "concepts", "images",
    "alignment", "se", "ci_low", "ci_high", "band_low", "band_high",
    "alignment_p", "alignment_p_adjusted", "chance_low", "chance_high",
    "rsa_pearson", "rsa_spearman", "two_vs_two", "two_vs_two_p", "two_vs_two_p_adjusted", "cka", "cka_clean",
    "drift", "drift_se", "drift_ci_low", "drift_ci_high", "drift_band_low", "drift_band_high", "drift_p",
    "drift_p_adjusted", "drift_beyond_noise", "drift_beyond_noise_low", "drift_beyond_noise_high",
    "retention", "upper", "collapse_bound", "displacement",
    "one_vs_two", "one_vs_two_margin", "one_vs_two_n", "one_vs_two_p", "one_vs_two_p_adjusted",
    "verdict", "hijacked", "display", "note",
)  # fmt: skip

_TEXT = ("layer", "condition", "verdict", "display", "note")


@dataclass(frozen=True, eq=False)
class Analysis:
    """What follows from evidence.

    Attributes:
        layers: one row per layer and condition, columns `LAYER_COLUMNS`. ``alignment``, its ``se``, intervals,
            simultaneous bands and ``chance_low``/``chance_high`` (central 95 % under random labels) are those of the
            chosen measure;
            ``drift`` is alignment(clean) - alignment(condition), ``retention`` their ratio (missing where unanchored),
            ``upper`` the one-sided 95 % bound that is held against ``collapse_bound``. p-values are adjusted over the
            layers of a condition. ``verdict`` is on the geometry, ``display`` shows ``hijacked`` before it; clean rows
            have none. Missing numbers are null.
        concepts: ``layer, condition, concept, word, two_vs_two``: which concepts kept their meaning.
        caveats: sentences on the limits of the whole comparison.
        evidence: what `analyse` needs to compute all this again, with other options if wanted.
        options: how it was computed.
    """

    layers: pl.DataFrame
    concepts: pl.DataFrame
    caveats: tuple[str, ...]
    evidence: Evidence
    options: Options


@dataclass(frozen=True, eq=False)
class WindowReport(Analysis):
    """The result of a comparison: an analysis, and how each class got its word.

    Attributes:
        words: the resolution of the classes among the images.
    """

    words: Resolution


def analyse(evidence: Evidence, options: Options | None = None) -> Analysis:
    """Compute a report from evidence alone, without network or images.

    Args:
        evidence: from a `WindowReport`, or read back with `Evidence.from_arrays`.
        options: the defaults of `Options` if None.

    Raises:
        UserError: too few concepts, or a word without variance.
    """
    options = options or Options()
    numbers = compute(evidence, options)
    return Analysis(
        layers=_layer_table(evidence, numbers),
        concepts=_concept_table(evidence, numbers),
        caveats=tuple(_caveats(evidence, options)),
        evidence=evidence,
        options=options,
    )


def _layer_table(evidence: Evidence, numbers: Numbers) -> pl.DataFrame:
    rows = [
        _row(evidence, numbers, (layer, condition))
        for layer in range(len(evidence.layers))
        for condition in range(len(evidence.conditions))
    ]
    schema: dict[str, type[pl.DataType]] = dict.fromkeys(LAYER_COLUMNS, pl.Float64)
    schema |= dict.fromkeys(_COUNTS, pl.Int64) | dict.fromkeys(_TEXT, pl.String) | {"hijacked": pl.Boolean}
    return pl.DataFrame(rows, schema=schema)


def _row(evidence: Evidence, numbers: Numbers, at: tuple[int, int]) -> dict[str, object]:
    values = {column: _number(table[at]) for column, table in numbers.columns.items()}
    layer = list(evidence.layers)[at[0]]
    row: dict[str, object] = {column: values.get(column) for column in LAYER_COLUMNS}
    row |= {
        "layer": layer,
        "depth": at[0],
        "condition": evidence.conditions[at[1]],
        "concepts": len(evidence.concepts),
        "images": evidence.images,
        "one_vs_two_n": int(numbers.columns["one_vs_two_n"][at]),
        "note": numbers.defects.get(layer, ""),
    }
    if at[1] == 0:
        return row
    judgement = undecided(numbers.defects[layer]) if layer in numbers.defects else judge(_facts(evidence, numbers, at))
    row |= {
        "verdict": judgement.verdict.value,
        "hijacked": judgement.hijacked,
        "display": judgement.display.value,
        "note": judgement.note,
    }
    clean, left, chance = (numbers.columns["alignment"][at[0], 0], values.get("alignment"), values.get("chance_bound"))
    if left is not None and chance is not None:
        row["collapse_bound"] = collapse_bound(float(clean), chance)
        row["retention"] = None if judgement.verdict is Verdict.UNANCHORED else left / float(clean)
    return row


def _facts(evidence: Evidence, numbers: Numbers, at: tuple[int, int]) -> Facts:
    def of(column: str, where: tuple[int, int] = at) -> float:
        return float(numbers.columns[column][where])

    clean = (at[0], 0)
    beyond = (of("drift_beyond_noise_low"), of("drift_beyond_noise_high"))
    return Facts(
        concepts=len(evidence.concepts),
        clean=of("alignment", clean),
        clean_p=of("alignment_p_adjusted", clean),
        drift=of("drift"),
        drift_p=of("drift_p_adjusted"),
        drift_low=of("drift_band_low"),
        upper=of("upper"),
        band_high=of("band_high"),
        chance=of("chance_bound"),
        hijack_p=_number(numbers.columns["one_vs_two_p_adjusted"][at]),
        beyond_noise=None if np.isnan(beyond[0]) else beyond,
    )


def _number(value: np.float64) -> float | None:
    return None if np.isnan(value) else float(value)


def _concept_table(evidence: Evidence, numbers: Numbers) -> pl.DataFrame:
    rows = [
        (layer, condition, concept, word, _number(numbers.per_concept[i, s, c]))
        for i, layer in enumerate(evidence.layers)
        for s, condition in enumerate(evidence.conditions)
        for c, (concept, word) in enumerate(zip(evidence.concepts, evidence.words, strict=True))
    ]
    schema = dict.fromkeys(("layer", "condition", "concept", "word"), pl.String)
    return pl.DataFrame(rows, schema={**schema, "two_vs_two": pl.Float64}, orient="row")


def _caveats(evidence: Evidence, options: Options) -> list[str]:
    concepts = len(evidence.concepts)
    said = {
        f"Only {concepts} concepts: the swap test cannot reach significance, so no drift can be shown.": (
            concepts < DRIFT_CONCEPTS
        ),
        f"Only {concepts} concepts: collapse is not claimed with fewer than {COLLAPSE_CONCEPTS}.": (
            concepts < COLLAPSE_CONCEPTS
        ),
        f"Only {options.permutations} permutations: no p-value is below {1 / (options.permutations + 1):.2g}.": (
            options.permutations < _FEW_PERMUTATIONS
        ),
        "No noise control: general fragility cannot be told from the attack's own effect.": (
            len(evidence.conditions) > 1 and NOISE not in evidence.conditions
        ),
        f"2 vs 2 accuracies have no p-values with {concepts} concepts unless asked for.": (
            not options.matching_permutations(concepts)
        ),
    }
    return [sentence for sentence, applies in said.items() if applies]
