"""The outcome of a resolution: labels with their words, and the audit of how they were found."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from advwindow.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Collection

    import numpy as np
    from numpy.typing import NDArray

    from advwindow.words.spellings import Step


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


@dataclass(frozen=True, eq=False)
class Resolution:
    """Labels with their words; a label without a word is named, never lost.

    Attributes:
        space: name of the word space.
        rows: one per label, in label order.
        indices: places of the kept labels, ascending.
        vectors: their vectors, float64 of shape ``(C, d)``, aligned with ``indices``.
    """

    space: str
    rows: tuple[ResolvedLabel, ...]
    indices: tuple[int, ...]
    vectors: NDArray[np.float64]

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

    def explain(self, label: str) -> str:
        """A line per candidate that was tried for a label, in order; equal labels are told one after the other.

        Raises:
            UserError: no such label.
        """
        rows = [row for row in self.rows if row.label == label]
        if not rows:
            raise UserError("unknown label", got=label, fix=nearest_label(label, [row.label for row in self.rows]))
        return "\n".join(line for row in rows for line in (f"{row.label} (index {row.index})", *row.trail))


def nearest_label(label: str, labels: Collection[str]) -> str:
    """The fix for an unknown label; there may be thousands, so only near ones are named."""
    near = difflib.get_close_matches(label, labels, n=3, cutoff=0.5)
    return (
        f"did you mean {' or '.join(map(repr, near))}?" if near else f"use one of the {len(labels)} labels as written"
    )
