"""What a comparison comes to, as HTML: its answer, warnings, standing at each budget, and drawings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from advwindow.reports.page.cells import caution
from advwindow.reports.page.comparison_tables import matrix_table
from advwindow.reports.page.drawing import draw
from advwindow.reports.page.markup import Markup, coded, join, tag

if TYPE_CHECKING:
    from collections.abc import Mapping

    from advwindow.reports.figures.illustration import Illustration


def outcome(data: Mapping[str, Any]) -> Markup:
    """The answer with what limits it, warnings, certificates, and the standing at every budget."""
    answer = tag(
        "div",
        tag("p", " ".join(data["answer"]), class_="answer"),
        tag("p", f"{data['facts']}.", class_="note"),
        caution(data["notes"]),
        class_="answers",
    )
    warned = tag(
        "div",
        tag("p", tag("strong", "Warnings")),
        *(tag("p", sentence) for sentence in data["callouts"]),
        class_="warnings",
    )
    certified = [tag("p", sentence) for sentence in data["certificates"]]
    matrices = [matrix_table(shown, several=data["several"]) for shown in data["matrix"]]
    warnings = [warned] if data["callouts"] else []
    return join([answer, *warnings, *certified, *matrices, note(data["told"]["matrix"])])


def note(told: str) -> Markup:
    """What is said once about several tables."""
    return tag("p", coded(told), class_="note")


def drawn(illustration: Illustration, *, prefix: str = "") -> Markup:
    """A figure as drawings of its panels, with its caption and the words for those who do not see it.

    Args:
        illustration: what to draw.
        prefix: of the ids, where a page has several figures of that name.
    """
    name = f"{prefix}{illustration.name}"
    pieces = [draw(figure, prefix=f"{name}-{place}") for place, figure in enumerate(illustration.pieces)]
    panels = [panel for piece in pieces for panel in piece.panels]
    keys = [tag("li", swatch, tag("span", text)) for swatch, text in pieces[0].keys]
    views = [
        tag("div", tag("svg", panel.svg, viewBox=" ".join(map(str, panel.view)), class_="panel"), class_="view")
        for panel in panels
    ]
    key = f"alt-{name}"
    return tag(
        "figure",
        tag("ul", *keys, class_="keys"),
        tag("div", *views, class_=f"panels {illustration.name}", role="group", aria_describedby=key),
        tag("figcaption", illustration.words.caption),
        tag("p", illustration.words.alt, id=key, class_="unseen"),
    )
