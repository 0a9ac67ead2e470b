"""The tables of a comparison as HTML, from the rows that its PDF sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from advwindow.reports.page.cells import bar, chip, count_head, figure, head, number_head, table
from advwindow.reports.page.markup import Markup, coded, join, tag
from advwindow.reports.style import MARKS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_KINDS = ("clean", "oblivious", "adaptive", "black-box", "worst per image")
_TINTS = 10
_FOUND = {verdict: f"found {verdict}" for verdict in ("pass", "warn", "fail", "skipped")}


def matrix_table(shown: Mapping[str, Any], *, several: bool) -> Markup:
    """Every entry at one budget, the best first."""
    rank = [head("rank")] if several else []
    chips = [tag("th", chip(mark.letter), scope="col", class_="count") for mark in MARKS.values()]
    heads = [
        *rank,
        head("entry"),
        *(head(f"{kind} %") for kind in _KINDS),
        *chips,
        count_head("kept %"),
        count_head("audit"),
    ]
    rows = [
        tag(
            "tr",
            *([tag("td", row["rank"], " ", tag("small", row["rank_span"]))] if several else []),
            _entry(row["number"], row["name"]),
            *(_share(values, worst=place == len(_KINDS) - 1) for place, values in enumerate(row["shares"])),
            *(tag("td", str(count), class_="count" if count else "count none") for count in row["verdicts"]),
            tag("td", row["kept"], class_="count"),
            tag("td", tag("span", row["audit"], class_=_FOUND.get(row["audit"])), class_="count"),
        )
        for row in shown["rows"]
    ]
    return join([tag("h3", shown["budget"]), table(heads, [tag("tbody", *rows)], class_="standing")])


def survival_table(shown: Mapping[str, Any]) -> Markup:
    """Verdict and rest of every layer, at one budget."""
    heads = [tag("td"), *(tag("th", tag("span", name), scope="col") for name in shown["layers"])]
    rows = [
        tag(
            "tr",
            _entry(row["number"], row["name"]),
            *(tag("td", *map(chip, cell["letters"]), tag("small", cell["text"])) for cell in row["cells"]),
        )
        for row in shown["rows"]
    ]
    return join([tag("h3", shown["budget"]), table(heads, [tag("tbody", *rows)], class_="matrix survival")])


def pair_table(shown: Mapping[str, Any]) -> Markup:
    """Differences of robust accuracy at one budget."""
    heads = [
        *map(head, ("first", "second")), number_head("first − second, points"), head("second better | first better"),
        count_head("only first : second"), *map(number_head, ("p", "p, Holm")), count_head("better"),
    ]  # fmt: skip
    rows = []
    for row in shown["rows"]:
        certain = " certain" if row["significant"] else ""
        rows.append(
            tag(
                "tr",
                *(_entry(number, name) for number, name in zip(row["numbers"], row["names"], strict=True)),
                tag("td", tag("strong", row["difference"]), " ", tag("small", row["span"]), class_="number"),
                tag("td", bar([(value + 1) / 2 for value in row["bar"]], zero=True), class_="difference"),
                tag("td", " : ".join(row["only"]), class_="count"),
                tag("td", row["p"], class_="number"),
                tag("td", row["p_holm"], class_=f"number{certain}"),
                tag("td", row["better"], class_=f"count{certain}"),
            )
        )
    return join(
        [
            tag("h3", f"Robust accuracy, {shown['budget']}"),
            figure(table(heads, [tag("tbody", *rows)], class_="pairs"), coded(shown["caption"])),
        ]
    )


def kept_table(shown: Mapping[str, Any]) -> Markup:
    """Differences of what is left of each layer, at one budget."""
    heads = [head("pair"), *map(count_head, shown["layers"])]
    rows = [
        tag(
            "tr",
            tag("th", tag("strong", " − ".join(row["numbers"])), scope="row", title=" − ".join(row["names"])),
            *(tag("td", cell["text"], class_=_tint(cell["tint"])) for cell in row["cells"]),
        )
        for row in shown["rows"]
    ]
    return join(
        [
            tag("h3", shown["budget"]),
            figure(table(heads, [tag("tbody", *rows)], class_="kept"), coded(shown["caption"])),
        ]
    )


def cost_table(rows: Sequence[Mapping[str, str]], caption: str) -> Markup:
    """What each entry's attacks cost."""
    names = ("attacks", "draws", "seconds", "forwards", "backwards")
    heads = [*map(head, ("entry", "budget")), *map(number_head, ("attacks", "draws", "seconds", "passes", "gradients"))]
    lines = [
        tag(
            "tr",
            _entry(row["number"], row["name"]),
            tag("td", row["budget"]),
            *(tag("td", row[name], class_="number") for name in names),
        )
        for row in rows
    ]
    return figure(table(heads, [tag("tbody", *lines)]), coded(caption))


