"""What the tables of all pages are made of: chips, bars, headings, frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advwindow.reports.page.markup import Markup, join, tag
from advwindow.reports.style import MARKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_VERDICT_OF = {mark.letter: verdict for verdict, mark in MARKS.items()}


def chip(letter: str) -> Markup:
    """A verdict as a letter on its colour."""
    verdict = _VERDICT_OF[letter]
    return tag("abbr", letter, class_=f"chip {verdict}", title=verdict)


def explained(letter: str) -> Markup:
    """The same with its meaning, for headings: in every cell it would take too much room."""
    verdict = _VERDICT_OF[letter]
    return tag("abbr", letter, class_=f"chip {verdict}", title=f"{verdict}: {MARKS[verdict].meaning}")


def bar(values: Sequence[float], *, zero: bool = False) -> Markup:
    """A share with its interval on a scale from nothing to everything; `zero` marks the middle of a difference."""
    low, middle, high = (round(100 * value, 2) for value in values)
    return tag(
        "svg",
        tag("line", x1=0, x2=100, y1=5, y2=5, class_="rail"),
        tag("line", x1=50, x2=50, y1=0, y2=10, class_="zero") if zero else Markup(),
        tag("line", x1=low, x2=high, y1=5, y2=5, class_="interval"),
        tag("circle", cx=middle, cy=5, r=4),
        viewBox="-5 0 110 10",
        class_="bar",
        aria_hidden="true",
    )


def table(heads: Iterable[str], bodies: Iterable[str], **attributes: str | float | None) -> Markup:
    """A table of headings and `tbody` elements."""
    return scroller(tag("table", tag("thead", tag("tr", *heads)), *bodies, **attributes))


def scroller(table: Markup) -> Markup:
    """Wide tables move inside the page; those who use a keyboard can reach them."""
    return tag("div", table, class_="scroller", tabindex=0)


def head(name: str, **attributes: str | None) -> Markup:
    """The heading of a column."""
    return tag("th", name, scope="col", **attributes)


def number_head(name: str) -> Markup:
    """The heading of a column of numbers."""
    return head(name, class_="number")


def count_head(name: str) -> Markup:
    """The heading of a column of counts."""
    return head(name, class_="count")


def mark(text: str) -> Markup:
    """A raised mark of a remark, or nothing."""
    return tag("sup", text) if text else Markup()


def figure(body: Markup, *caption: str) -> Markup:
    """A table or drawing with what is said about it."""
    told = join(caption)
    return tag("figure", body, tag("figcaption", told)) if told else tag("figure", body)


def caution(sentences: Sequence[str]) -> Markup:
    """What limits what a page can say; nothing where nothing does."""
    return tag("p", tag("strong", "Keep in mind. "), " ".join(sentences), class_="note") if sentences else Markup()
