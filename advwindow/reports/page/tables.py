"""The tables of a report as HTML, from the rows that the PDF sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from advwindow.reports.page.cells import bar, chip, count_head, explained, head, mark, number_head, table
from advwindow.reports.page.markup import Markup, join, tag
from advwindow.reports.style import MARKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: Steps of a tint.
_TINTS = 10


def attack_table(studies: Sequence[Mapping[str, Any]], *, several: bool) -> Markup:
    """Accuracies, distances and counts of verdicts, one line per attack, of all studies."""
    heads = [
        *map(head, ("attack", "norm", "ε", "clean accuracy", "robust accuracy")),
        tag("th", tag("span", "0 %"), tag("span", "100 %"), class_="scale", scope="col", aria_label="robust accuracy"),
        number_head("median distance"),
        *(
            tag("th", explained(each.letter), scope="col", class_="count", data_sort="number")
            for each in MARKS.values()
        ),
        count_head("noise"),
    ]
    bodies = []
    for place, study in enumerate(studies):
        name = tag("tr", tag("th", study["title"], colspan=len(heads), scope="rowgroup")) if several else Markup()
        rows = [_attack_row(row, place, number) for number, row in enumerate(study["attacks"])]
        bodies.append(tag("tbody", name, *rows))
    return table(heads, bodies, class_="attacks sortable")


def _attack_row(row: Mapping[str, Any], study: int, number: int) -> Markup:
    return tag(
        "tr",
        tag("th", row["attack"], scope="row"),
        *(tag("td", row[key]) for key in ("norm", "eps")),
        tag("td", row["clean"], " ", tag("small", row["clean_span"]), data_value=row["clean"]),
        tag("td", tag("strong", row["robust"]), " ", tag("small", row["robust_span"]), data_value=row["robust"]),
        tag("td", bar(row["bar"]), class_="scale"),
        tag("td", row["distance"], class_="number"),
        *(tag("td", str(count), class_="count" if count else "count none") for count in row["verdicts"]),
        data_study=study,
        data_attack=number,
    )


def verdict_matrix(study: Mapping[str, Any], place: int) -> Markup:
    """The verdict strip: layers from left to right, attacks from top to bottom."""
    layers = [row["layer"] for row in study["numbers"][0]["rows"]]
    heads = [
        tag("td"),
        *(tag("th", tag("span", name), scope="col", data_layer=depth) for depth, name in enumerate(layers)),
    ]
    rows = [
        tag(
            "tr",
            tag("th", attack["title"], scope="row"),
            *(
                tag("td", *map(chip, row["letters"]), data_layer=depth, class_="both" if row["letters"][1:] else None)
                for depth, row in enumerate(attack["rows"])
            ),
            data_study=place,
            data_attack=number,
        )
        for number, attack in enumerate(study["numbers"])
    ]
    return table(heads, [tag("tbody", *rows)], class_="matrix", data_study=place)


def number_table(attack: Mapping[str, Any], study: int, number: int) -> Markup:
    """The numbers behind the verdicts of one attack."""
    names = {
        "clean": "clean", "noise": "noise", "attack": "attack", "drift": "drift, 95 %", "p": "p",
        "beyond": "beyond noise, 95 %", "bound": "upper / bound", "one_vs_two": "1 vs 2",
    }  # fmt: skip
    heads = [head("layer"), *(number_head(name) for name in names.values()), head("verdict")]
    rows = [
        tag(
            "tr",
            tag("th", row["layer"], scope="row"),
            *(tag("td", row[key]) for key in names),
            tag("td", *map(chip, row["letters"]), mark(row["note"]), data_value="".join(row["letters"])),
            id=f"n-{study}-{number}-{depth}",
            data_layer=depth,
        )
        for depth, row in enumerate(attack["rows"])
    ]
    notes = [tag("p", mark(note["mark"]), " ", note["text"], class_="note") for note in attack["notes"]]
    return join([table(heads, [tag("tbody", *rows)], class_="numbers sortable"), *notes])


def beginning_table(rows: Sequence[Mapping[str, str]], study: int) -> Markup:
    """Where each kind of damage begins."""
    names = ("attack", "eroding", "collapsing", "hijacked", "drift", "noise")
    heads = [
        *map(head, ("attack", "eroded from", "collapsed from", "hijacked from")),
        *(number_head(name) for name in ("mean drift", "under noise")),
    ]
    lines = [
        tag(
            "tr",
            tag("th", row["attack"], scope="row"),
            *(tag("td", row[key], class_="number" if key in names[4:] else None) for key in names[1:]),
            data_study=study,
            data_attack=number,
        )
        for number, row in enumerate(rows)
    ]
    return table(heads, [tag("tbody", *lines)], class_="sortable")


def half_life_table(lives: Mapping[str, Any]) -> Markup:
    """Half-lives: lines for layers, columns for attacks."""
    heads = [head("layer"), *map(head, lives["titles"])]
    rows = [
        tag(
            "tr",
            tag("th", row["layer"], scope="row"),
            *(tag("td", cell["text"], mark(cell["mark"]), data_value=cell["text"]) for cell in row["cells"]),
        )
        for row in lives["rows"]
    ]
    return table(heads, [tag("tbody", *rows)], class_="sortable")


def concept_table(concepts: Mapping[str, Any]) -> Markup:
    """2 vs 2 accuracy of the concepts that lost most."""
    heads = [
        *map(head, ("concept", "word")),
        *(number_head(name) for name in ("clean", *concepts["titles"])),
    ]
    rows = [
        tag(
            "tr",
            tag("th", row["concept"], scope="row"),
            tag("td", tag("em", row["word"])),
            tag("td", row["clean"], class_="number"),
            *(
                tag(
                    "td",
                    tag("strong", cell["text"]) if cell.get("lost") else cell["text"],
                    class_=f"number tint-{round(_TINTS * cell['tint'])}",
                )
                for cell in row["cells"]
            ),
        )
        for row in concepts["rows"]
    ]
    return table(heads, [tag("tbody", *rows)], class_="concepts sortable")


def word_table(rows: Sequence[Mapping[str, Any]]) -> Markup:
    """What became of each label."""
    heads = map(head, ("label", "words", "found"))
    lines = []
    for row in rows:
        strong = (lambda text: tag("strong", text)) if row["dropped"] else (lambda text: text)
        note = [tag("br"), tag("small", row["note"])] if row["note"] else []
        label = tag("th", strong(row["label"]), *note, scope="row")
        words = tag("td", tag("em", row["words"]) if row["words"] else "–")
        lines.append(tag("tr", label, words, tag("td", strong(row["step"]))))
    return table(heads, [tag("tbody", *lines)], class_="words sortable")


def audit_table(found: Mapping[str, Any]) -> Markup:
    """The checks of an audit that gave an answer."""
    heads = map(head, ("Code", "Check", "Verdict", "What was found"))
    rows = [
        tag(
            "tr",
            tag("th", row["code"], scope="row"),
            tag("td", row["title"]),
            tag("td", tag("span", row["verdict"], class_=f"found {row['verdict']}")),
            tag("td", row["summary"], *([" ", tag("em", row["remedy"])] if row["remedy"] else [])),
        )
        for row in found["rows"]
    ]
    return table(heads, [tag("tbody", *rows)], class_="audit sortable")


def provenance_table(pairs: Iterable[Mapping[str, Any]]) -> Markup:
    """Pairs of a name and lines of text."""
    return tag(
        "dl",
        *(join([tag("dt", pair["name"]), tag("dd", join(pair["lines"], Markup("<br>")))]) for pair in pairs),
    )
