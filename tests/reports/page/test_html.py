from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import shutil
from html.parser import HTMLParser
from importlib import resources
from xml.etree import ElementTree as ET

import matplotlib as mpl
import pytest

from advwindow.cli.report import report
from advwindow.errors import IncompleteError, UserError
from advwindow.reports import write_html
from advwindow.reports.figures.illustrations import illustrate
from advwindow.reports.figures.panels import values
from advwindow.reports.figures.pictures import examples
from advwindow.reports.page.asked import COLUMNS, FIGURES
from advwindow.reports.page.drawing import draw
from advwindow.reports.page.markup import embedded, tag
from advwindow.reports.page.tables import concept_table
from advwindow.reports.reading import content
from advwindow.reports.reading.compared import compared
from advwindow.reports.reading.studies import read_studies
from advwindow.reports.style import render
from advwindow.runs import RunDirectory
from tests.reports.document.test_pdf import HOSTILE
from tests.reports.page.paths import corners
from tests.reports.runs import ATTACKS, Shape, make_run

VOID = {"img", "meta", "link", "br", "hr", "input", "col"}


class Page(HTMLParser):
    """Elements, text and embedded numbers of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.parts: list[str] = []
        self.inner: dict[str, list[str]] = {"style": [], "script": []}
        self.source = text
        self.feed(text)
        self.close()
        self.text = " ".join("".join(self.parts).split())

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((name, {key: value or "" for key, value in attributes}))
        if name in self.inner:
            self.inner[name].append("")
        if name not in VOID:
            self.open.append(name)
            self.parts.append(" " if name in {"tr", "td", "th", "p", "li", "dd", "dt", "text"} else "")

    def handle_endtag(self, name: str) -> None:
        assert self.open.pop() == name

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in self.inner:
            self.inner[self.open[-1]][-1] += data
        else:
            self.parts.append(data)

    def all(self, name: str) -> list[dict[str, str]]:
        return [attributes for found, attributes in self.elements if found == name]

    def values(self, *names: str) -> list[str]:
        return [each[name] for _, each in self.elements for name in names if name in each]


@pytest.fixture(scope="module")
def page(run, tmp_path_factory):
    return Page(write_html(run, tmp_path_factory.mktemp("html") / "deep" / "x.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def answers(page):
    return json.loads(page.inner["script"][0])


def told(value):
    """Every text in plain values but names of files."""
    if isinstance(value, dict):
        for key, each in value.items():
            if key not in {"picture", "letters", "verdicts", "marks", "mark"}:
                yield from told(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from told(each)
    elif isinstance(value, str):
        yield value


def plain(text: str) -> str:
    return " ".join(text.split())


def test_everything_that_the_pdf_says_is_said(page, run):
    studies = read_studies(run)
    data = [content.whole(run, studies), *map(content.about, studies)]
    for each in data[1:]:
        del each["subject"]
    del data[0]["running"], data[0]["told"]  # what is told of the audit is not, as this run has none
    texts = set(map(plain, told(data)))
    described = data[0]["description"]
    assert described in page.values("content")
    missing = sorted(text for text in texts - {described} if text not in page.text)
    assert missing == []
    assert len(texts) > 300


def test_captions_alternatives_and_examples_are_those_of_the_pdf(page, study):
    for figure in illustrate(study):
        assert plain(figure.words.caption) in page.text
        assert figure.name == "verdicts" or plain(figure.words.alt) in page.text
    rows, pictures = examples(study)
    shown = {text for text in told(rows) if not text.endswith(".png")}
    assert len(shown) > 8
    assert all(text in page.text for text in shown)
    images = page.all("img")
    assert len(images) == len(pictures) + 3
    assert all(each["src"].startswith("data:image/webp;base64,") and each["alt"] for each in images)


def test_every_word_of_a_drawing_is_one_of_the_pdf(study):
    for figure in illustrate(study):
        if figure.name not in {*FIGURES, "references"} - {"verdicts"}:
            continue
        for piece in figure.pieces:
            root = ET.fromstring(render(piece, "svg", selectable=True))
            words = {element.text for element in root.iter() if element.tag.endswith("}text")}
            drawn = draw(piece, prefix="x")
            found = {name for _, name in drawn.keys}
            for panel in drawn.panels:
                found |= {element.text for element in ET.fromstring(f"<svg>{panel.svg}</svg>").iter("text")}
            assert found == words


def test_points_stand_where_the_numbers_say(study):
    figure = next(each for each in illustrate(study) if each.name == "alignment").pieces[0]
    limits = figure.axes[0].get_ylim()
    for panel, table in zip(draw(figure, prefix="x").panels, study.layers.values(), strict=True):
        rows = table.filter(table["condition"] == "clean").sort("depth")
        path = next(
            element.get("d")
            for group in ET.fromstring(f"<svg>{panel.svg}</svg>").iter("g")
            if group.get("class") == "of-clean"
            for element in group.iter("path")
            if element.get("fill") == "none" and element.get("stroke-width") == "1.2"
        )
        points = corners(path)
        _, top, _, height = panel.axes
        heights = [limits[0] + (top + height - y) / height * (limits[1] - limits[0]) for _, y in points]
        assert heights == pytest.approx(values(rows, "alignment").tolist(), abs=0.06 / height * (limits[1] - limits[0]))
        assert [x for x, _ in points] == pytest.approx(
            [panel.first + place * panel.step for place in range(rows.height)], abs=0.06
        )


def test_numbers_under_the_pointer_are_those_of_the_tables(answers, study):
    (asked,) = answers["studies"]
    assert asked["layers"] == study.names
    assert asked["attacks"] == list(study.layers)
    tables = content.about(study)["numbers"]
    for rows, table in zip(asked["rows"], tables, strict=True):
        for row, known in zip(rows, table["rows"], strict=True):
            named = dict(zip(answers["columns"], row, strict=True))
            assert named["drift, 95 %"] == known["drift"]
            assert named["1 vs 2"] == known["one_vs_two"]
            assert named["verdict"] == " ".join(known["letters"])
    last = dict(zip(COLUMNS, asked["rows"][3][-1], strict=True))
    assert last["2 vs 2 clean"] == "89 %"
    assert len(asked["references"]) == 2
    assert asked["references"][0][-1][0] == ["glove-6b-50d", "0.43"]
    assert all(column < len(COLUMNS) for shown in FIGURES.values() for column in shown)


def test_it_asks_for_nothing_and_may_not(page):
    policy = next(each["content"] for each in page.all("meta") if each.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:; ")
    assert "unsafe" not in policy
    (style,), (_, script) = page.inner["style"], page.inner["script"]
    for text, kind in ((style, "style-src"), (script, "script-src")):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}'" in policy
    assert all(value.startswith(("#", "data:image/")) for value in page.values("src", "href", "xlink:href"))
    assert not page.values("style", "srcset", "action", "formaction", "background", "ping")
    assert not [key for _, attributes in page.elements for key in attributes if key.startswith("on")]
    assert "url(" not in style
    assert "@import" not in style
    assert not re.search(r"fetch|XMLHttpRequest|WebSocket|innerHTML|eval\(|import\(", script)
    assert not {"link", "iframe", "object", "embed", "form", "base"} & {name for name, _ in page.elements}


def test_ids_are_unique_and_references_lead_somewhere(page):
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    for value in page.values("href", "aria-describedby"):
        if not value.startswith("data:"):
            assert value.removeprefix("#") in ids
    for value in page.values("clip-path", "fill", "marker-start", "marker-mid", "marker-end"):
        if value.startswith("url("):
            assert value[5:-1] in ids
    assert not page.open


def test_every_colour_of_a_drawing_that_turns_dark_is_known_to_the_style_sheet(page):
    panels = re.sub(r'<div class="plates".*?</div>', "", page.source, flags=re.DOTALL)
    assert len(panels) < len(page.source)
    drawn = {value for value in Page(panels).values("fill", "stroke") if value.startswith("#")}
    for color in drawn:
        assert f'"{color}"' in page.inner["style"][0]
    assert len(drawn) > 5


def test_same_run_same_bytes_wherever_it_lies_and_whatever_matplotlib_is_told(page, run, tmp_path):
    shutil.copytree(run.path, tmp_path / "elsewhere" / "quick")
    with mpl.rc_context({"font.size": 40, "svg.hashsalt": None, "font.family": "serif"}):
        again = write_html(RunDirectory(tmp_path / "elsewhere" / "quick"), tmp_path / "again.html")
    assert again.read_text(encoding="utf-8") == page.source


def template() -> str:
    """The PDF's method without its marks, its lines joined."""
    folder = resources.files("advwindow.reports.document")
    text = folder.joinpath("method.typ").read_text("utf-8")
    return plain(re.sub(r"[*_`]|#emph|\\", "", text))


