"""What is shown of single images as HTML: the gallery, and what each layer says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from advwindow.reports.page.cells import head, scroller, table
from advwindow.reports.page.markup import Markup, tag

if TYPE_CHECKING:
    from collections.abc import Mapping


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
    heads = [head("layer"), *(head(name) for _ in trace["images"] for name in ("clean", trace["attack"]))]
    rows = [tag("tr", tag("th", row["layer"], scope="row"), *map(_said, row["cells"])) for row in trace["rows"]]
    top = tag("thead", tag("tr", tag("td"), *images), tag("tr", *heads))
    return scroller(tag("table", top, tag("tbody", *rows), class_="trace"))


def _clean(shown: Mapping[str, str], pictures: Mapping[str, str]) -> Markup:
    if not shown["picture"]:
        return Markup()
    return tag("img", src=pictures[shown["picture"]], alt=f"Clean image: {shown['label']}")


def _said(cell: Mapping[str, Any]) -> Markup:
    word = tag("strong", cell["word"]) if cell["true"] else cell["word"]
    return tag("td", word, " ", tag("small", cell["rank"]))


def gallery(shown: Mapping[str, Any], pictures: Mapping[str, str]) -> Markup:
    """Example images: clean, attacked, and what was changed."""
    heads = [head("clean"), *(head(name) for title in shown["titles"] for name in (title, "difference"))]
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
    return table(heads, [tag("tbody", *rows)], class_="gallery")


def _picture(source: str, alt: str, label: str) -> Markup:
    return tag("td", tag("img", src=source, alt=alt), tag("span", label))
