"""A run on disk: a plan, a manifest, a folder for each finished cell. A cell that is not complete does not exist."""

from __future__ import annotations

import io
import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from safetensors import safe_open
from safetensors.numpy import save

from advwindow.errors import UserError
from advwindow.runs.atomic import (
    LOCK,
    TEMPORARY,
    disk_errors,
    exclusive,
    new_folder,
    remove_leftovers,
    write_bytes,
    write_json,
)
from advwindow.runs.spec import RESULT_VERSION, CellSpec, short_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

SCHEMA_VERSION = 1
TABLES = ("samples", "layers", "conditions", "concepts", "references", "agreement", "trace", "words")
_CELL_FILES = ("cell.json", "grams.safetensors", "pictures.safetensors", *(f"{name}.parquet" for name in TABLES))


@dataclass(frozen=True)
class CellResult:
    """What a finished cell leaves behind.

    Attributes:
        summary: plain JSON values, one row of the table of cells.
        tables: by the names of `TABLES`.
        grams: arrays and text metadata from which every statistic can be computed again
            (`advwindow.window.Evidence.arrays`).
        pictures: a few images for reports: ``clean`` uint8, ``delta`` float16, ``(n, C, H, W)``.
        attacked: all attacked images float32 if asked for.
    """

    summary: Mapping[str, Any]
    tables: Mapping[str, pl.DataFrame]
    grams: tuple[Mapping[str, np.ndarray], Mapping[str, str]]
    pictures: Mapping[str, np.ndarray]
    attacked: np.ndarray | None = None


