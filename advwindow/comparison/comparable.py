"""Refuses to compare what is not comparable, and says what differs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from advwindow.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    from advwindow.attacks import Budget
    from advwindow.comparison.entries import Entry, Tested

#: What must be the same for alignment and verdicts to mean the same; other fields of a cell do not change it.
_WINDOW = (
    "words_sha256", "pooling", "similarity", "measure", "permutations", "folds", "ties", "correction",
)  # fmt: skip
_SHOWN = 3

#: Beside this many images intervals are wider than most differences between defences.
FEW_IMAGES = 100


def check_comparable(entries: Sequence[Entry]) -> tuple[str, ...]:
    """Raise where entries differ in more than model and defence.

    Compared are images (names and labels, and pixels or the reference they were loaded from), seeds, budgets, attacks
    with all their parameters, and the window. An attack that did not know the defence has to be there for every
    defended entry or for none, and the cells of an entry have one window. Number of draws and layers may differ, as
    they follow from model and defence.

    Args:
        entries: at least one.

    Returns:
        Sentences on what limits the comparison although it is allowed.

    Raises:
        UserError: they differ; the message names the first difference.
    """
    first = entries[0]
    for entry in entries:
        _check_own_window(entry)
    for other in entries[1:]:
        _check_images(first, other)
        _check_protocol(first, other, oblivious=False)
        _check_window(first, other)
    defended = [entry for entry in entries if entry.spec.defense]
    for other in defended[1:]:
        _check_protocol(defended[0], other, oblivious=True)
    return tuple(_notes(entries))


def threat_budgets(entry: Entry) -> list[Budget]:
    """Budgets to compare at: all with an epsilon, and the minimal one of a norm that has no other."""
    fixed = {budget.norm for budget in entry.budgets if not budget.minimal}
    return [budget for budget in entry.budgets if not (budget.minimal and budget.norm in fixed)]


def _refuse(first: Entry, other: Entry, difference: str, *, got: str, expected: str, fix: str = "") -> UserError:
    names = f"{first.name} and {other.name} cannot be compared"
    return UserError(f"{names}, as {difference}", got=got, expected=expected, fix=fix)


def _check_images(first: Entry, other: Entry) -> None:
    one, two = first.spec, other.spec
    if first.ids != other.ids:
        further, lacking = Counter(other.ids) - Counter(first.ids), Counter(first.ids) - Counter(other.ids)
        only, extra = sorted(further.elements()), sorted(lacking.elements())
        what = f"{_some(only)} only in the second" if only else f"{_some(extra)} only in the first"
        raise _refuse(
            first,
            other,
            "they were tested on other images",
            got=f"{len(other.ids)} images of {two.images}, {what}",
            expected=f"the {len(first.ids)} images of {one.images}",
            fix=_choose_images(one.images, two.images),
        )
    if not np.array_equal(first.labels, other.labels):
        at = int(np.flatnonzero(first.labels != other.labels)[0])
        raise _refuse(
            first,
            other,
            "the same images have other labels",
            got=f"{first.ids[at]} as class {other.labels[at]}",
            expected=f"class {first.labels[at]}",
        )
    if one.images_sha256 != two.images_sha256 and one.images != two.images:
        raise _refuse(
            first,
            other,
            "pixels and source of the images differ although their names are the same",
            got=two.images,
            expected=one.images,
            fix=_choose_images(one.images, two.images),
        )


def _check_protocol(first: Entry, other: Entry, *, oblivious: bool) -> None:
    one, two = ([cell for cell in entry.cells if (cell.access == "oblivious") is oblivious] for entry in (first, other))
    blind = "by attacks that do not know the defence " if oblivious else ""
    for difference, told in (
        (f"they were attacked {blind}with other seeds", _seed),
        (f"they were attacked {blind}within other budgets", _budget),
        (f"they were attacked {blind}in other ways", _attack),
    ):
        _check_same(first, other, difference, dict(map(told, one)), dict(map(told, two)))


def _check_same(
    first: Entry, other: Entry, difference: str, one: Mapping[Hashable, str], two: Mapping[Hashable, str]
) -> None:
    lacking = [one[key] for key in one if key not in two]
    further = [two[key] for key in two if key not in one]
    if not lacking and not further:
        return
    sides = (
        f"only the first has {_some(lacking)}" if lacking else "",
        f"only the second has {_some(further)}" if further else "",
    )
    raise _refuse(
        first,
        other,
        difference,
        got="; ".join(side for side in sides if side),
        expected="the same for both",
        fix="run both in one sweep, or give both runs the same seeds, budgets and attacks",
    )


def _seed(cell: Tested) -> tuple[Hashable, str]:
    return cell.spec.seed, f"seed {cell.spec.seed}"


def _budget(cell: Tested) -> tuple[Hashable, str]:
    """Budgets are the same where their numbers are, however they were written."""
    return (cell.budget.norm, cell.budget.value), str(cell.budget)


def _attack(cell: Tested) -> tuple[Hashable, str]:
    """Attacks are the same where all their parameters are, given or not."""
    given = ", ".join(f"{name} {value}" for name, value in cell.spec.parameters.items())
    named = f"{cell.spec.attack} ({given})" if given else cell.spec.attack
    return (*cell.attack, _budget(cell)[0], cell.spec.seed), f"{named} {cell.budget} seed {cell.spec.seed}"


def _check_own_window(entry: Entry) -> None:
    for cell in entry.cells:
        for field in _WINDOW:
            one, two = getattr(entry.spec, field), getattr(cell.spec, field)
            if one != two:
                raise UserError(
                    f"the layers of {entry.name} were seen through several windows, so their verdicts do not compare",
                    got=f"{field} = {two} under {cell.spec.condition}",
                    expected=f"{field} = {one} as under {entry.spec.condition}",
                    fix="give each window a run of its own",
                )


def _check_window(first: Entry, other: Entry) -> None:
    for field in _WINDOW:
        one, two = getattr(first.spec, field), getattr(other.spec, field)
        if one != two:
            words = field == "words_sha256"
            raise _refuse(
                first,
                other,
                f"their layers were seen through other {'words' if words else 'windows'}",
                got=", ".join(other.spec.words) if words else f"{field} = {two}",
                expected=", ".join(first.spec.words) if words else f"{field} = {one}",
                fix="run both in one sweep",
            )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _choose_images(one: str, two: str) -> str:
    return f"compare one set of images at a time, {one} or {two}" if one != two else "run both on the same images"


def _notes(entries: Sequence[Entry]) -> Iterable[str]:
    if len({entry.spec.images_sha256 for entry in entries}) > 1:
        yield (
            "The images have the same names and come from the same source, but not the same pixels: the networks take "
            "other sizes, or the source changed between the runs. A size in l2, l1 or l0 then means something else."
        )
    draws: dict[str, set[int]] = {}
    for entry in entries:
        draws.setdefault(entry.spec.defense, set()).add(max(cell.spec.draws for cell in entry.cells))
    for defense, numbers in draws.items():
        if defense and len(numbers) > 1:
            told = " and ".join(map(str, sorted(numbers)))
            yield f"{defense} was attacked with gradients that are means of {told} draws: the fewer, the weaker."
    count = len(entries[0].ids)
    if count < FEW_IMAGES:
        yield f"Only {count} images: most differences between defences are smaller than the intervals."
    versions = {str(entry.run.manifest().get("versions", {}).get("advwindow", "")) for entry in entries}
    if len(versions) > 1:
        yield f"The runs were computed by different versions of advwindow: {', '.join(sorted(versions))}."
