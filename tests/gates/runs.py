"""Runs on disk whose every outcome is written down by the test."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from advwindow.runs import CellResult, CellSpec, RunDirectory
from tests.reports.runs import MANIFEST, Shape, layer_table
from tests.runs.specs import result, spec
from tests.window.helpers import evidence_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_STATUS = {"r": "failed", "f": "success", "s": "skipped_misclassified"}


def samples(outcomes: str, *, distances: Sequence[float] | None = None, ids: Sequence[str] | None = None):
    """The table of samples: ``r`` robust, ``f`` fooled, ``s`` wrong already without attack."""
    count = len(outcomes)
    return pl.DataFrame(
        {
            "sample_id": list(ids or (f"image-{index}" for index in range(count))),
            "label": list(range(count)),
            "clean_prediction": [index + (each == "s") for index, each in enumerate(outcomes)],
            "status": [_STATUS[each] for each in outcomes],
            "success": [each == "f" for each in outcomes],
            "distance": list(distances or (0.01 if each == "f" else 0.0 for each in outcomes)),
        }
    )


def layers(*rows: dict[str, object], concepts: int = 30):
    """A table of layers under clean images and an attack; rows change what a sound, intact layer has."""
    names = tuple(str(row["layer"]) for row in rows)
    table = layer_table(Shape(layers=names), loss=0.0, concepts=concepts)
    attack = table.filter(pl.col("condition") == "attack").to_dicts()
    sound = {
        "verdict": "intact", "hijacked": False, "retention": 0.9, "retention_low": 0.7, "retention_high": 1.1,
        "drift": 0.05, "drift_ci_low": -0.02, "drift_ci_high": 0.12, "one_vs_two": 0.6, "one_vs_two_p_adjusted": 0.9,
    }  # fmt: skip
    changed = [each | sound | row for each, row in zip(attack, rows, strict=True)]
    clean = table.filter(pl.col("condition") == "clean").to_dicts()
    return pl.DataFrame(clean + changed, infer_schema_length=None)


def cell(outcomes: str = "rrff", *, table=None, evidence=None, distances=None, ids=None, **changes):
    """A cell to save: its specification and its result."""
    tables = dict(result().tables) | {
        "samples": samples(outcomes, distances=distances, ids=ids),
        "layers": layers({"layer": "a"}, {"layer": "b"}) if table is None else table,
    }
    found: CellResult = replace(result(), tables=tables, grams=(evidence or noise_evidence()).arrays())
    return spec(**changes), found


def noise_evidence(seed: int = 0, concepts: int = 8):
    draw = np.random.default_rng(seed)
    words = draw.normal(size=(concepts, 12))
    conditions = ("clean", "attack")
    acts: dict[str, Sequence[np.ndarray]] = {
        name: [words + draw.normal(size=words.shape) for _ in conditions] for name in ("a", "b")
    }
    return evidence_of(words, acts, conditions=conditions)


def build(path: Path, *cells: tuple[CellSpec, CellResult], missing: int = 0) -> RunDirectory:
    """A run of these cells, all but the last `missing` finished."""
    run = RunDirectory.create(path, [each for each, _ in cells], sweep_toml="", manifest=MANIFEST)
    for each, found in cells[: len(cells) - missing]:
        run.save(each, found)
    return run
