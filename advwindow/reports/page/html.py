"""The report as one HTML file: the words, tables and figures of the PDF, for a screen; the same bytes each time.

The file asks the network for nothing, and its policy forbids it to. What it does with a script (filters, sorting,
numbers under the pointer) comes on top: without one, everything is there to be read.
"""

from __future__ import annotations

import base64
import hashlib
import io
from importlib import resources
from string import Template
from typing import TYPE_CHECKING, Any

from PIL import Image

from advwindow.reports.figures.illustrations import illustrate
from advwindow.reports.figures.pictures import examples
from advwindow.reports.page.asked import COLUMNS, FIGURES, asked
from advwindow.reports.page.drawing import draw, plate
from advwindow.reports.page.markup import Markup, embedded, escape, join, tag
from advwindow.reports.page.sections import Section, number_sections, opening, provenance, study_sections
from advwindow.reports.reading import content
from advwindow.reports.reading.findings import headline
from advwindow.reports.reading.studies import read_studies
from advwindow.runs import write_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from advwindow.reports.figures.illustrations import Illustration
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
    data["studies"] = [_study(study, place) for place, study in enumerate(studies)]
    answers = [asked(study, told) for study, told in zip(studies, data["studies"], strict=True)]
    write_bytes(path, _page(data, answers).encode())
    return path


def _study(study: Study, place: int) -> dict[str, Any]:
    rows, pictures = examples(study)
    return {
        **content.about(study),
        "figures": {each.name: _figure(study, place, each) for each in illustrate(study)},
        "examples": rows,
        "pictures": {name: _source(picture) for name, picture in pictures.items()},
    }


def _figure(study: Study, place: int, illustration: Illustration) -> dict[str, Any]:
    """The verdict strip becomes a table; figures over depth are taken apart, all others stay whole."""
    words = illustration.words._asdict()
    if illustration.name == "verdicts":
        return words
    prefix = f"{place}{illustration.name[:2]}{illustration.name[-1]}"
    if illustration.name not in FIGURES and illustration.name != "references":
        return {
            **words,
            "plates": [plate(piece, prefix=f"{prefix}{part}") for part, piece in enumerate(illustration.pieces)],
        }
    pieces = [draw(figure, prefix=f"{prefix}{part}") for part, figure in enumerate(illustration.pieces)]
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


def _page(data: dict[str, Any], answers: Sequence[dict[str, Any]]) -> str:
    style, script = _piece("page.css"), _piece("page.js")
    sections = _sections(data)
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("meta", name="description", content=data["description"]),
        tag("title", data["title"]),
        tag("style", Markup(style)),
    )
    answer = {"columns": COLUMNS, "figures": FIGURES, "studies": answers}
    body = tag(
        "body",
        tag("a", "Skip to the report", href="#what-happened", class_="skip"),
        _masthead(data),
        tag("div", _contents(sections), tag("main", *(section.render() for section in sections)), class_="sheet"),
        tag("footer", f"advwindow · plan {data['plan']}"),
        tag("script", embedded(answer), type="application/json", id="answers"),
        tag("script", Markup(script)),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _sections(data: dict[str, Any]) -> list[Section]:
    several = data["several"]
    sections = [Section("what-happened", "What happened", opening(data))]
    for place, study in enumerate(data["studies"]):
        found = study_sections(study, place, several=several)
        if several:
            body = join([tag("p", " ".join(study["caveats"]), class_="note"), *(each.render() for each in found)])
            sections.append(Section(f"study-{place}", study["title"], body))
        else:
            sections += found
    method = Template(_piece("method.html")).substitute({key: escape(text) for key, text in data["method"].items()})
    return [
        *sections,
        Section("method", "How to read this report", Markup(method)),
        Section("numbers", "Numbers behind the verdicts", number_sections(data["studies"], several=several)),
        Section("provenance", "Provenance", provenance(data)),
    ]


def _masthead(data: dict[str, Any]) -> Markup:
    about = f"Images {data['images']} · words {data['words']} · {data['date']}"
    brand = tag("p", "advwindow report", class_="brand")
    return tag("header", brand, tag("h1", data["title"]), tag("p", about, class_="about"))


def _contents(sections: Sequence[Section]) -> Markup:
    links = [tag("li", tag("a", section.title, href=f"#{section.key}")) for section in sections]
    return tag("nav", tag("details", tag("summary", "Contents"), tag("ol", *links), open=""), aria_label="Contents")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _piece(name: str) -> str:
    return resources.files("advwindow.reports.page").joinpath(name).read_text(encoding="utf-8")
