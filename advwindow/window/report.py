"""What the window shows: tables of every layer and concept, verdicts, and what to keep in mind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from advwindow.window.analysis import compute
from advwindow.window.effects import area_between, first_layers
from advwindow.window.evidence import CLEAN, NOISE
from advwindow.window.options import Options
from advwindow.window.profiles import flat_profiles
from advwindow.window.references import agreement, dissenting, reference_table
from advwindow.window.similarity import similarity
from advwindow.window.trace import word_trace
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
    "alignment_p", "alignment_p_adjusted", "alignment_z", "chance_low", "chance_high",
    "reliability", "ceiling", "disattenuated",
    "rsa_pearson", "rsa_spearman", "two_vs_two", "two_vs_two_p", "two_vs_two_p_adjusted",
    "two_vs_two_sets", "two_vs_two_sets_p", "two_vs_two_sets_p_adjusted",
    "decoding", "decoding_p", "procrustes", "procrustes_p", "procrustes_null", "neighbours", "neighbours_p",
    "cka", "cka_biased", "cka_biased_null", "rsa_crossvalidated",
    "drift", "drift_se", "drift_ci_low", "drift_ci_high", "drift_band_low", "drift_band_high", "drift_p",
    "drift_p_adjusted", "drift_beyond_noise", "drift_beyond_noise_low", "drift_beyond_noise_high",
    "drift_disattenuated", "drift_geometry", "drift_reliability", "cohens_q",
    "retention", "retention_low", "retention_high", "upper", "collapse_bound",
    "cka_clean", "identification", "shift", "displacement",
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
            ``drift`` is alignment(clean) - alignment(condition), ``retention`` their ratio (missing where unanchored;
            an end of its interval is missing where the data do not bound it),
            ``ceiling`` is the alignment that noise of images and words lets a layer reach (two folds or more),
            ``disattenuated`` is alignment over ceiling, and drift is ``drift_geometry`` plus ``drift_reliability``;
            ``upper`` the one-sided 95 % bound, simultaneous over layers, that is held against ``collapse_bound``.
            p-values are adjusted over the layers of a condition. ``verdict`` is on the geometry, ``display`` shows
            ``hijacked`` before it; clean rows have none. Missing numbers are null.
        concepts: ``layer, condition, concept, word``, ``two_vs_two`` (share of pairs matched), ``loss`` (how much of
            the concept's relation to its word is gone) and ``loss_q``: which words lost their meaning. Those with
            ``loss_q`` up to `advwindow.window.effects.LOSER_RATE` may be named; about that share of them is wrong.
        conditions: ``condition``, ``area`` (drift averaged over depth), ``first_eroding``, ``first_collapsing`` and
            ``first_hijacked`` layer.
        references: alignment and drift with every word space, their mean and the pixels (`reference_table`).
        agreement: of the references with each other (`agreement`).
        trace: what word each layer says of some images, evenly spaced over the set (`word_trace`).
        caveats: sentences on the limits of the whole comparison.
        evidence: what `analyse` needs to compute all this again, with other options if wanted.
        options: how it was computed.
    """

    layers: pl.DataFrame
    concepts: pl.DataFrame
    conditions: pl.DataFrame
    references: pl.DataFrame
    agreement: pl.DataFrame
    trace: pl.DataFrame
    caveats: tuple[str, ...]
    evidence: Evidence
    options: Options


@dataclass(frozen=True, eq=False)
class WindowReport(Analysis):
    """The result of a comparison: an analysis, and how each class got its word.

    Attributes:
        words: the resolution of the classes among the images, by word space.
    """

    words: tuple[Resolution, ...]


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
    references = reference_table(evidence, numbers, options)
    layers = _with_notes(_layer_table(evidence, numbers), dissenting(references, list(evidence.spaces)))
    return Analysis(
        layers=layers,
        concepts=_concept_table(evidence, numbers),
        conditions=_condition_table(layers),
        references=references,
        agreement=agreement(evidence, options),
        trace=word_trace(evidence),
        caveats=(*_caveats(evidence, options), *_matching_caveats(evidence)),
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
    if layer in numbers.defects:
        return row
    clean, left, chance = (numbers.columns["alignment"][at[0], 0], values.get("alignment"), values.get("chance_bound"))
    if left is not None and chance is not None:
        row["collapse_bound"] = collapse_bound(float(clean), chance)
        row["retention"] = left / float(clean)
    if judgement.verdict is Verdict.UNANCHORED:
        row |= dict.fromkeys(("retention", "retention_low", "retention_high"))
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
    return float(value) if np.isfinite(value) else None


def _concept_table(evidence: Evidence, numbers: Numbers) -> pl.DataFrame:
    rows = [
        (layer, condition, concept, word, *(_number(table[i, s, c]) for table in numbers.by_concept.values()))
        for i, layer in enumerate(evidence.layers)
        for s, condition in enumerate(evidence.conditions)
        for c, (concept, word) in enumerate(zip(evidence.concepts, evidence.words, strict=True))
    ]
    schema: dict[str, type[pl.DataType]] = dict.fromkeys(("layer", "condition", "concept", "word"), pl.String)
    return pl.DataFrame(rows, schema=schema | dict.fromkeys(numbers.by_concept, pl.Float64), orient="row")


def _condition_table(layers: pl.DataFrame) -> pl.DataFrame:
    """One row per condition but clean: where in depth meaning is first lost, and how much of it over all layers."""
    clean = layers.filter(pl.col("condition") == CLEAN)["alignment"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    rows = []
    for (condition,), table in layers.filter(pl.col("condition") != CLEAN).group_by("condition", maintain_order=True):
        first = first_layers(
            table["layer"].to_list(), [Verdict(name) for name in table["verdict"]], table["hijacked"].to_list()
        )
        left = table["alignment"].fill_null(np.nan).to_numpy()
        rows.append((condition, _number(np.float64(area_between(clean, left))), *first))
    firsts = dict.fromkeys(("first_eroding", "first_collapsing", "first_hijacked"), pl.String)
    return pl.DataFrame(rows, schema={"condition": pl.String, "area": pl.Float64, **firsts}, orient="row")


def _with_notes(layers: pl.DataFrame, dissent: pl.DataFrame) -> pl.DataFrame:
    """Fallen layers say which other word spaces see no fall at all."""
    fallen = pl.col("verdict").is_in([Verdict.ERODED.value, Verdict.COLLAPSED.value])
    told = pl.concat_str([pl.col("note"), pl.col("dissent")], separator=" ").str.strip_chars()
    joined = layers.join(dissent, on=["layer", "condition"], how="left", maintain_order="left")
    noted = pl.when(fallen & pl.col("dissent").is_not_null()).then(told).otherwise(pl.col("note"))
    return joined.with_columns(note=noted).drop("dissent")


def _matching_caveats(evidence: Evidence) -> list[str]:
    space = next(iter(evidence.spaces.values()))
    flat = flat_profiles(similarity(space.gram, evidence.similarity))
    if not flat.any():
        return []
    names = [word for word, same in zip(space.words, flat, strict=True) if same]
    shown = ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
    return [f"Words that are equally similar to all others: {shown}. So there is no 2 vs 2 test, and no word is named."]


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
