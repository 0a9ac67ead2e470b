"""The report as PDF: data and figures from the run, typeset by typst; the same bytes from the same run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from advwindow.reports.document.drawings import drawings
from advwindow.reports.document.typeset import typeset
from advwindow.reports.figures.illustrations import illustrate
from advwindow.reports.figures.pictures import examples
from advwindow.reports.figures.side_by_side import front
from advwindow.reports.reading import content
from advwindow.reports.reading.compared import compared, happened
from advwindow.reports.reading.outline import outline
from advwindow.reports.reading.provenance import created
from advwindow.reports.reading.studies import read_studies
from advwindow.runs import write_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from advwindow.reports.reading.compared import Compared
    from advwindow.reports.reading.studies import Study
    from advwindow.runs import RunDirectory

_SHARED = ("house.typ", "compared.typ", "tables.typ", "images.typ", "method.typ")


def write_pdf(run: RunDirectory, path: Path) -> Path:
    """Typeset the report of a run: PDF/A-2a and PDF/UA-1, complete without network or installed fonts.

    Args:
        run: at least one cell must be finished; missing ones are named on the first page.
        path: where to; its folder is made.

    Raises:
        IncompleteError: no cell is finished.
        UserError: the path cannot be written.
    """
    studies = read_studies(run)
    files: dict[str, bytes] = {}
    data = content.whole(run, studies)
    beside = compared(run)
    data |= {
        "compared": [_compared(each, f"compared-{place}", files) for place, each in enumerate(beside)],
        "happened": happened(beside),
    }
    data["studies"] = [_study(study, f"study-{place}", files) for place, study in enumerate(studies)]
    files["data.json"] = json.dumps(data, ensure_ascii=False, allow_nan=False).encode()
    when = int(created(run.manifest()).timestamp())
    write_bytes(path, typeset("report.typ", files, timestamp=when, shared=_SHARED))
    return path


def _compared(found: Compared, folder: str, files: dict[str, bytes]) -> dict[str, Any]:
    drawn = front(found.comparison) if found.comparison is not None else []
    return found.told | {"figures": drawings(drawn, folder, files)}


def _study(study: Study, folder: str, files: dict[str, bytes]) -> dict[str, Any]:
    figures = drawings(illustrate(study), folder, files)
    rows, pictures = examples(study)
    files |= {f"{folder}/{name}": picture for name, picture in pictures.items()}
    told = {**content.about(study), "folder": folder, "figures": figures, "examples": rows}
    return told | {"sections": outline(told)}
