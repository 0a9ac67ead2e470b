"""What of a baseline a run can be compared with; whatever differs is refused by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advwindow.errors import UserError
from advwindow.gates.selection import Group, grouped, same_attack

if TYPE_CHECKING:
    from advwindow.runs import CellSpec, RunDirectory


#: How layers are seen; alignments seen in other ways cannot be compared.
WAYS = ("pooling", "similarity", "measure")


def counterpart(group: Group, baseline: RunDirectory, pattern: str) -> Group:
    """The baseline's cells to compare a group with.

    The subject that fits the pattern; without one that of the same name, or the only one. Of the same images and seed.

    Raises:
        UserError: there is none, or several.
    """
    everything = grouped(baseline.specs, [pattern or "*"], whose="baseline")
    only = len({each.subject for each in everything}) == 1
    named = [each for each in everything if only or pattern or each.subject == group.subject]
    found = [each for each in named if each.seed == group.seed and _same_images(each, group)]
    if len(found) != 1:
        raise UserError(
            f"{'several groups' if found else 'no group'} of the baseline to compare with {group.full}",
            got="; ".join(each.full for each in found or everything),
            expected="one subject with the same images and seed",
            fix='name the subject with baseline = "..." in the gate, or choose another --baseline',
        )
    return found[0]


def check_images(now: tuple[RunDirectory, Group], before: tuple[RunDirectory, Group]) -> None:
    """Both groups are about the same images with the same labels; their pixels may differ, as input sizes do.

    Raises:
        UserError: they are not.
    """
    here, there = _images(*now), _images(*before)
    if here != there:
        raise UserError(
            f"the baseline has other images than {now[1].full}",
            got=f"{len(here & there)} images in common",
            expected=f"all {len(here)} of the run and {len(there)} of the baseline, with the same labels",
        )


def check_attacks(now: Group, before: Group) -> None:
    """The run was attacked at least as its baseline was; otherwise a drop would look smaller than it is.

    Raises:
        UserError: it was not.
    """
    missing = [spec for spec in before.cells if not any(_as_strong(each, spec) for each in now.cells)]
    if missing:
        raise UserError(
            f"{now} was not attacked as the baseline was",
            got=_told(now),
            expected=f"also {', '.join(map(_attack, missing))}",
            fix="run the same sweep on both, or name the attacks in the gate",
        )


def attacked_alike(spec: CellSpec, before: Group) -> CellSpec:
    """The baseline's cell with the same attack, of several the one that was seen most alike.

    Raises:
        UserError: there is none.
    """
    found = [each for each in before.cells if same_attack(each) == same_attack(spec)]
    if not found:
        raise UserError(
            "the baseline lacks an attack of the run",
            got=_attack(spec),
            expected=f"one of: {_told(before)}",
            fix="run the same sweep on both, or name the attacks in the gate",
        )
    return min(found, key=lambda each: sum(getattr(each, way) != getattr(spec, way) for way in (*WAYS, "words_sha256")))


def _as_strong(spec: CellSpec, other: CellSpec) -> bool:
    """Whether a cell has the attack of another, with no fewer passes for a gradient."""
    return same_attack(spec) == same_attack(other) and spec.draws >= other.draws


def _same_images(one: Group, other: Group) -> bool:
    return one.images == other.images or one.cells[0].images_sha256 == other.cells[0].images_sha256


def _images(run: RunDirectory, group: Group) -> set[tuple[str, int]]:
    return set(run.table(group.cells[0], "samples").select("sample_id", "label").rows())


def _told(group: Group) -> str:
    return ", ".join(map(_attack, group.cells))


def _attack(spec: CellSpec) -> str:
    passes = {"draws": spec.draws} if spec.draws > 1 else {}
    given = ", ".join(f"{key} {value}" for key, value in sorted((spec.parameters | passes).items()))
    return f"{spec.condition} ({given})" if given else spec.condition