def test_methods_and_sources_are_those_of_the_pdf():
    text = resources.files("advwindow.reports.page").joinpath("method.html").read_text(encoding="utf-8")
    known = template()
    lines = re.sub(r"<math.*?</math>|</(?:p|li|dd|dt|h3)>", "\n", text).splitlines()
    pieces = [plain(html.unescape(re.sub(r"<[^>]+>", "", line))) for line in lines]
    pieces = [part for piece in pieces for part in re.split(r"\$\w+", piece) if len(part.strip(" .,")) > 2]
    assert len(pieces) > 30
    for piece in pieces:
        bare = piece.removeprefix(". ").strip(" .,")
        if not re.fullmatch(r"[UIECH] \w+", bare):
            assert bare in known


def test_the_method_promises_nothing_of_one_correction_alone(page):
    assert "max-T" not in template()
    assert "all layers together. The step-down max-T procedure (Westfall & Young 1993) then bounds" in page.text


def test_the_table_of_concepts_tells_which_layers_were_asked(page):
    assert "drifts most; asked are the layers aligned with words, or all if none is." in page.text


def test_the_method_tells_when_a_targeted_attack_succeeds():
    assert "a targeted attack succeeds only where its target is reached" in template()


def test_names_are_never_markup(tmp_path):
    shape = Shape(
        labels=HOSTILE * 2,
        layers=("#a", "$b$", "<c>", "😀", "مرحبا.x", "L" * 200, "_m_", "水.母"),
        caveats=("</script><script>alert(1)</script> \u202e",),
        models=("py:<b>&#x;$m$:f",),
        words=("glove", "#w$ *x* <b>"),
        manifest={"command": "<img src=x onerror=alert(1)>", "created": "2026-01-02T03:04:05+02:00"},
        attacks=ATTACKS[3:5],
    )
    page = Page(write_html(make_run(tmp_path / "$run <x>", shape), tmp_path / "x.html").read_text(encoding="utf-8"))
    for wanted in (
        "py:<b>&#x;$m$:f under attack", "#set page(width: 1pt)", "$x^2$ \\alpha", "<script>alert(1)</script>",
        "</script><script>alert(1)</script> �", "[a](b) *bold* _em_ `raw` @ref", "% & ~ {x} \\", "\"quoted\" 'single'",
        "<img src=x onerror=alert(1)>", "#w$ *x* <b>", "😀🦜 水母", "مرحبا بالعالم",
    ):  # fmt: skip
        assert wanted in page.text
    assert len(page.all("script")) == 2
    assert not page.all("b")
    assert all(each["src"].startswith("data:image/webp") for each in page.all("img"))
    assert json.loads(page.inner["script"][0])["studies"][0]["layers"][2] == "<c>"
    assert "\u202e" not in page.source


