"""Runs whose every outcome is chosen: which images each attack fools, and how far it went."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from advwindow.runs import TABLES, CellResult, CellSpec, RunDirectory
from tests.reports.runs import MANIFEST, Shape, layer_table
from tests.runs.specs import spec

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

COUNT = 40
DEFENCE = "jpeg?quality=75"
SHAPE = Shape(layers=tuple(f"block{place}" for place in range(6)), labels=("x",) * COUNT)


@dataclass(frozen=True)
class Cell:
    """One cell: what it is, and what came out.

    Attributes:
        fooled: images that are correct when clean and that the attack fools.
        wrong: images that are misclassified when clean.
        distances: of the fooled images, where they matter.
        loss: share of the meaning that is lost in the last layer.
        changes: of the cell's specification.
    """

    fooled: Collection[int] = ()
    wrong: Collection[int] = ()
    distances: Sequence[float] = ()
    loss: float = 0.5
    count: int = COUNT
    label: int = 0
    backwards: int = 10
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def spec(self) -> CellSpec:
        return spec(**self.changes)


def cell(fooled: Collection[int] = (), wrong: Collection[int] = (), **changes) -> Cell:
    own = {name: changes.pop(name) for name in ("distances", "loss", "count", "label", "backwards") if name in changes}
    return Cell(fooled, wrong, changes=changes, **own)


def make_run(path: Path, cells: Sequence[Cell], *, missing: int = 0, versions: str = "0.1.0") -> RunDirectory:
    """A run on disk; the last `missing` cells are not finished."""
    manifest = {**MANIFEST, "versions": {"advwindow": versions}}
    run = RunDirectory.create(path, [each.spec for each in cells], sweep_toml="", manifest=manifest)
    for each in cells[: len(cells) - missing]:
        run.save(each.spec, result(each))
    return run


def result(each: Cell) -> CellResult:
    layers = layer_table(SHAPE, loss=each.loss, concepts=30)
    firsts = {"first_eroding": "block4", "first_collapsing": None, "first_hijacked": None}
    conditions = pl.DataFrame([
        {"condition": "noise", "area": 0.0, **dict.fromkeys(firsts)},
        {"condition": "attack", "area": each.loss / 2, **firsts},
    ])  # fmt: skip
    other = pl.DataFrame({"nothing": [0]})
    return CellResult(
        summary={"attack_seconds": 2.5, "forwards": 12 * each.count, "backwards": each.backwards * each.count},
        tables=dict.fromkeys(TABLES, other) | {"samples": samples(each), "layers": layers, "conditions": conditions},
        grams=({"block/gram": np.eye(3)}, {"evidence": "{}"}),
        pictures={"clean": np.zeros((1, 3, 2, 2), np.uint8)},
    )


def samples(each: Cell) -> pl.DataFrame:
    distance = dict(zip(sorted(each.fooled), each.distances, strict=False))
    return pl.DataFrame({
        "sample_id": [f"image-{place}" for place in range(each.count)],
        "label": [place + each.label for place in range(each.count)],
        "clean_prediction": [-1 if place in each.wrong else place + each.label for place in range(each.count)],
        "success": [place in each.fooled for place in range(each.count)],
        "distance": [
            0.0 if place in each.wrong else distance.get(place, 0.03 if place in each.fooled else np.inf)
            for place in range(each.count)
        ],
    })  # fmt: skip


def strong_looking(path: Path, **changes) -> RunDirectory:
    """An undefended network and one whose defence falls to the attack that knows it, square and minimal attacks too."""
    plain = {"model": "sample:plain", "model_sha256": "1" * 64, **changes}
    shielded = plain | {"defense": DEFENCE, "model_sha256": "2" * 64}
    square = {"attack": "square", "parameters": {}, "backwards": 0}
    minimal = {"attack": "fmn", "parameters": {}, "eps": "min"}
    return make_run(
        path,
        [
            cell(range(2, 40), range(2), **plain, loss=0.9),
            cell(range(2, 20), range(2), **plain, **square),
            cell(range(2, 30), range(2), **plain, **minimal, distances=[0.01] * 28),
            cell(range(4, 10), range(4), **shielded, access="oblivious"),
            cell(range(4, 34), range(4), **shielded, loss=0.7),
            cell(range(4, 20), range(4), **shielded, **square),
            cell((*range(4, 12), 35, 36), range(4), **shielded, **minimal, distances=[0.01] * 9 + [0.2]),
        ],
    )  # fmt: skip
