"""The verdict on a layer under a condition, and in plain words what could not be concluded."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

#: Level of every test; p-values are adjusted over layers.
ALPHA = 0.05

#: Collapse is a claim of equivalence, which fewer concepts cannot carry.
COLLAPSE_CONCEPTS = 20

#: With fewer concepts the swap test has fewer outcomes than a p-value of 0.05 needs.
DRIFT_CONCEPTS = 6

#: What may be left of the clean alignment in a collapsed layer, beside what chance can give.
LEFT_FRACTION = 0.2


class Verdict(StrEnum):
    """What became of the meaning in a layer."""

    UNANCHORED = "unanchored"
    INTACT = "intact"
    ERODED = "eroded"
    COLLAPSED = "collapsed"
    HIJACKED = "hijacked"


@dataclass(frozen=True)
class Facts:
    """The numbers behind one verdict.

    Attributes:
        concepts: number of concepts.
        clean: alignment of the clean layer with words.
        clean_p: p-value of that alignment, adjusted over layers.
        drift: clean alignment minus alignment under the condition.
        drift_p: two-sided p-value of the swap test, adjusted over layers.
        drift_low: lower end of the simultaneous 95 % band of the drift.
        upper: one-sided 95 % upper bound of the alignment under the condition, simultaneous over layers.
        band_high: upper end of its simultaneous band.
        chance: 95 % quantile of that alignment when words are dealt out at random.
        hijack_p: p-value that images look less like the true word than like the wrong one, adjusted over layers; None
            where no image was wrong.
        beyond_noise: 95 % interval of the drift minus the drift under noise; None for noise itself and without noise.
    """

    concepts: int
    clean: float
    clean_p: float
    drift: float
    drift_p: float
    drift_low: float
    upper: float
    band_high: float
    chance: float
    hijack_p: float | None
    beyond_noise: tuple[float, float] | None


class Judgement(NamedTuple):
    """The verdict with what else must be said.

    Attributes:
        verdict: on the geometry, never `Verdict.HIJACKED`.
        hijacked: whether images are significantly closer to the wrong word than to the true one.
        display: what to show where there is room for one word: hijacked before the verdict on the geometry.
        note: sentences on what cannot be concluded, empty if nothing.
    """

    verdict: Verdict
    hijacked: bool
    display: Verdict
    note: str


def collapse_bound(clean: float, chance: float) -> float:
    """Alignment below which nothing of practical size is left: ``max(chance, 0.2 clean)``."""
    return max(chance, LEFT_FRACTION * clean)


def judge(facts: Facts) -> Judgement:
    """Unanchored, intact, eroded or collapsed; and hijacked or not.

    * unanchored: the clean layer is not significantly aligned with words.
    * intact: aligned, and alignment did not fall significantly.
    * eroded: it fell significantly.
    * collapsed: it fell significantly and the upper confidence bound of what is left lies below `collapse_bound`. The
      absence of significance is never taken for collapse.
    """
    verdict = _geometry(facts)
    hijacked = facts.hijack_p is not None and facts.hijack_p <= ALPHA
    return Judgement(verdict, hijacked, Verdict.HIJACKED if hijacked else verdict, " ".join(_notes(facts, verdict)))


def undecided(reason: str) -> Judgement:
    """The judgement on a layer that has no geometry."""
    return Judgement(Verdict.UNANCHORED, False, Verdict.UNANCHORED, reason)


def _geometry(facts: Facts) -> Verdict:
    if facts.clean_p > ALPHA:
        return Verdict.UNANCHORED
    if facts.drift_p > ALPHA or facts.drift <= 0:
        return Verdict.INTACT
    return Verdict.COLLAPSED if _below(facts) and facts.concepts >= COLLAPSE_CONCEPTS else Verdict.ERODED


def _below(facts: Facts) -> bool:
    return facts.upper < collapse_bound(facts.clean, facts.chance)


def _notes(facts: Facts, verdict: Verdict) -> list[str]:
    fallen = verdict in {Verdict.ERODED, Verdict.COLLAPSED}
    aligned = verdict is not Verdict.UNANCHORED
    few = facts.concepts < DRIFT_CONCEPTS
    noise = facts.beyond_noise
    said = {
        f"What is left lies below the collapse bound, but {COLLAPSE_CONCEPTS} concepts are needed for that claim.": (
            verdict is Verdict.ERODED and _below(facts)
        ),
        f"With {facts.concepts} concepts the swap test cannot reach significance.": aligned and few,
        "Alignment rose significantly.": aligned and facts.drift_p <= ALPHA and facts.drift < 0,
        "The band of the drift excludes zero but the swap test does not reject: all activations may have shifted.": (
            verdict is Verdict.INTACT and not few and facts.drift_low > 0 and facts.drift_p > ALPHA
        ),
        "What is left is below zero: the geometry is inverted.": aligned and facts.band_high < 0,
        "The drift is not shown to exceed that of noise of the same size.": (
            fallen and noise is not None and noise[0] <= 0
        ),
    }
    return [sentence for sentence, applies in said.items() if applies]
