"""The sections of the page: what the report's outline names, as HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from advwindow.reports.page import images
from advwindow.reports.page.cells import caution, figure, mark
from advwindow.reports.page.illustrated import Illustrated
from advwindow.reports.page.markup import Markup, coded, join, tag
from advwindow.reports.page.sheet import Section
from advwindow.reports.page.tables import (
    attack_table,
    audit_table,
    beginning_table,
    concept_table,
    half_life_table,
    number_table,
    provenance_table,
    verdict_matrix,
    word_table,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


def opening(data: Mapping[str, Any]) -> Markup:
    """What happened: the answer, the attacks, the verdicts."""
    missing = (
        tag(
            "p",
            tag("strong", f"Incomplete: {data['missing'][0]}."),
            f" {'; '.join(data['missing'][1:])}. The same command goes on from here.",
            class_="missing",
        )
        if data["missing"]
        else Markup()
    )
    answers = [_answer(study, several=data["several"]) for study in data["studies"]]
    table = figure(attack_table(data["studies"], several=data["several"]), data["told"]["attacks"])
    return join([missing, *answers, table])


def _answer(study: Mapping[str, Any], *, several: bool) -> Markup:
    parts = [
        tag("p", tag("strong", study["title"])) if several else Markup(),
        tag("p", study["question"], class_="question"),
        tag("p", " ".join(study["answer"]), class_="answer"),
        tag("p", " ".join([*study["details"], f"{study['facts']}."]), class_="note"),
        Markup() if several else caution(study["caveats"]),
    ]
    return tag("div", *parts, class_="answers")


def study_sections(study: Mapping[str, Any], place: int, told: Mapping[str, str], *, several: bool) -> list[Section]:
    """Everything about one study, in the report's order."""
    shown = Illustrated(study, place)
    tables = {
        "verdicts": lambda: figure(verdict_matrix(study, place), study["figures"]["verdicts"]["caption"]),
        "beginnings": lambda: figure(beginning_table(study["beginnings"], place), told["beginnings"]),
        "lives": lambda: join(map(_lives, study["lives"])),
        "examples": lambda: join(images.gallery(rows, study["pictures"]) for rows in study["examples"]),
        "trace": lambda: figure(images.trace_table(study["trace"], study["pictures"]), study["trace"]["caption"]),
        "concepts": lambda: _concepts(study),
        "words": lambda: word_table(study["words"]),
        "audits": lambda: join(_audit(found, told) for found in study["audits"]),
    }
    return [
        Section(
            f"{section['key']}-{place}",
            section["title"],
            join(tables[name]() if name in tables else shown.figure(name) for name in section["blocks"]),
            3 if several else 2,
        )
        for section in study["sections"]
    ]


def _lives(lives: Mapping[str, Any]) -> Markup:
    remarks = [part for each in lives["remarks"] for part in (" ", mark(each["mark"]), " ", each["text"])]
    return figure(half_life_table(lives), lives["caption"], *remarks)


def _concepts(study: Mapping[str, Any]) -> Markup:
    concepts = study["concepts"]
    return join([figure(concept_table(concepts), concepts["caption"]), tag("p", " ".join(study["losers"]))])


def _audit(found: Mapping[str, Any], told: Mapping[str, str]) -> Markup:
    return join([tag("p", found["head"], " ", coded(told["audit"])), figure(audit_table(found), found["caption"])])


def number_sections(data: Mapping[str, Any]) -> Markup:
    """The numbers behind the verdicts, of all studies and attacks."""
    parts = [tag("p", data["told"]["numbers"], class_="note")]
    for place, study in enumerate(data["studies"]):
        if data["several"]:
            parts.append(tag("h3", study["title"]))
        for number, attack in enumerate(study["numbers"]):
            heading = tag("h4" if data["several"] else "h3", attack["title"])
            body = number_table(attack, place, number)
            parts.append(tag("div", heading, body, data_study=place, data_attack=number))
    return join(parts)


def provenance(data: Mapping[str, Any]) -> Markup:
    """Where the numbers are from, and how to get them again."""
    return join(
        [
            provenance_table(data["provenance"]),
            tag("h3", "To get these numbers again"),
            tag("pre", tag("code", "\n".join(data["again"])), tabindex=0),
            tag("h3", "The sweep, with every default filled in"),
            tag("pre", tag("code", "\n".join(data["sweep"])), tabindex=0),
        ]
    )
