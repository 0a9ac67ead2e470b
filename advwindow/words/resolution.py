"""The outcome of a resolution: labels with their words, and the audit of how they were found."""

from __future__ import annotations

import difflib
import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from advwindow.errors import UserError
from advwindow.words.spellings import Step

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from numpy.typing import NDArray

_SHOWN = 10
"""Labels of a kind that a summary names; the table has all."""


@dataclass(frozen=True)
class ResolvedLabel:
    """What became of one label.

    Attributes:
        index: place among the labels.
        label: as given.
        step: where its word was found, or `Step.DROPPED`.
        words: the words whose vectors are used: one, several for `Step.TOKENS`, none if dropped.
        note: what a reader of the audit should know, often empty.
        trail: a sentence per candidate that was tried, in order.
    """

    index: int
    label: str
    step: Step
    words: tuple[str, ...]
    note: str
    trail: tuple[str, ...] = field(repr=False)

    def dropped(self, reason: str) -> ResolvedLabel:
        """The same label without its word; one that has none stays as it is."""
        if self.step == Step.DROPPED:
            return self
        return replace(
            self, step=Step.DROPPED, words=(), note=reason, trail=(*self.trail, f"{Step.DROPPED}: {reason}.")
        )


@dataclass(frozen=True, eq=False, repr=False)
class Resolution:
    """Labels with their words; a label without a word is named, never lost. Its ``repr`` is a summary.

    Attributes:
        space: name of the word space.
        rows: one per label, in label order.
        indices: places of the kept labels, ascending.
        vectors: their vectors, float64 of shape ``(C, d)``, aligned with ``indices``.
        kernel: inner products between the axes of the vectors, float64 of shape ``(d, d)``, symmetric; it may have
            negative eigenvalues. None if the axes are orthonormal, as in a space of vectors.
    """

    space: str
    rows: tuple[ResolvedLabel, ...]
    indices: tuple[int, ...]
    vectors: NDArray[np.float64]
    kernel: NDArray[np.float64] | None = None

    def inner(self, a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        """Inner products ``(m, n)`` of vectors ``(m, d)`` and ``(n, d)`` in the coordinates of ``vectors``."""
        return a @ b.T if self.kernel is None else a @ self.kernel @ b.T

    def without(self, reasons: Mapping[int, str]) -> Resolution:
        """The same with fewer words, in the same coordinates.

        Args:
            reasons: index of each label that loses its word, to why; labels without a word stay as they are.
        """
        rows = tuple(row.dropped(reasons[row.index]) if row.index in reasons else row for row in self.rows)
        kept = [place for place, index in enumerate(self.indices) if index not in reasons]
        indices = tuple(self.indices[place] for place in kept)
        return Resolution(self.space, rows, indices, self.vectors[kept], self.kernel)

    @property
    def words(self) -> tuple[str, ...]:
        """A name per kept label, aligned with ``indices``: its word, or its tokens joined by ``" + "``."""
        return tuple(" + ".join(self.rows[index].words) for index in self.indices)

    @property
    def coverage(self) -> float:
        """The kept fraction of the labels, in [0, 1]."""
        return len(self.indices) / len(self.rows)

    def table(self) -> pl.DataFrame:
        """The audit: ``index, label, step, words`` (joined by ``" + "``), ``note``; one row per label."""
        rows = [(row.index, row.label, row.step.value, " + ".join(row.words), row.note) for row in self.rows]
        schema = {"index": pl.Int64, "label": pl.String, "step": pl.String, "words": pl.String, "note": pl.String}
        return pl.DataFrame(rows, schema=schema, orient="row")

    def __repr__(self) -> str:
        return summary(self)

    def explain(self, label: str) -> str:
        """A line per candidate that was tried for a label, in order; equal labels are told one after the other.

        Raises:
            UserError: no such label.
        """
        rows = [row for row in self.rows if row.label == label]
        if not rows:
            raise UserError("unknown label", got=label, fix=nearest_label(label, [row.label for row in self.rows]))
        return "\n".join(line for row in rows for line in (f"{row.label} (index {row.index})", *row.trail))


def used_axes(
    vectors: NDArray[np.float64], kernel: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Vectors ``(C, d)`` and their kernel without the axes that none of the vectors has; no kernel: as they are."""
    if kernel is None:
        return vectors, None
    axes = np.flatnonzero(vectors.any(axis=0))
    return vectors[:, axes], kernel[np.ix_(axes, axes)]


def summary(resolution: Resolution) -> str:
    """How many labels have a word, by which step; who was dropped, and who had to give way, and why."""
    rows, kept = resolution.rows, len(resolution.indices)
    lines = [f"{kept} of {len(rows)} labels have a word in {resolution.space} ({resolution.coverage:.1%})"]
    for step in Step:
        there = [row for row in rows if row.step == step]
        if there and step != Step.DROPPED:
            changed = [f"{row.label!r} -> {' + '.join(row.words)}" for row in there if (row.label,) != row.words]
            lines.append(f"  {step:<10} {len(there):>5}  {changed[0] if changed else ''}".rstrip())
    lost = [row for row in rows if row.step == Step.DROPPED]
    lines += _some("dropped", (f"{row.label!r} (index {row.index}): {row.note}" for row in lost), len(lost))
    moved = [row for row in rows if row.note and row.step != Step.DROPPED]
    took = (f"{row.label!r} (index {row.index}) -> {' + '.join(row.words)}: {row.note}" for row in moved)
    lines += _some("gave way", took, len(moved))
    return "\n".join([*lines, ".table() has every label, .explain(label) every spelling that was tried"])


def _some(kind: str, texts: Iterable[str], count: int) -> list[str]:
    if not count:
        return []
    more = [f"    ... and {count - _SHOWN} more"] if count > _SHOWN else []
    return [f"  {kind:<10} {count:>5}", *(f"    {text}" for text in itertools.islice(texts, _SHOWN)), *more]


def nearest_label(label: str, labels: Collection[str]) -> str:
    """The fix for an unknown label; there may be thousands, so only near ones are named."""
    near = difflib.get_close_matches(label, labels, n=3, cutoff=0.5)
    return (
        f"did you mean {' or '.join(map(repr, near))}?" if near else f"use one of the {len(labels)} labels as written"
    )
