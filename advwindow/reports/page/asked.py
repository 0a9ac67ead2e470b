"""What a reader can ask a figure for: the numbers under the pointer, as the tables write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from advwindow.reports.figures.references import shown_references
from advwindow.reports.reading.findings import headline
from advwindow.reports.text import number, p_value, percent, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from advwindow.reports.reading.studies import Attacked, Study

#: Names of the columns of an attack's rows; all but those of the 2 vs 2 test stand in the tables, too.
COLUMNS = (
    "clean", "noise", "attack", "drift, 95 %", "p of the drift", "beyond noise, 95 %", "upper / bound", "1 vs 2",
    "verdict", "2 vs 2 clean", "2 vs 2 noise", "2 vs 2 attack", "p above chance, attack",
)  # fmt: skip

#: Which of the columns each figure tells; others tell them all.
FIGURES = {
    "alignment": (0, 1, 2, 3, 4, 8),
    "headline": (0, 1, 2, 3, 4, 8),
    "two-vs-two": (9, 10, 11, 12),
    "drift": (3, 4, 8),
    "beyond-noise": (5, 3, 8),
    "one-vs-two": (7, 8),
    "verdicts": (8, 0, 1, 2, 3, 4, 5, 6, 7),
}
_ROW = ("clean", "noise", "attack", "drift", "p", "beyond", "bound", "one_vs_two")


def asked(study: Study, told: Mapping[str, Any]) -> dict[str, Any]:
    """The answers for one study, by attack and layer.

    Args:
        study: whose.
        told: what `advwindow.reports.reading.content.about` says of it.
    """
    return {
        "layers": [printable(name) for name in study.names],
        "attacks": [attack.title for attack in study.attacks],
        "headline": study.attacks.index(headline(study)),
        "rows": [
            [_row(row, *more) for row, more in zip(table["rows"], _matched(attack), strict=True)]
            for attack, table in zip(study.attacks, told["numbers"], strict=True)
        ],
        "references": _references(study) if "references" in told["figures"] else [],
    }


def _row(row: Mapping[str, Any], *more: str) -> list[str]:
    verdict = " ".join(row["letters"])
    return [*(row[key] for key in _ROW), verdict, *more]


def _matched(attack: Attacked) -> Iterable[tuple[str, ...]]:
    """2 vs 2 accuracies of each layer under the three conditions, and the test under attack."""
    clean, noise, under = (_percents(attack, condition) for condition in ("clean", "noise", "attack"))
    tested = [p_value(value) for value in attack.rows()["two_vs_two_p_adjusted"].to_list()]
    return zip(clean, noise or [number(None)] * len(clean), under, tested, strict=True)


def _percents(attack: Attacked, condition: str) -> list[str]:
    shares = attack.rows(condition)["two_vs_two"].to_list()
    return [number(None) if share is None else percent(share) for share in shares]


def _references(study: Study) -> list[list[list[list[str]]]]:
    """Pairs of a reference and its alignment, by panel (clean, attack) and layer."""
    table = headline(study).references
    shown = list(shown_references(table))
    panels = []
    for condition in ("clean", "attack"):
        rows = table.filter((pl.col("condition") == condition) & pl.col("reference").is_in(shown))
        known = {
            (layer, name): value for layer, name, value in rows.select("layer", "reference", "alignment").iter_rows()
        }
        panels.append(
            [[[printable(name), number(known.get((layer, name)))] for name in shown] for layer in study.names]
        )
    return panels