def test_several_studies_and_missing_cells(tmp_path):
    shape = Shape(models=("timm:a", "timm:b"), attacks=ATTACKS[2:5])
    path = write_html(make_run(tmp_path / "run", shape, missing=2), tmp_path / "x.html")
    page = Page(path.read_text(encoding="utf-8"))
    assert "timm:a and timm:b under attack" in page.text
    assert "Incomplete: 2 of 6 cells are missing. PGD L∞ 8/255 on timm:b, seed 0; PGD L₂ 2 on timm:b" in page.text
    assert [each["href"] for each in page.all("a") if "aria-label" not in each][1:] == [
        "#what-happened", "#study-0", "#study-1", "#method", "#numbers", "#provenance",
    ]  # fmt: skip
    assert len(page.values("id")) == len(set(page.values("id")))


def test_several_networks_are_compared_before_anything_else(tmp_path):
    run = make_run(tmp_path / "run", Shape(models=("timm:a", "timm:b"), attacks=ATTACKS[2:4]))
    page = Page(write_html(run, tmp_path / "x.html").read_text(encoding="utf-8"))
    links = [each["href"] for each in page.all("a") if "aria-label" not in each]
    assert links[:3] == ["#compared-0", "#compared-0", "#what-happened"]
    (found,) = compared(run)
    texts = [*found.told["answer"], found.told["facts"], found.told["told"]["matrix"]]
    assert [text for text in texts if plain(text) not in page.text] == []
    shares = [
        share["text"] for table in found.told["matrix"] for row in table["rows"] for share in row["shares"] if share
    ]
    assert len(shares) >= 4
    assert all(share in page.text for share in shares)
    assert len(page.inner["style"]) == 2
    assert len(page.values("id")) == len(set(page.values("id")))


