"""A training as matrices, layers by epochs: what the figure of a training draws."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from advwindow.reports.reading.studies import ALPHA

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_MEASURES = ("alignment", "ci_low", "ci_high", "alignment_p_adjusted", "chance_low", "chance_high")
_ACCURACIES = ("accuracy", "clean_accuracy", "robust_accuracy")


class Course(NamedTuple):
    """A training as matrices.

    Attributes:
        layers: ``L`` names, by depth.
        epochs: ``E`` numbers, ascending.
        columns: the measures ``(L, E)``, NaN where there is none.
        accuracy: ``(E,)`` in [0, 1] by column of the table; columns without any number are left out.
    """

    layers: list[str]
    epochs: list[int]
    columns: dict[str, Array]
    accuracy: dict[str, Array]

    @property
    def significant(self) -> NDArray[np.bool_]:
        """``(L, E)``, adjusted over the layers of each epoch."""
        return self.columns["alignment_p_adjusted"] <= ALPHA

    def from_epoch(self, layer: int) -> int | None:
        """The epoch from which the layer stays significant, None where it is not in the end."""
        unsure = np.flatnonzero(~self.significant[layer])
        start = int(unsure[-1]) + 1 if len(unsure) else 0
        return self.epochs[start] if start < len(self.epochs) else None


def read_course(table: pl.DataFrame) -> Course:
    """From one row per epoch and layer."""
    depths = dict(table.sort("depth").select("layer", "depth").iter_rows())
    epochs = sorted(set(table["epoch"].to_list()))
    columns = {column: np.full((len(depths), len(epochs)), np.nan) for column in _MEASURES}
    accuracy = {column: np.full(len(epochs), np.nan) for column in _ACCURACIES if column in table.columns}
    row_of = {layer: place for place, layer in enumerate(depths)}
    column_of = {epoch: place for place, epoch in enumerate(epochs)}
    for row in table.iter_rows(named=True):
        at = row_of[row["layer"]], column_of[row["epoch"]]
        for column in _MEASURES:
            columns[column][at] = _number(row[column])
        for column, values in accuracy.items():
            values[at[1]] = _number(row[column])
    known = {column: values for column, values in accuracy.items() if np.isfinite(values).any()}
    return Course(list(depths), epochs, columns, known)


def stretches(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Beginnings and ends (exclusive) of what is unbroken true.

    Example:
        >>> stretches(np.array([True, True, False, True]))
        [(0, 2), (3, 4)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def _number(value: float | None) -> float:
    return math.nan if value is None else value
