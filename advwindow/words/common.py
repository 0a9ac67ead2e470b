"""Several word spaces beside each other: the labels that have a word in all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from advwindow.errors import UserError
from advwindow.words.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from advwindow.words.resolution import Resolution
    from advwindow.words.space import WordSpace

_SHOWN = 10


@dataclass(frozen=True, eq=False, repr=False)
class CommonWords:
    """Resolutions of the same labels in several spaces, cut down to the labels that all of them know.

    Its ``repr`` tells who was dropped by which space.

    Attributes:
        resolutions: one per space, in the order of the spaces; all have the same ``indices``, so that row i of each
            one's ``vectors`` belongs to the same label.
        lost: index of each label without a common word, to the names of the spaces that have no word for it.
    """

    resolutions: tuple[Resolution, ...]
    lost: Mapping[int, tuple[str, ...]]

    @property
    def indices(self) -> tuple[int, ...]:
        """Places of the kept labels, ascending."""
        return self.resolutions[0].indices

    def table(self) -> pl.DataFrame:
        """``index, label, lost_in`` (spaces joined by ``", "``, empty if kept), then ``words (SPACE)`` per space."""
        rows = self.resolutions[0].rows
        columns: dict[str, list[int] | list[str]] = {
            "index": [row.index for row in rows],
            "label": [row.label for row in rows],
            "lost_in": [", ".join(self.lost.get(row.index, ())) for row in rows],
        }
        words = {f"words ({found.space})": [" + ".join(row.words) for row in found.rows] for found in self.resolutions}
        return pl.DataFrame(columns | words)

    def __repr__(self) -> str:
        rows, names = self.resolutions[0].rows, [found.space for found in self.resolutions]
        lines = [f"{len(self.indices)} of {len(rows)} labels have a word in each of {', '.join(names)}"]
        for spaces in dict.fromkeys(self.lost.values()):
            lost = [rows[index] for index, missing in self.lost.items() if missing == spaces]
            lines.append(f"  no word in {', '.join(spaces)}: {len(lost)}")
            lines += [f"    {row.label!r} (index {row.index})" for row in lost[:_SHOWN]]
            lines += [f"    ... and {len(lost) - _SHOWN} more"] if len(lost) > _SHOWN else []
        return "\n".join([*lines, ".table() has every label, .resolutions[i].explain(label) what was tried in a space"])


def common(
    labels: Sequence[str], spaces: Sequence[WordSpace], *, overrides: Mapping[str, str] | None = None
) -> CommonWords:
    """Find a word for every label in each of several spaces, and keep the labels that have one in all of them.

    Args:
        labels: as for `resolve`.
        spaces: at least one; each with a name of its own.
        overrides: as for `resolve`; they count for every space.

    Raises:
        UserError: no spaces, two of the same name, or what `resolve` raises.
    """
    names = [space.name for space in spaces]
    if not names or len(set(names)) < len(names):
        expected, fix = "word spaces with different names", "dataclasses.replace(space, name=...) gives another name"
        raise UserError("word spaces to compare", got=", ".join(names) or "none", expected=expected, fix=fix)
    found = [resolve(labels, space, overrides=overrides) for space in spaces]
    known = [frozenset(resolution.indices) for resolution in found]
    without = {
        index: tuple(name for name, there in zip(names, known, strict=True) if index not in there)
        for index in range(len(labels))
    }
    lost = {index: missing for index, missing in without.items() if missing}
    reasons = {index: f"no word in {', '.join(missing)}" for index, missing in lost.items()}
    return CommonWords(tuple(resolution.without(reasons) for resolution in found), lost)
