"""Defences that only look strong: what a kind of attack finds that a better-informed one should have found."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from advwindow.comparison.entries import withstood
from advwindow.comparison.matrix import ALPHA, budget_columns
from advwindow.comparison.paired import Paired, paired

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from advwindow.attacks import Budget
    from advwindow.comparison.entries import Entry, Tested

#: A defence is called out where not knowing it costs an attack so much robust accuracy, in [0, 1].
FAR = 0.1

CONTRASTS: dict[str, type[pl.DataType]] = {
    "entry": pl.String, "norm": pl.String, "eps": pl.String, "eps_value": pl.Float64, "kind": pl.String,
    "first": pl.String, "second": pl.String, "first_robust": pl.Float64, "second_robust": pl.Float64,
    "difference": pl.Float64, "low": pl.Float64, "high": pl.Float64, "only_first": pl.Int64, "only_second": pl.Int64,
    "p": pl.Float64, "called_out": pl.Boolean, "sentence": pl.String,
}  # fmt: skip


class _Rule(NamedTuple):
    """When a difference between two kinds of attack on one entry is called out: significant and this large.

    Attributes:
        kind: name of the rule.
        first: the kind of attack whose robust accuracy should not be the higher one by so much.
        second: the other.
        least: smallest difference of robust accuracy that is called out.
        same: only attacks that occur in both are held against each other, where there are any.
        says: the sentence from a beginning with both numbers.
    """

    kind: str
    first: Callable[[Tested], bool]
    second: Callable[[Tested], bool]
    least: float
    same: bool
    says: tuple[str, str, str]


def _oblivious(cell: Tested) -> bool:
    return cell.access == "oblivious"


def _direct(cell: Tested) -> bool:
    return cell.access != "oblivious"


def _white(cell: Tested) -> bool:
    return cell.access == "adaptive"


def _black(cell: Tested) -> bool:
    return cell.access == "black-box"


_RULES = (
    _Rule(
        "only-looks-strong",
        _oblivious,
        _direct,
        FAR,
        same=True,
        says=(
            "under attacks that do not know the defence",
            "under the same attacks made on the defended network",
            "The defence only looks strong: attacks that know it undo it.",
        ),
    ),
    _Rule(
        "masked-gradients",
        _white,
        _black,
        0.0,
        same=False,
        says=(
            "under attacks that use gradients",
            "under attacks that use none",
            "Its gradients are masked, or the attacks that use them too weak: believe the lower number at most.",
        ),
    ),
    _Rule(
        "transfer-beats-adaptive",
        _direct,
        _oblivious,
        0.0,
        same=True,
        says=(
            "under attacks made on the defended network",
            "under the same attacks made on the network without its defence",
            "The adaptive attack misses what a blind one finds: it is badly adapted, or the gradients are masked.",
        ),
    ),
)


def contrast_table(entries: Sequence[Entry], budgets: Sequence[Budget]) -> pl.DataFrame:
    """One row per entry, budget and rule that applies: two kinds of attack on the same images of the same entry.

    Called out is a difference of robust accuracy with p < 0.05 in McNemar's exact test, two-sided and not adjusted, as
    a warning that is missed does more harm than one too many; for ``only-looks-strong`` it must also be at least 10
    points. That rule, and ``transfer-beats-adaptive``, hold the same attacks with the same budgets and seeds against
    each other, and all where none is the same, which the sentence then says.
    """
    rows = []
    for entry in entries:
        for budget in budgets:
            for rule in _RULES:
                sides = _sides(entry, budget, rule)
                if sides is not None:
                    rows.append(_row(entry, budget, rule, sides))
    return pl.DataFrame(rows, schema=CONTRASTS)


class _Sides(NamedTuple):
    first: NDArray[np.bool_]
    second: NDArray[np.bool_]
    alike: bool


def _sides(entry: Entry, budget: Budget, rule: _Rule) -> _Sides | None:
    cells = entry.at(budget)
    one, two = ([cell for cell in cells if side(cell)] for side in (rule.first, rule.second))
    if not one or not two:
        return None
    shared = {_identity(cell) for cell in one} & {_identity(cell) for cell in two}
    if rule.same and shared:
        one, two = ([cell for cell in side if _identity(cell) in shared] for side in (one, two))
    return _Sides(withstood(entry, one, budget), withstood(entry, two, budget), alike=bool(shared) or not rule.same)


def _identity(cell: Tested) -> tuple[object, ...]:
    return (*cell.attack, cell.budget.value, cell.spec.seed)


def _row(entry: Entry, budget: Budget, rule: _Rule, sides: _Sides) -> dict[str, object]:
    found = paired(sides.first, sides.second)
    called = found.p < ALPHA and found.difference >= rule.least
    first, second, _ = rule.says
    return {
        "entry": entry.name,
        **budget_columns(budget),
        "kind": rule.kind,
        "first": first,
        "second": second,
        "first_robust": float(sides.first.mean()),
        "second_robust": float(sides.second.mean()),
        **found._asdict(),
        "called_out": called,
        "sentence": _sentence(entry, budget, rule, sides, found) if called else "",
    }


def _sentence(entry: Entry, budget: Budget, rule: _Rule, sides: _Sides, found: Paired) -> str:
    first, second, verdict = rule.says
    second = second if sides.alike else second.replace("the same attacks", "other attacks")
    numbers = (
        f"robust accuracy is {_percent(sides.first)} {first}, but {_percent(sides.second)} {second} "
        f"(p = {found.p:.2g}, {len(sides.first)} images)"
    )
    return f"{entry.name}, {budget}: {numbers}. {verdict}"


def _percent(mask: NDArray[np.bool_]) -> str:
    return f"{100 * mask.mean():.1f} %"
