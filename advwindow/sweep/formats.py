"""Which memory format each network of a run is attacked in: chosen once, by the clock, and kept with the run.

The formats differ in rounding. Without this, a run that goes on after an interruption, or in several processes, could
choose otherwise and find other examples.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from advwindow.models import memory_formats, prepare, recall_memory_formats
from advwindow.runs import write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advwindow.runs import CellSpec, RunDirectory
    from advwindow.sweep.plan import Library

_FILE = "formats.json"


def settle_formats(run: RunDirectory, specs: Sequence[CellSpec], library: Library) -> None:
    """Recall the choices of a run, make those that these cells still need, and keep them."""
    recall_formats(run)
    studies = {id(study): study for study in map(library.of, specs)}
    for study in studies.values():
        prepare(study.model, study.pixels[:2])
    write_json(run.path / _FILE, dict(sorted(memory_formats().items())))


def recall_formats(run: RunDirectory) -> None:
    """Take over the choices that were kept with a run, if any were."""
    file = run.path / _FILE
    if file.is_file():
        recall_memory_formats(json.loads(file.read_text(encoding="utf-8")))
