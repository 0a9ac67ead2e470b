"""Gates on accuracy: clean, robust, and robust against a baseline."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from advwindow.attacks import MINIMAL, Status, parse_eps
from advwindow.errors import UserError
from advwindow.gates.baseline import check_attacks, check_images, counterpart
from advwindow.gates.decision import Finding, compared, share
from advwindow.gates.paired import paired_drop
from advwindow.gates.selection import Group, attacked, grouped, reaches
from advwindow.runs import wilson

if TYPE_CHECKING:
    from collections.abc import Iterator

    from advwindow.gates.policy import CleanAccuracy, RobustAccuracy, RobustAccuracyDrop
    from advwindow.runs import Interval, RunDirectory


def clean_accuracy(gate: CleanAccuracy, run: RunDirectory) -> Iterator[Finding]:
    """Whether each subject is right often enough on clean images."""
    for group in grouped(run.specs, gate.subject):
        right = _judged(run, group, radius=0.0)["right"]
        found = wilson(int(right.sum()), len(right))
        bound = compared(found.low, gate.at_least, name="lower bound", at_least=True)
        sentence = f"clean accuracy {_told(found)} of {len(right)} images: {bound}"
        yield Finding(str(group), found.low >= gate.at_least, sentence)


def robust_accuracy(gate: RobustAccuracy, run: RunDirectory) -> Iterator[Finding]:
    """Whether enough images of each subject withstand every attack at the budget."""
    for group in grouped(run.specs, gate.subject):
        cells = _at_budget(group, gate)
        stood = _judged(run, cells, radius=parse_eps(gate.eps))["stood"]
        found = wilson(int(stood.sum()), len(stood))
        bound = compared(found.low, gate.at_least, name="lower bound", at_least=True)
        sentence = f"robust accuracy {_told(found)} of {len(stood)} images under {_names(cells)}: {bound}"
        yield Finding(str(group), found.low >= gate.at_least, sentence)


def robust_accuracy_drop(gate: RobustAccuracyDrop, run: RunDirectory, baseline: RunDirectory) -> Iterator[Finding]:
    """Whether robust accuracy at the budget is lower than the baseline's, image by image.

    Raises:
        UserError: the baseline has other images, another seed, or attacks that the run lacks.
    """
    for group in grouped(run.specs, gate.subject):
        before = counterpart(group, baseline, gate.baseline)
        cells, old = _at_budget(group, gate), _at_budget(before, gate)
        check_images((run, cells), (baseline, old))
        check_attacks(cells, old)
        radius = parse_eps(gate.eps)
        now, then = (_judged(*each, radius=radius)["stood"] for each in ((run, cells), (baseline, old)))
        lost, gained = int((then & ~now).sum()), int((now & ~then).sum())
        drop = paired_drop(lost, gained, len(now))
        bound = compared(drop.high, gate.at_most, name="upper bound", at_least=False, unit="points")
        sentence = (
            f"robust accuracy {share(int(now.sum()) / len(now))} % of {len(now)} images under {_names(cells)}, "
            f"{share(int(then.sum()) / len(then))} % in the baseline: drop {share(drop.difference)} points "
            f"[{share(drop.low)}, {share(drop.high)}], {lost} lost and {gained} gained: {bound}"
        )
        yield Finding(str(group), drop.high <= gate.at_most, sentence)


def _at_budget(group: Group, gate: RobustAccuracy | RobustAccuracyDrop) -> Group:
    """The cells at the gate's budget; a defence is not judged by attacks that never saw it, unless asked for."""
    cells = attacked(group, gate, eps=[gate.eps], minimal=True)
    whole = replace(cells, cells=tuple(spec for spec in cells.cells if reaches(spec, [gate.eps])))
    if not gate.access and all(spec.defense and spec.access == "oblivious" for spec in whole.cells):
        raise UserError(
            f"{group} was attacked only without its defence",
            got=_names(whole),
            expected=f"an attack made on the defended model at {gate.norm} {gate.eps}",
            fix='attack it adaptively, or say access = "oblivious" in the gate if that is what you mean',
        )
    return cells


def _judged(run: RunDirectory, group: Group, *, radius: float) -> pl.DataFrame:
    """Each image once, in the order of ids: ``right`` (clean) and ``stood`` (every attack), over the group's cells.

    A success of an attack for the smallest perturbation counts where its distance is within the radius.
    """
    cells = [
        run.table(spec, "samples").select(
            "sample_id",
            right=pl.col("clean_prediction") == pl.col("label"),
            stood=~(
                (pl.col("status") == Status.SKIPPED.value)
                | (pl.col("success") & ((pl.col("distance") <= radius) if spec.eps == MINIMAL else pl.lit(value=True)))
            ),
        )
        for spec in group.cells
    ]
    both = (pl.col("right").all(), pl.col("stood").all())
    return pl.concat(cells).group_by("sample_id").agg(*both).sort("sample_id")


def _told(found: Interval) -> str:
    return f"{share(found.share)} % [{share(found.low)}, {share(found.high)}]"


def _names(group: Group) -> str:
    return ", ".join(dict.fromkeys(spec.condition for spec in group.cells))
