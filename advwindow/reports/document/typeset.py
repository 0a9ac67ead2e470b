"""typst: a template and its files become a PDF for archives and for readers who listen, the same bytes each time."""

from __future__ import annotations

import tempfile
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import typst

if TYPE_CHECKING:
    from collections.abc import Mapping


def typeset(template: str, files: Mapping[str, bytes], *, timestamp: int, shared: tuple[str, ...] = ()) -> bytes:
    """PDF/A-2a and PDF/UA-1, made without network and without the fonts of the machine.

    Args:
        template: name of a file beside this module.
        files: what the template reads, by path.
        timestamp: seconds since 1970 that the file bears as its date.
        shared: names of further files beside this module that the template imports.
    """
    folder = resources.files("advwindow.reports.document")
    own = {name: folder.joinpath(name).read_bytes() for name in (template, *shared)}
    with tempfile.TemporaryDirectory(prefix="advwindow-") as temporary:
        root = Path(temporary)
        for name, data in {**files, **own}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)
        # matplotlib brings DejaVu Sans, in which it measured the text of the figures.
        return typst.compile(
            str(root / template),
            root=str(root),
            font_paths=[str(Path(mpl.get_data_path()) / "fonts" / "ttf")],
            ignore_system_fonts=True,
            timestamp=timestamp,
            pdf_standards=["a-2a", "ua-1"],
        )
