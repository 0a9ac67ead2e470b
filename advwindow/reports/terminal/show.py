"""A run on the terminal at a glance, or some of its layers and samples in full."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import polars as pl
from rich.text import Text

from advwindow.errors import UserError, did_you_mean
from advwindow.reports.reading.findings import at_layer, best_layer, fooled, headline
from advwindow.reports.reading.studies import read_studies
from advwindow.reports.style import MARKS
from advwindow.reports.terminal.console import (
    KEY,
    STYLES,
    fitting,
    natural_width,
    print_fitting,
    say,
    say_subject,
    table_of,
)
from advwindow.reports.terminal.details import print_layer, print_sample
from advwindow.reports.terminal.sparkline import sparkline, stretches, thinned
from advwindow.reports.text import count, number, percent, percent_span, printable, shorten, signed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from advwindow.reports.reading.studies import Attacked, Study
    from advwindow.reports.terminal.console import Row
    from advwindow.runs import RunDirectory

_TITLE_WIDTH = 28
#: Signs of a curve, at least.
_LEAST_CURVE = 12
#: The name and the curve.
_LEAST_COLUMNS = 2


def show_run(run: RunDirectory, console: Console, *, layers: Sequence[str] = (), samples: Sequence[str] = ()) -> None:
    """A run at a glance; with `layers` or `samples` these in full instead.

    Args:
        run: at least one cell must be finished.
        console: where to; its width decides what has room.
        layers: names or patterns such as ``"blocks.1*"``.
        samples: ids or patterns, or numbers from 0.

    Raises:
        IncompleteError: no cell is finished.
        UserError: nothing in the run has such a name.
    """
    studies = read_studies(run)
    chosen = [(study, _matching(study.names, layers, what="layer"), _samples(study, samples)) for study in studies]
    missing = run.missing()
    if missing:
        say(console, f"Incomplete: {len(missing)} of {count(len(run.specs), 'cell')} missing.", style="bold red")
    for study, names, places in chosen:
        _head(study, console)
        if not (layers or samples):
            _glance(study, console)
        for name in names:
            print_layer(study, name, console)
        for place in places:
            print_sample(study, place, console)


def _head(study: Study, console: Console) -> None:
    first = headline(study)
    say_subject(study.subject, console)
    clean = percent(first.summary["clean_accuracy"])
    interval = percent_span(first.summary["clean_low"], first.summary["clean_high"])
    say(
        console,
        f"{count(first.summary['images'], 'image')}, clean accuracy {clean} ({interval}); {first.tried} attacked; "
        f"{count(first.summary['concepts'], 'concept')}, {count(len(study.names), 'layer')}",
    )


def _glance(study: Study, console: Console) -> None:
    """A line for each condition: its curve over depth, with the verdicts below, and what it does."""
    curves = {attack.title: _alignments(attack, "attack") for attack in study.attacks}
    clean, noise = (_alignments(headline(study), condition) for condition in ("clean", "noise"))
    known = [value for curve in (clean, noise, *curves.values()) for value in curve if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    best = best_layer(headline(study))["layer"]

    def rows(width: int) -> list[Row]:
        return [
            _condition("clean", clean, low, high, width),
            *([_condition("noise of the same size", noise, low, high, width)] if noise else []),
            *(_attack(attack, curves[attack.title], low, high, width, best) for attack in study.attacks),
        ]

    full = len(study.names)
    width = _curve_width(rows, full, console)
    print_fitting(rows(width), console, least=_LEAST_COLUMNS)
    scale = f"Alignment with words from the first layer to the last, ▁ {number(low)} to █ {number(high)}"
    few = f", {count(len(study.names), 'layer')} in {width} signs" if width < full else ""
    say(console, f"{scale}{few}; left: at {printable(best)}, where clean images are aligned best.", style="dim")
    say(console, KEY, style="dim")


def _curve_width(rows: Callable[[int], list[Row]], full: int, console: Console) -> int:
    """Signs of the curves: all layers if columns have room beside them, else what is left beside those that have."""
    least = min(_LEAST_CURVE, full)
    if natural_width(table_of(rows(full)), console) <= console.width:
        return full
    columns = fitting(rows(least), console, least=_LEAST_COLUMNS)
    used = natural_width(table_of(rows(least), columns), console)
    return min(full, least + max(0, console.width - used))


def _condition(name: str, curve: list[float | None], low: float, high: float, width: int) -> Row:
    best = max((value for value in curve if value is not None), default=None) if name == "clean" else None
    told = {"left": number(best)} if name == "clean" else {}
    return {"": name, "alignment": sparkline(thinned(curve, width), low=low, high=high), **told}


def _attack(attack: Attacked, curve: list[float | None], low: float, high: float, width: int, best: str) -> Row:
    summary = attack.summary
    line = Text(sparkline(thinned(curve, width), low=low, high=high) + "\n")
    area = attack.conditions.filter(pl.col("condition") == "attack")["area"]
    return {
        "": shorten(attack.title, _TITLE_WIDTH),
        "alignment": line.append_text(_letters(attack, width)),
        "left": number(at_layer(attack, best, "attack")["alignment"]),
        "robust accuracy": f"{percent(attack.robust)} ({percent_span(summary['robust_low'], summary['robust_high'])})",
        "fooled": fooled(attack),
        "mean drift": signed(area[0] if len(area) else None),
    }


def _letters(attack: Attacked, width: int) -> Text:
    """The worst verdict of each stretch of layers."""
    rows = attack.rows().select("verdict", "hijacked").rows()
    verdicts = ["hijacked" if hijacked else str(verdict) for verdict, hijacked in rows]
    line = Text()
    for start, end in stretches(len(verdicts), width):
        worst = max(verdicts[start:end], key=list(STYLES).index)
        line.append(MARKS[worst].letter, style=STYLES[worst])
    return line


def _samples(study: Study, wanted: Sequence[str]) -> list[int]:
    """Rows of the table of samples."""
    ids = [str(name) for name in headline(study).samples["sample_id"]]
    numbers = [
        ids[int(each)] if each.isdecimal() and int(each) < len(ids) and each not in ids else each for each in wanted
    ]
    return [ids.index(name) for name in _matching(ids, numbers, what="sample")]


def _matching(names: Sequence[str], wanted: Sequence[str], *, what: str) -> list[str]:
    """Names that are wanted by name or pattern, in their own order."""
    for pattern in wanted:
        if pattern not in names and not any(fnmatchcase(name, pattern) for name in names):
            raise UserError(f"no such {what} in this run", got=pattern, fix=did_you_mean(pattern, names))
    return [name for name in names if any(name == each or fnmatchcase(name, each) for each in wanted)]


def _alignments(attack: Attacked, condition: str) -> list[float | None]:
    return [None if value is None else float(value) for value in attack.rows(condition)["alignment"]]
