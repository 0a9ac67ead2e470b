"""The tables of a report as HTML, from the rows that the PDF sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from advwindow.reports.page.markup import Markup, join, tag
from advwindow.reports.style import MARKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: Steps of a tint.
_TINTS = 10
_VERDICT_OF = {mark.letter: verdict for verdict, mark in MARKS.items()}


def chip(letter: str) -> Markup:
    """A verdict as a letter on its colour."""
    verdict = _VERDICT_OF[letter]
    return tag("abbr", letter, class_=f"chip {verdict}", title=verdict)


def _explained(letter: str) -> Markup:
    """The same with its meaning, for headings: in every cell it would take too much room."""
    verdict = _VERDICT_OF[letter]
    return tag("abbr", letter, class_=f"chip {verdict}", title=f"{verdict}: {MARKS[verdict].meaning}")


def attack_table(studies: Sequence[Mapping[str, Any]], *, several: bool) -> Markup:
    """Accuracies, distances and counts of verdicts, one line per attack, of all studies."""
    heads = [
        *map(_head, ("attack", "norm", "ε", "clean accuracy", "robust accuracy")),
        tag("th", tag("span", "0 %"), tag("span", "100 %"), class_="scale", scope="col", aria_label="robust accuracy"),
        _head("median distance", class_="number"),
        *(
            tag("th", _explained(mark.letter), scope="col", class_="count", data_sort="number")
            for mark in MARKS.values()
        ),
        _head("noise", class_="count"),
    ]
    bodies = []
    for place, study in enumerate(studies):
        name = tag("tr", tag("th", study["title"], colspan=len(heads), scope="rowgroup")) if several else Markup()
        rows = [_attack_row(row, place, number) for number, row in enumerate(study["attacks"])]
        bodies.append(tag("tbody", name, *rows))
    return _table(heads, bodies, class_="attacks sortable")


def _attack_row(row: Mapping[str, Any], study: int, number: int) -> Markup:
    return tag(
        "tr",
        tag("th", row["attack"], scope="row"),
        *(tag("td", row[key]) for key in ("norm", "eps")),
        tag("td", row["clean"], " ", tag("small", row["clean_span"]), data_value=row["clean"]),
        tag("td", tag("strong", row["robust"]), " ", tag("small", row["robust_span"]), data_value=row["robust"]),
        tag("td", _bar(row["bar"]), class_="scale"),
        tag("td", row["distance"], class_="number"),
        *(tag("td", str(count), class_="count" if count else "count none") for count in row["verdicts"]),
        data_study=study,
        data_attack=number,
    )


def _bar(values: Sequence[float]) -> Markup:
    """A share with its interval on a scale from nothing to everything."""
    low, middle, high = (round(100 * value, 2) for value in values)
    return tag(
        "svg",
        tag("line", x1=0, x2=100, y1=5, y2=5, class_="rail"),
        tag("line", x1=low, x2=high, y1=5, y2=5, class_="interval"),
        tag("circle", cx=middle, cy=5, r=4),
        viewBox="-5 0 110 10",
        class_="bar",
        aria_hidden="true",
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
    return _table(heads, [tag("tbody", *rows)], class_="matrix", data_study=place)


def number_table(attack: Mapping[str, Any], study: int, number: int) -> Markup:
    """The numbers behind the verdicts of one attack."""
    names = {
        "clean": "clean", "noise": "noise", "attack": "attack", "drift": "drift, 95 %", "p": "p",
        "beyond": "beyond noise, 95 %", "bound": "upper / bound", "one_vs_two": "1 vs 2",
    }  # fmt: skip
    heads = [_head("layer"), *(_head(name, class_="number") for name in names.values()), _head("verdict")]
    rows = [
        tag(
            "tr",
            tag("th", row["layer"], scope="row"),
            *(tag("td", row[key]) for key in names),
            tag("td", *map(chip, row["letters"]), _mark(row["note"]), data_value="".join(row["letters"])),
            id=f"n-{study}-{number}-{depth}",
            data_layer=depth,
        )
        for depth, row in enumerate(attack["rows"])
    ]
    notes = [tag("p", _mark(note["mark"]), " ", note["text"], class_="note") for note in attack["notes"]]
    return join([_table(heads, [tag("tbody", *rows)], class_="numbers sortable"), *notes])


def beginning_table(rows: Sequence[Mapping[str, str]], study: int) -> Markup:
    """Where each kind of damage begins."""
    names = ("attack", "eroding", "collapsing", "hijacked", "drift", "noise")
    heads = [
        *map(_head, ("attack", "eroded from", "collapsed from", "hijacked from")),
        *(_head(name, class_="number") for name in ("mean drift", "under noise")),
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
    return _table(heads, [tag("tbody", *lines)], class_="sortable")


def half_life_table(lives: Mapping[str, Any]) -> Markup:
    """Half-lives: lines for layers, columns for attacks."""
    heads = [_head("layer"), *map(_head, lives["titles"])]
    rows = [
        tag(
            "tr",
            tag("th", row["layer"], scope="row"),
            *(tag("td", cell["text"], _mark(cell["mark"]), data_value=cell["text"]) for cell in row["cells"]),
        )
        for row in lives["rows"]
    ]
    return _table(heads, [tag("tbody", *rows)], class_="sortable")


def trace_table(trace: Mapping[str, Any], pictures: Mapping[str, str]) -> Markup:
    """What each layer says of the example images."""
    images = [
        tag(
            "th",
            _clean(shown, pictures),
            tag("strong", shown["label"]),
            tag("br"),
            tag("small", "attacked: ", shown["prediction"]),
            colspan=2,
            scope="colgroup",
        )
        for shown in trace["images"]
    ]
    heads = [_head("layer"), *(_head(name) for _ in trace["images"] for name in ("clean", trace["attack"]))]
    rows = [tag("tr", tag("th", row["layer"], scope="row"), *map(_said, row["cells"])) for row in trace["rows"]]
    head = tag("thead", tag("tr", tag("td"), *images), tag("tr", *heads))
    return _scroller(tag("table", head, tag("tbody", *rows), class_="trace"))


def _clean(shown: Mapping[str, str], pictures: Mapping[str, str]) -> Markup:
    if not shown["picture"]:
        return Markup()
    return tag("img", src=pictures[shown["picture"]], alt=f"Clean image: {shown['label']}")


def _said(cell: Mapping[str, Any]) -> Markup:
    word = tag("strong", cell["word"]) if cell["true"] else cell["word"]
    return tag("td", word, " ", tag("small", cell["rank"]))


def concept_table(concepts: Mapping[str, Any]) -> Markup:
    """2 vs 2 accuracy of the concepts that lost most."""
    heads = [
        *map(_head, ("concept", "word")),
        *(_head(name, class_="number") for name in ("clean", *concepts["titles"])),
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
    return _table(heads, [tag("tbody", *rows)], class_="concepts sortable")


def word_table(rows: Sequence[Mapping[str, Any]]) -> Markup:
    """What became of each label."""
    heads = map(_head, ("label", "words", "found"))
    lines = []
    for row in rows:
        strong = (lambda text: tag("strong", text)) if row["dropped"] else (lambda text: text)
        note = [tag("br"), tag("small", row["note"])] if row["note"] else []
        label = tag("th", strong(row["label"]), *note, scope="row")
        words = tag("td", tag("em", row["words"]) if row["words"] else "–")
        lines.append(tag("tr", label, words, tag("td", strong(row["step"]))))
    return _table(heads, [tag("tbody", *lines)], class_="words sortable")


def audit_table(found: Mapping[str, Any]) -> Markup:
    """The checks of an audit that gave an answer."""
    heads = map(_head, ("Code", "Check", "Verdict", "What was found"))
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
    return _table(heads, [tag("tbody", *rows)], class_="audit sortable")


def gallery(shown: Mapping[str, Any], pictures: Mapping[str, str]) -> Markup:
    """Example images: clean, attacked, and what was changed."""
    heads = [_head("clean"), *(_head(name) for title in shown["titles"] for name in (title, "difference"))]
    rows = []
    for row in shown["rows"]:
        cells = [_picture(pictures[row["clean"]], f"Clean image: {row['name']}", tag("strong", row["name"]))]
        for title, attacked in zip(shown["titles"], row["attacked"], strict=True):
            name, factor = attacked["name"], attacked["factor"]
            seen, changed = (pictures[file] for file in attacked["files"])
            cells += [
                _picture(seen, f"The same image under {title}, classified as {name}", name),
                _picture(changed, f"What {title} changed, amplified {factor}", tag("small", factor)),
            ]
        rows.append(tag("tr", *cells))
    return _table(heads, [tag("tbody", *rows)], class_="gallery")


def _picture(source: str, alt: str, label: str) -> Markup:
    return tag("td", tag("img", src=source, alt=alt), tag("span", label))


def provenance_table(pairs: Iterable[Mapping[str, Any]]) -> Markup:
    """Pairs of a name and lines of text."""
    return tag(
        "dl",
        *(join([tag("dt", pair["name"]), tag("dd", join(pair["lines"], Markup("<br>")))]) for pair in pairs),
    )


def _table(heads: Iterable[str], bodies: Iterable[str], **attributes: str | float | None) -> Markup:
    return _scroller(tag("table", tag("thead", tag("tr", *heads)), *bodies, **attributes))


def _scroller(table: Markup) -> Markup:
    """Wide tables move inside the page; those who use a keyboard can reach them."""
    return tag("div", table, class_="scroller", tabindex=0)


def _head(name: str, **attributes: str | None) -> Markup:
    return tag("th", name, scope="col", **attributes)


def _mark(text: str) -> Markup:
    return tag("sup", text) if text else Markup()