class RunDirectory:
    """A folder holding one run.

    Args:
        path: the folder.

    Raises:
        UserError: the folder is no run, or one that this version cannot read.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        plan_file = self.path / "plan.json"
        if not plan_file.is_file():
            raise UserError("not a run directory", got=str(path), expected="a folder holding plan.json")
        try:
            plan = json.loads(plan_file.read_text(encoding="utf-8"))
            if plan["schema_version"] != SCHEMA_VERSION:
                raise UserError(
                    f"the run {path} has another schema", got=str(plan["schema_version"]), expected=str(SCHEMA_VERSION)
                )
            self.plan_id: str = plan["plan_id"]
            self.specs = tuple(CellSpec.model_validate(cell) for cell in plan["cells"])
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{plan_file} is damaged", got=str(error).splitlines()[0]) from error

    @classmethod
    def create(
        cls, path: Path, specs: Sequence[CellSpec], *, sweep_toml: str, manifest: Mapping[str, Any]
    ) -> RunDirectory:
        """Open the run of these cells in this folder, or begin it; whatever is finished stays.

        Raises:
            UserError: the folder holds another sweep, or something else.
        """
        plan_id = short_hash([spec.cell_id for spec in specs])
        if (path / "plan.json").exists():
            run = cls(path)
            if run.plan_id != plan_id:
                raise UserError(
                    f"{path} holds another sweep",
                    got=f"plan {run.plan_id}",
                    expected=f"plan {plan_id}",
                    fix="choose another --out, or remove the folder",
                )
            return run
        if path.exists() and (not path.is_dir() or any(not _is_ours(entry) for entry in path.iterdir())):
            raise UserError(f"{path} is not empty and no run", fix="choose another --out")
        with disk_errors(path):
            (path / "cells").mkdir(parents=True, exist_ok=True)
        write_bytes(path / "sweep.toml", sweep_toml.encode())
        write_json(path / "manifest.json", manifest)
        cells = [spec.model_dump(mode="json") for spec in specs]
        write_json(path / "plan.json", {"schema_version": SCHEMA_VERSION, "plan_id": plan_id, "cells": cells})
        return cls(path)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Keep other processes out while cells are computed; what a killed one left behind is removed first.

        Raises:
            UserError: another process is at work on this run.
        """
        with exclusive(self.path):
            remove_leftovers(self.path)
            remove_leftovers(self.path / "cells")
            yield

    def is_done(self, spec: CellSpec) -> bool:
        """Whether the cell is finished: all of its files are there."""
        return all((self._folder(spec) / name).is_file() for name in _CELL_FILES)

    def missing(self, *, images: bool = False) -> list[CellSpec]:
        """Cells that are not finished, in the order of the plan; with `images` also those that kept no images."""
        kept = [not images or (self._folder(spec) / "adversarial.safetensors").is_file() for spec in self.specs]
        return [spec for spec, has in zip(self.specs, kept, strict=True) if not (has and self.is_done(spec))]

    def done(self) -> list[CellSpec]:
        """Finished cells, in the order of the plan."""
        return [spec for spec in self.specs if self.is_done(spec)]

    def save(self, spec: CellSpec, result: CellResult) -> None:
        """Keep a finished cell, wholly or not at all."""
        folder = self._folder(spec)
        if folder.exists():  # a finished one too, when its images are wanted and were not kept
            shutil.rmtree(folder)
        with new_folder(folder) as temporary:
            for name in TABLES:
                buffer = io.BytesIO()
                result.tables[name].write_parquet(buffer)
                write_bytes(temporary / f"{name}.parquet", buffer.getvalue())
            _save_arrays(temporary / "grams.safetensors", *result.grams)
            _save_arrays(temporary / "pictures.safetensors", result.pictures, {})
            if result.attacked is not None:
                _save_arrays(temporary / "adversarial.safetensors", {"images": result.attacked}, {})
            cell = {"schema_version": SCHEMA_VERSION, "spec": spec.model_dump(mode="json"), "summary": result.summary}
            write_json(temporary / "cell.json", cell)

    def save_audit(self, spec: CellSpec, findings: Mapping[str, Any]) -> None:
        """Keep what the audit of a finished cell found, in the place of an earlier one."""
        (self.path / "audits").mkdir(exist_ok=True)
        write_json(self._audit_file(spec), dict(findings))

    def audit(self, spec: CellSpec) -> dict[str, Any] | None:
        """What the audit of a cell found; None where it was not audited."""
        file = self._audit_file(spec)
        return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None

    def save_certificate(self, spec: CellSpec, found: Mapping[str, Any]) -> None:
        """Keep what is certified of a cell's smoothed model; ``found["n"]`` tells from how many copies of an image."""
        write_json(self._certificates(spec) / f"{found['n']}.json", dict(found))

    def certificate(self, spec: CellSpec, *, copies: int | None = None) -> dict[str, Any] | None:
        """What is certified of a cell's model from so many copies of each image, or from the most; None if nothing."""
        wanted = "*" if copies is None else str(copies)
        files = sorted(self._certificates(spec).glob(f"{wanted}.json"), key=lambda file: int(file.stem))
        return json.loads(files[-1].read_text(encoding="utf-8")) if files else None

    def log(self, event: str, **facts: str | float) -> None:
        """Append one line to the event log."""
        line = json.dumps({"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **facts})
        with disk_errors(self.path / "events.jsonl"), (self.path / "events.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + os.linesep)

    def manifest(self) -> dict[str, Any]:
        """What was run, with which versions and hashes, on which machine."""
        content = json.loads((self.path / "manifest.json").read_text(encoding="utf-8"))
        assert isinstance(content, dict)
        return content

    def sweep_toml(self) -> str:
        """The resolved sweep, runnable again."""
        return (self.path / "sweep.toml").read_text(encoding="utf-8")

    def summary(self, spec: CellSpec) -> dict[str, Any]:
        """The plain numbers of a finished cell."""
        content = json.loads((self._folder(spec) / "cell.json").read_text(encoding="utf-8"))["summary"]
        assert isinstance(content, dict)
        return content

    def table(self, spec: CellSpec, name: str) -> pl.DataFrame:
        """One of `TABLES` of a finished cell."""
        return pl.read_parquet(self._folder(spec) / f"{name}.parquet")

    def arrays(
        self, spec: CellSpec, name: str, *, wanted: Callable[[str], bool] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, str]]:
        """Arrays and metadata of ``"grams"``, ``"pictures"`` or (if kept) ``"adversarial"`` of a finished cell.

        Args:
            spec: of the cell.
            name: of the file.
            wanted: which arrays to read, by their names; all if None.
        """
        with safe_open(self._folder(spec) / f"{name}.safetensors", "numpy") as file:
            names = [key for key in file.keys() if wanted is None or wanted(key)]  # noqa: SIM118 - it has no iterator
            return {key: file.get_tensor(key) for key in names}, dict(file.metadata() or {})

    def tables(self, name: str) -> pl.DataFrame:
        """One of `TABLES` of all finished cells, with the columns ``cell``, ``model``, ``condition`` in front."""
        keys = [
            self.table(spec, name).select(
                pl.lit(spec.cell_id).alias("cell"),
                pl.lit(spec.subject).alias("model"),
                pl.lit(spec.condition).alias("attack"),
                pl.all(),
            )
            for spec in self.done()
        ]
        return pl.concat(keys) if keys else pl.DataFrame()

    def cells(self) -> pl.DataFrame:
        """One row for each finished cell: what it is, and its summary."""
        rows = []
        for spec in self.done():
            facts = spec.model_dump(mode="json") | {
                "parameters": json.dumps(spec.parameters),
                "layers": " ".join(spec.layers),
                "words": ", ".join(spec.words),
                "words_sha256": ", ".join(spec.words_sha256),
            }
            plain = {name: value for name, value in self.summary(spec).items() if not isinstance(value, list | dict)}
            rows.append({"cell": spec.cell_id, "condition": spec.condition, **facts, **plain})
        overrides = {"median_distance": pl.Float64} if rows and "median_distance" in rows[0] else None
        return pl.DataFrame(rows, infer_schema_length=None, schema_overrides=overrides)

    def _folder(self, spec: CellSpec) -> Path:
        return self.path / "cells" / spec.cell_id

    def _certificates(self, spec: CellSpec) -> Path:
        """Of this model and these images, whatever else the cell is about."""
        return self.path / "certificates" / short_hash([RESULT_VERSION, spec.model_sha256, spec.images_sha256])

    def _audit_file(self, spec: CellSpec) -> Path:
        return self.path / "audits" / f"{spec.cell_id}.json"


def _save_arrays(path: Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    # Bytes first, then our own writing: the library reports a full disk in an error type of its own.
    write_bytes(path, save({name: np.ascontiguousarray(array) for name, array in arrays.items()}, dict(metadata)))


def _is_ours(entry: Path) -> bool:
    """Whether a run that was killed while it began may have left this."""
    return entry.name in {"cells", "sweep.toml", "manifest.json", LOCK} or entry.name.startswith(TEMPORARY)
