"""The report as one HTML file: the words, tables and figures of the PDF, for a screen; the same bytes each time.

The file asks the network for nothing, and its policy forbids it to. What it does with a script (filters, sorting,
numbers under the pointer) comes on top: without one, everything is there to be read.
"""

from __future__ import annotations

import base64
import io
from string import Template
from typing import TYPE_CHECKING, Any

from PIL import Image

from advwindow.reports.figures.illustrations import illustrate
from advwindow.reports.figures.pictures import examples
from advwindow.reports.figures.side_by_side import front
from advwindow.reports.page.asked import COLUMNS, FIGURES, asked
from advwindow.reports.page.compared import drawn, outcome
from advwindow.reports.page.drawing import draw, plate
from advwindow.reports.page.markup import Markup, embedded, escape, join, tag
from advwindow.reports.page.sections import number_sections, opening, provenance, study_sections
from advwindow.reports.page.sheet import Section, piece, sheet
from advwindow.reports.reading import content
from advwindow.reports.reading.compared import compared, happened
from advwindow.reports.reading.findings import headline
from advwindow.reports.reading.outline import outline
from advwindow.reports.reading.studies import read_studies
from advwindow.runs import write_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from advwindow.reports.figures.illustration import Illustration
    from advwindow.reports.reading.compared import Compared
    from advwindow.reports.reading.studies import Study
    from advwindow.runs import RunDirectory

#: Bytes up to which an example image is kept without loss; above, differences nobody can see are given up.
_LOSSLESS = 12_000
_QUALITY = 90


def write_html(run: RunDirectory, path: Path) -> Path:
    """Write the report of a run as one page that needs no other file and no network.

    Args:
        run: at least one cell must be finished; missing ones are named at the top.
        path: where to; its folder is made.

    Raises:
        IncompleteError: no cell is finished.
        UserError: the path cannot be written.
    """
    studies = read_studies(run)
    data = content.whole(run, studies)
    found = compared(run)
    beside = [_beside(each, place) for place, each in enumerate(found)]
    data["happened"] = happened(found)
    data["studies"] = [_study(study, place) for place, study in enumerate(studies)]
    answers = [asked(study, told) for study, told in zip(studies, data["studies"], strict=True)]
    told = embedded({"columns": COLUMNS, "figures": FIGURES, "studies": answers})
    styles = ["page.css", *(["comparison.css"] if beside else [])]
    sections = [*beside, *_sections(data)]
    page = sheet(data, sections, kind="advwindow report", styles=styles, script="page.js", answers=told)
    write_bytes(path, page.encode())
    return path


def _beside(found: Compared, place: int) -> Section:
    """How several models or defences stand beside each other."""
    if found.comparison is None:
        return Section(f"compared-{place}", found.title, tag("p", found.told["refused"], class_="missing"))
    figures = [drawn(each, prefix=f"compared-{place}-") for each in front(found.comparison)]
    return Section(f"compared-{place}", found.title, join([outcome(found.told), *figures]))


def _study(study: Study, place: int) -> dict[str, Any]:
    rows, pictures = examples(study)
    told = {
        **content.about(study),
        "figures": {
            each.name: _figure(study, each, prefix=f"{place}-{number}") for number, each in enumerate(illustrate(study))
        },
        "examples": rows,
        "pictures": {name: _source(picture) for name, picture in pictures.items()},
    }
    return told | {"sections": outline(told)}


def _figure(study: Study, illustration: Illustration, *, prefix: str) -> dict[str, Any]:
    """The verdict strip becomes a table; figures over depth are taken apart, all others stay whole."""
    words = illustration.words._asdict()
    if illustration.name == "verdicts":
        return words
    if illustration.name not in FIGURES and illustration.name != "references":
        return {
            **words,
            "plates": [plate(piece, prefix=f"{prefix}-{part}") for part, piece in enumerate(illustration.pieces)],
        }
    pieces = [draw(figure, prefix=f"{prefix}-{part}") for part, figure in enumerate(illustration.pieces)]
    worst = study.attacks.index(headline(study))
    alone = {"headline": [worst], "references": [None, worst]}
    return {**words, "pieces": pieces, "attacks": alone.get(illustration.name, range(len(study.attacks)))}


def _source(picture: bytes) -> str:
    """A PNG as the address of a WebP inside the page."""
    buffer = io.BytesIO()
    image = Image.open(io.BytesIO(picture))
    image.save(buffer, "WEBP", lossless=True)
    if buffer.tell() > _LOSSLESS:
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", quality=_QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _sections(data: dict[str, Any]) -> list[Section]:
    several = data["several"]
    sections = [Section("what-happened", data["happened"], opening(data))]
    for place, study in enumerate(data["studies"]):
        found = study_sections(study, place, data["told"], several=several)
        if several:
            body = join([tag("p", " ".join(study["caveats"]), class_="note"), *(each.render() for each in found)])
            sections.append(Section(f"study-{place}", study["title"], body))
        else:
            sections += found
    method = Template(piece("method.html")).substitute({key: escape(text) for key, text in data["method"].items()})
    return [
        *sections,
        Section("method", "How to read this report", Markup(method)),
        Section(
            "numbers",
            "Numbers behind the verdicts",
            number_sections(data),
        ),
        Section("provenance", "Provenance", provenance(data)),
    ]
