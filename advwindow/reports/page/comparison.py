"""The comparison as one HTML file: the words, tables and figures of its PDF, for a screen; the same bytes each time.

The file asks the network for nothing, runs no script, and its policy forbids it both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from advwindow.reports.figures.side_by_side import against_depth, drawn_budgets, front
from advwindow.reports.page import comparison_tables as tables
from advwindow.reports.page.cells import caution
from advwindow.reports.page.drawing import draw
from advwindow.reports.page.markup import Markup, join, tag
from advwindow.reports.page.sheet import Section, sheet
from advwindow.reports.page.tables import provenance_table
from advwindow.reports.reading.comparison import whole
from advwindow.runs import write_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from advwindow.comparison import Comparison
    from advwindow.reports.figures.illustration import Illustration

_UNDRAWN = "Only the budget that tells entries apart best is drawn; layers.csv holds all."


def write_comparison_html(comparison: Comparison, path: Path) -> Path:
    """Write a comparison as one page that needs no other file and no network.

    Args:
        comparison: the whole.
        path: where to; its folder is made.

    Raises:
        UserError: the path cannot be written.
    """
    data = whole(comparison)
    figures = {shown.name: shown for shown in (*front(comparison), *against_depth(comparison))}
    undrawn = len(drawn_budgets(comparison)) < len(comparison.budgets)
    sections = _sections(data, figures, undrawn=undrawn)
    page = sheet(data, sections, kind="advwindow comparison", styles=["page.css", "comparison.css"])
    write_bytes(path, page.encode())
    return path


def _sections(data: Mapping[str, Any], figures: Mapping[str, Illustration], *, undrawn: bool) -> list[Section]:
    """Those that there is something to say in."""
    note = tag("p", _UNDRAWN, class_="note") if undrawn else Markup()
    beside = [
        part
        for kind, title in (("alignment", "Alignment with words"), ("drift", "Drift: what each layer loses"))
        for part in (tag("h3", title), *(_drawn(each) for name, each in figures.items() if name.startswith(f"{kind}-")))
    ]
    survival = [tables.survival_table(shown) for shown in data["survival"]]
    found = [
        ("verdict", data["question"], _verdict(data)),
        ("front", "Accuracy and robustness", _drawn(figures["pareto"]) if "pareto" in figures else Markup()),
        ("survival", "Where meaning survives", join([*survival, tables.caption("survival")])),
        ("depth", "Side by side", join([*beside, note])),
        ("pairs", "Differences between pairs", join(map(tables.pair_table, data["pairs"]))),
        ("kept", "What is left of each layer, pair by pair", join(map(tables.kept_table, data["kept"]))),
        ("cost", "Cost", join([tables.cost_table(data["cost"]), tables.attack_table(data["attacks"])])),
        ("audits", "Audits", tables.audit_table(data["audits"]) if data["audits"]["rows"] else Markup()),
        ("compared", "What was compared", _compared(data)),
    ]
    return [Section(key, title, body) for key, title, body in found if body]


def _verdict(data: Mapping[str, Any]) -> Markup:
    answer = tag(
        "div",
        tag("p", " ".join(data["answer"]), class_="answer"),
        tag("p", f"{data['facts']}.", class_="note"),
        caution(data["notes"]),
        class_="answers",
    )
    warnings = (
        tag(
            "div",
            tag("p", tag("strong", "Warnings")),
            *(tag("p", sentence) for sentence in data["callouts"]),
            class_="warnings",
        )
        if data["callouts"]
        else Markup()
    )
    certified = [tag("p", sentence) for sentence in data["certificates"]]
    matrices = [tables.matrix_table(shown, several=data["several"]) for shown in data["matrix"]]
    return join([answer, warnings, *certified, *matrices, tables.caption("matrix")])


def _compared(data: Mapping[str, Any]) -> Markup:
    runs = [
        part for run in data["provenance"] for part in (tag("h3", f"Run {run['name']}"), provenance_table(run["pairs"]))
    ]
    again = tag("pre", tag("code", "\n".join(data["again"])), tabindex=0)
    return join([tables.entry_table(data["entries"]), *runs, tag("h3", "To get these numbers again"), again])


def _drawn(illustration: Illustration) -> Markup:
    """A figure as drawings of its panels, with its caption and the words for those who do not see it."""
    pieces = [draw(figure, prefix=f"{illustration.name}-{place}") for place, figure in enumerate(illustration.pieces)]
    panels = [panel for piece in pieces for panel in piece.panels]
    keys = [tag("li", swatch, tag("span", text)) for swatch, text in pieces[0].keys]
    views = [
        tag("div", tag("svg", panel.svg, viewBox=" ".join(map(str, panel.view)), class_="panel"), class_="view")
        for panel in panels
    ]
    key = f"alt-{illustration.name}"
    return tag(
        "figure",
        tag("ul", *keys, class_="keys"),
        tag("div", *views, class_=f"panels {illustration.name}", role="group", aria_describedby=key),
        tag("figcaption", illustration.words.caption),
        tag("p", illustration.words.alt, id=key, class_="unseen"),
    )
