"""The comparison as one HTML file: the words, tables and figures of its PDF, for a screen; the same bytes each time.

The file asks the network for nothing, runs no script, and its policy forbids it both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from advwindow.reports.figures.side_by_side import against_depth, drawn_budgets, front
from advwindow.reports.page import comparison_tables as tables
from advwindow.reports.page.compared import drawn, note, outcome
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
    told = data["told"]
    elsewhere = note(told["undrawn"]) if undrawn else Markup()
    beside = [
        part
        for kind, title in (("alignment", "Alignment with words"), ("drift", "Drift: what each layer loses"))
        for part in (tag("h3", title), *(drawn(each) for name, each in figures.items() if name.startswith(f"{kind}-")))
    ]
    survival = [tables.survival_table(shown) for shown in data["survival"]]
    found = [
        ("verdict", data["question"], outcome(data)),
        ("front", "Accuracy and robustness", drawn(figures["pareto"]) if "pareto" in figures else Markup()),
        ("survival", "Where meaning survives", join([*survival, note(told["survival"])])),
        ("depth", "Side by side", join([*beside, elsewhere])),
        ("pairs", "Differences between pairs", join(map(tables.pair_table, data["pairs"]))),
        ("kept", "What is left of each layer, pair by pair", join(map(tables.kept_table, data["kept"]))),
        ("cost", "Cost", join([tables.cost_table(data["cost"], told["cost"]), tables.attack_table(data["attacks"])])),
        ("audits", "Audits", tables.audit_table(data["audits"]) if data["audits"]["rows"] else Markup()),
        ("compared", "What was compared", _compared(data)),
    ]
    return [Section(key, title, body) for key, title, body in found if body]


def _compared(data: Mapping[str, Any]) -> Markup:
    runs = [
        part for run in data["provenance"] for part in (tag("h3", f"Run {run['name']}"), provenance_table(run["pairs"]))
    ]
    again = tag("pre", tag("code", "\n".join(data["again"])), tabindex=0)
    return join([tables.entry_table(data["entries"]), *runs, tag("h3", "To get these numbers again"), again])