def attack_table(shown: Mapping[str, Any]) -> Markup:
    """What each attack alone leaves, and what it cost."""
    names = ("broken", "only", "seconds", "backwards")
    heads = [
        *map(head, ("entry", "budget", "attack", "access")),
        *map(number_head, ("robust %", "broken", "by it alone", "seconds", "gradients")),
    ]
    lines = [
        tag(
            "tr",
            _entry(row["number"], row["name"]),
            *(tag("td", row[name]) for name in ("budget", "attack", "access")),
            tag("td", row["robust"], " ", tag("small", row["span"]), class_="number"),
            *(tag("td", row[name], class_="number") for name in names),
        )
        for row in shown["rows"]
    ]
    return figure(table(heads, [tag("tbody", *lines)]), coded(shown["caption"]))


def audit_table(shown: Mapping[str, Any]) -> Markup:
    """What audits found, entry by entry."""
    heads = map(head, ("entry", "attack", "verdict", "what warned or failed"))
    lines = [
        tag(
            "tr",
            _entry(row["number"], row["name"]),
            tag("td", row["attack"], " ", tag("small", row["about"])),
            tag("td", tag("span", row["verdict"], class_=_FOUND[row["verdict"]])),
            tag("td", *map(_fired, row["fired"])) if row["fired"] else tag("td", f"none of {row['asked']}"),
        )
        for row in shown["rows"]
    ]
    return figure(table(heads, [tag("tbody", *lines)], class_="audit"), coded(shown["caption"]))


def entry_table(rows: Sequence[Mapping[str, str]]) -> Markup:
    """What the numbers stand for, in full."""
    names = ("defense", "cells", "seeds", "draws", "run")
    heads = [*map(head, ("", "model", "defence", "cells", "seeds", "draws", "run"))]
    lines = [
        tag(
            "tr",
            tag("th", tag("strong", row["number"]), scope="row"),
            tag("td", row["model"], tag("br"), tag("small", f"sha256 {row['hash']}")),
            *(tag("td", row[name]) for name in names),
        )
        for row in rows
    ]
    return table(heads, [tag("tbody", *lines)])


def _fired(each: Mapping[str, str]) -> Markup:
    return tag("p", tag("strong", each["code"]), f" {each['verdict']}: {each['summary']} ", tag("em", each["remedy"]))


def _entry(number: str, name: str) -> Markup:
    return tag("th", tag("b", number), name, scope="row", class_="entry")


def _share(values: Mapping[str, Any] | None, *, worst: bool) -> Markup:
    kind = "share worst" if worst else "share"
    if values is None:
        return tag("td", "–", class_=f"{kind} none")
    if not worst:
        return tag("td", values["text"], bar(values["bar"]), class_=kind, title=values["span"])
    return tag("td", tag("strong", values["text"]), " ", tag("small", values["span"]), bar(values["bar"]), class_=kind)


def _tint(tint: float) -> str | None:
    step = round(_TINTS * abs(tint))
    return f"{'plus' if tint > 0 else 'tint'}-{step}" if step else None