def test_sections_without_data_do_not_appear(tmp_path):
    shape = Shape(attacks=ATTACKS[3:4], trials=False, caveats=(), size=4)
    page = Page(write_html(make_run(tmp_path / "run", shape), tmp_path / "x.html").read_text(encoding="utf-8"))
    links = [each["href"] for each in page.all("a")]
    assert "#alignment-0" in links
    assert "#one-vs-two-0" not in links
    assert "#half-life-0" not in links
    assert [each["data-figure"] for each in page.all("figure") if "data-figure" in each].count("headline") == 0


@pytest.mark.slow
def test_a_large_run_stays_small(tmp_path):
    shape = Shape(
        attacks=[("torchattacks:DIFGSM", "linf", f"{eps}/255", {}, eps / 12) for eps in range(1, 13)],
        layers=tuple(f"model.encoder.layers.encoder_layer_{place}.mlp" for place in range(60)),
        labels=tuple(f"concept number {place}, other name" for place in range(202)),
        caveats=(),
    )
    path = write_html(make_run(tmp_path / "run", shape), tmp_path / "x.html")
    assert path.stat().st_size < 3e6


def test_nothing_finished_is_no_page(tmp_path):
    with pytest.raises(IncompleteError):
        write_html(make_run(tmp_path / "run", missing=len(ATTACKS)), tmp_path / "x.html")
    assert not (tmp_path / "x.html").exists()


def test_a_path_that_cannot_be_written_is_told(tmp_path):
    run = make_run(tmp_path / "run", Shape(attacks=ATTACKS[:1], layers=("a", "b")))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot write"):
        write_html(run, tmp_path / "file" / "x.html")


def test_the_command_writes_both(tmp_path, capsys):
    run = make_run(tmp_path / "run", Shape(attacks=ATTACKS[:1], layers=("a", "b")))
    report(run.path, output=tmp_path / "x.pdf", html=tmp_path / "x.html")
    assert capsys.readouterr().out == f"{tmp_path / 'x.pdf'}\n{tmp_path / 'x.html'}\n"
    assert (tmp_path / "x.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>\n<html")


def test_markup():
    assert tag("td", "<", tag("b", "&"), title='"', data_x=None) == '<td title="&quot;">&lt;<b>&amp;</b></td>'
    text = "</script><!-- & \u2028"
    assert not set("<>&\u2028") & set(embedded([text]))
    assert json.loads(embedded([text])) == [text]


@pytest.mark.parametrize(("tint", "name"), [(0.0, "tint-0"), (0.44, "tint-4"), (1.0, "tint-10")])
def test_tints(tint, name):
    cell = {"text": "1 %", "tint": tint, "lost": False}
    row = {"concept": "a", "word": "b", "clean": "2 %", "cells": [cell]}
    assert f'class="number {name}"' in concept_table({"titles": ["t"], "rows": [row]})
