"""The gate on alignment against a baseline: layer by layer, over the concepts of both."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from advwindow.errors import UserError
from advwindow.gates.baseline import WAYS, attacked_alike, check_images, counterpart
from advwindow.gates.decision import Finding, compared, layers
from advwindow.gates.layers import anchored
from advwindow.gates.selection import attacked, grouped, titles
from advwindow.window import Evidence, similarity
from advwindow.window.alignment import pair_values, unit_pairs
from advwindow.window.dyadic import dyadic_covariance, intervals
from advwindow.window.matching import MIN_CONCEPTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from advwindow.gates.policy import AlignmentDrop
    from advwindow.runs import CellSpec, RunDirectory

    Array = NDArray[np.float64]


class AlignmentChange(NamedTuple):
    """Alignment of one layer in two runs, over the same concepts.

    Attributes:
        layer: its name.
        now: in the run.
        before: in the baseline.
        low: lower end of the 95 % interval of ``before - now``.
        high: its upper end.
    """

    layer: str
    now: float
    before: float
    low: float
    high: float


def alignment_drop(gate: AlignmentDrop, run: RunDirectory, baseline: RunDirectory) -> Iterator[Finding]:
    """Whether alignment is lower than the baseline's, in every layer and under each attack by itself.

    Layers that are not aligned with words in the baseline have nothing to lose and are left out.

    Raises:
        UserError: the baseline lacks the attack or a layer, or looks through other words or in another way.
    """
    for group in grouped(run.specs, gate.subject):
        names, before = titles(group), counterpart(group, baseline, gate.baseline)
        check_images((run, group), (baseline, before))
        for spec in attacked(group, gate, eps=gate.eps, minimal=False).cells:
            changes, left_out = _changes(gate, (run, spec), (baseline, attacked_alike(spec, before)))
            yield _finding(f"{group}, {names[spec.cell_id]}", changes, gate, left_out)


def paired_alignment(now: Evidence, before: Evidence, layer: str, *, condition: str, measure: str) -> AlignmentChange:
    """The alignment of a layer with words in two runs, and the interval of its drop.

    Both alignments are taken over the concepts that both runs have, with the same words. The dyadic-robust interval
    (Aronow, Samii and Assenova 2015) is of their difference, concept pair by concept pair, so what the two have in
    common does not widen it; t with C - 1 degrees of freedom.

    Args:
        now: of the run; the layer is in both.
        before: of the baseline.
        layer: its name.
        condition: ``"clean"`` or ``"attack"``.
        measure: ``"pearson"`` or ``"spearman"``.

    Raises:
        UserError: fewer than five common concepts, other words for them, or patterns without variance.
    """
    common = [concept for concept in now.concepts if concept in before.concepts]
    if len(common) < MIN_CONCEPTS:
        raise UserError("too few concepts that both runs have", got=len(common), expected=f"at least {MIN_CONCEPTS}")
    words = _words(now, common, measure)
    if not np.allclose(words, _words(before, common, measure), rtol=0, atol=1e-9):
        raise UserError("the baseline has other words for the same concepts", fix="use the same word space for both")
    pairs = np.stack([_pairs(each, layer, common, condition, measure) for each in (now, before)])
    alignments = pairs @ words
    contrast = np.array([[-1.0, 1.0]])
    found = intervals(contrast @ alignments, dyadic_covariance(pairs, words, len(common)), contrast, seed=0)
    here, there = alignments.tolist()
    return AlignmentChange(layer, here, there, float(found.low[0]), float(found.high[0]))


def _pairs(evidence: Evidence, layer: str, concepts: Sequence[str], condition: str, measure: str) -> Array:
    """``(N,)`` standardised similarities of the layer's concept means."""
    rows = evidence.weights[[evidence.concepts.index(concept) for concept in concepts]]
    gram = evidence.layers[layer].stack.gram(evidence.conditions.index(condition)).averaged(rows)
    return unit_pairs(pair_values(similarity(gram, evidence.similarity)), measure)


def _words(evidence: Evidence, concepts: Sequence[str], measure: str) -> Array:
    """``(N,)`` standardised similarities of the words, of the first space."""
    rows = np.eye(len(evidence.concepts))[[evidence.concepts.index(concept) for concept in concepts]]
    gram = next(iter(evidence.spaces.values())).gram.averaged(rows)
    return unit_pairs(pair_values(similarity(gram, evidence.similarity)), measure)


def _changes(
    gate: AlignmentDrop, now: tuple[RunDirectory, CellSpec], before: tuple[RunDirectory, CellSpec]
) -> tuple[list[AlignmentChange], str]:
    _check_ways(now[1], before[1])
    rows, left_out = anchored(*before, gate.layers)
    names = [row["layer"] for row in rows]
    here, there = _evidence(*now, names), _evidence(*before, names)
    lacking = [name for name in names if name not in here.layers]
    if lacking:
        raise UserError("the run lacks layers of its baseline", got=", ".join(lacking), fix="capture the same layers")
    measured = {"condition": gate.condition, "measure": now[1].measure}
    return [paired_alignment(here, there, name, **measured) for name in names], left_out


def _finding(about: str, changes: Sequence[AlignmentChange], gate: AlignmentDrop, left_out: str) -> Finding:
    worst = max(changes, key=lambda each: each.high)
    failed = sum(each.high > gate.at_most for each in changes)
    counted = f"{failed} of {layers(len(changes))} above {gate.at_most:g}" if failed else layers(len(changes))
    bound = compared(worst.high, gate.at_most, name="upper bound", at_least=False, unit="")
    told = (
        f"alignment {worst.now:.3f}, {worst.before:.3f} in the baseline: drop {worst.before - worst.now:.3f} "
        f"[{worst.low:.3f}, {worst.high:.3f}]: {bound}"
    )
    return Finding(about, not failed, f"{counted}, most in {worst.layer}: {told}{left_out}")


def _check_ways(now: CellSpec, before: CellSpec) -> None:
    for way in WAYS:
        here, there = getattr(now, way), getattr(before, way)
        if here != there:
            raise UserError(f"the baseline has another {way}", got=there, expected=here)


def _evidence(run: RunDirectory, spec: CellSpec, layers: Sequence[str]) -> Evidence:
    """What a cell holds of these layers."""
    arrays, metadata = run.arrays(
        spec,
        "grams",
        wanted=lambda key: not key.startswith("layers/") or key.removeprefix("layers/").rpartition("/")[0] in layers,
    )
    told = json.loads(metadata["evidence"])
    told["layers"] = [name for name in told["layers"] if name in layers]
    return Evidence.from_arrays(arrays, metadata | {"evidence": json.dumps(told)})
