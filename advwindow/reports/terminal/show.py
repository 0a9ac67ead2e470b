"""A run on the terminal at a glance, or some of its layers and samples in full."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import polars as pl
from rich import box
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from advwindow.errors import UserError, did_you_mean
from advwindow.reports.reading.depth import evenly
from advwindow.reports.reading.findings import at_layer, best_layer, headline
from advwindow.reports.reading.studies import read_studies
from advwindow.reports.reading.trace import read_trace, traced_images
from advwindow.reports.style import MARKS
from advwindow.reports.terminal.sparkline import sparkline, stretches, thinned
from advwindow.reports.text import (
    count,
    distance,
    number,
    p_value,
    percent,
    percent_span,
    printable,
    shorten,
    signed,
    span,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from advwindow.reports.reading.studies import Attacked, Study
    from advwindow.runs import RunDirectory

#: From best to worst.
_STYLES = {"unanchored": "dim", "intact": "", "eroded": "yellow", "collapsed": "bold red", "hijacked": "magenta"}
_TITLE_WIDTH, _LABEL_WIDTH, _WORD_WIDTH = 28, 32, 16
#: Signs of a curve, at least.
_LEAST_CURVE = 12
#: Width at which no table needs to shrink.
_ENDLESS = 10_000
_STATUS = {"success": "fooled", "failed": "withstood", "skipped_misclassified": "wrong when clean"}
_Row = dict[str, Text | str]


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
        _say(console, f"Incomplete: {len(missing)} of {count(len(run.specs), 'cell')} missing.", style="bold red")
    for study, names, places in chosen:
        _head(study, console)
        if not (layers or samples):
            _glance(study, console)
        for name in names:
            _layer(study, name, console)
        for place in places:
            _sample(study, place, console)


def _head(study: Study, console: Console) -> None:
    subject, first = study.subject, headline(study)
    console.print()
    told = f"{subject.model} · {subject.images} · {subject.words} · seed {subject.seed}"
    _say(console, printable(told), style="bold")
    clean = percent(first.summary["clean_accuracy"])
    interval = percent_span(first.summary["clean_low"], first.summary["clean_high"])
    _say(
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

    def rows(width: int) -> list[_Row]:
        return [
            _condition("clean", clean, low, high, width),
            *([_condition("noise of the same size", noise, low, high, width)] if noise else []),
            *(_attack(attack, curves[attack.title], low, high, width, best) for attack in study.attacks),
        ]

    full = len(study.names)
    beyond = _width(_fitting(rows(full), console, least=_ENDLESS), console) - console.width
    width = max(min(_LEAST_CURVE, full), full - max(0, beyond))
    table = _fitting(rows(width), console, least=2)
    console.print(table)
    scale = f"Alignment with words from the first layer to the last, ▁ {number(low)} to █ {number(high)}"
    few = f", {count(len(study.names), 'layer')} in {width} signs" if width < full else ""
    _say(console, f"{scale}{few}; left: at {printable(best)}, where clean images are aligned best.", style="dim")
    _say(console, "  ".join(f"{mark.letter} {verdict}" for verdict, mark in MARKS.items()), style="dim")


def _condition(name: str, curve: list[float | None], low: float, high: float, width: int) -> _Row:
    best = max((value for value in curve if value is not None), default=None) if name == "clean" else None
    told = {"left": number(best)} if name == "clean" else {}
    return {"": name, "alignment": sparkline(thinned(curve, width), low=low, high=high), **told}


def _attack(attack: Attacked, curve: list[float | None], low: float, high: float, width: int, best: str) -> _Row:
    summary = attack.summary
    line = Text(sparkline(thinned(curve, width), low=low, high=high) + "\n")
    area = attack.conditions.filter(pl.col("condition") == "attack")["area"]
    return {
        "": shorten(attack.title, _TITLE_WIDTH),
        "alignment": line.append_text(_letters(attack, width)),
        "left": number(at_layer(attack, best, "attack")["alignment"]),
        "robust accuracy": f"{percent(attack.robust)} ({percent_span(summary['robust_low'], summary['robust_high'])})",
        "fooled": f"{summary['successes']} of {attack.tried}",
        "mean drift": signed(area[0] if len(area) else None),
    }


def _letters(attack: Attacked, width: int) -> Text:
    """The worst verdict of each stretch of layers."""
    rows = attack.rows().select("verdict", "hijacked").rows()
    verdicts = ["hijacked" if hijacked else str(verdict) for verdict, hijacked in rows]
    line = Text()
    for start, end in stretches(len(verdicts), width):
        worst = max(verdicts[start:end], key=list(_STYLES).index)
        line.append(MARKS[worst].letter, style=_STYLES[worst])
    return line


def _layer(study: Study, name: str, console: Console) -> None:
    """Every number behind the verdicts on one layer."""
    place = study.names.index(name) + 1
    console.print()
    _say(console, f"{printable(name)} (layer {place} of {len(study.names)})", style="bold")
    first = headline(study)
    conditions = ["clean", *(["noise"] if len(first.rows("noise")) else [])]
    rows = [
        *(_layer_row(condition, at_layer(first, name, condition)) for condition in conditions),
        *(_layer_row(attack.title, at_layer(attack, name, "attack")) for attack in study.attacks),
    ]
    console.print(_fitting(rows, console, least=4))
    for note in dict.fromkeys(printable(at_layer(each, name, "attack")["note"] or "") for each in study.attacks):
        if note:
            _say(console, f"! {note}", style="dim")


def _layer_row(name: str, row: dict[str, Any]) -> _Row:
    shown: _Row = {
        "": shorten(name, _TITLE_WIDTH),
        "alignment, 95 % band": f"{number(row['alignment'])} {span(row['band_low'], row['band_high'])}",
    }
    if row["verdict"] is None:
        return shown
    verdicts = [row["verdict"], *(["hijacked"] if row["hijacked"] else [])]
    tested = row["one_vs_two"] is not None
    return shown | {
        "verdict": Text(" and ".join(verdicts), style=_STYLES[verdicts[-1]]),
        "drift, 95 %": f"{signed(row['drift'])} {span(row['drift_ci_low'], row['drift_ci_high'])}",
        "p": p_value(row["drift_p_adjusted"]),
        "at most / bound": f"{number(row['upper'])} / {number(row['collapse_bound'])}",
        "closer to true word": f"{percent(row['one_vs_two'])} of {row['one_vs_two_n']}" if tested else "",
        "beyond noise, 95 %": f"{signed(row['drift_beyond_noise'])} "
        f"{span(row['drift_beyond_noise_low'], row['drift_beyond_noise_high'])}"
        if row["drift_beyond_noise"] is not None
        else "",
    }


def _samples(study: Study, wanted: Sequence[str]) -> list[int]:
    """Rows of the table of samples."""
    ids = [str(name) for name in headline(study).samples["sample_id"]]
    numbers = [
        ids[int(each)] if each.isdecimal() and int(each) < len(ids) and each not in ids else each for each in wanted
    ]
    return [ids.index(name) for name in _matching(ids, numbers, what="sample")]


def _sample(study: Study, place: int, console: Console) -> None:
    """What became of one image under every attack, and what the layers say of it."""
    first = headline(study).samples.row(place, named=True)
    console.print()
    title = f"{first['sample_id']} (image {place} of {len(headline(study).samples)}): {first['label_name']}"
    _say(console, printable(title), style="bold")
    rows = [_sample_row(attack, attack.samples.row(place, named=True)) for attack in study.attacks]
    console.print(_fitting(rows, console, least=3))
    _trace(headline(study), place, study.names, console)


def _sample_row(attack: Attacked, row: dict[str, Any]) -> _Row:
    fooled = row["status"] == "success"
    return {
        "": shorten(attack.title, _TITLE_WIDTH),
        "status": Text(_STATUS.get(row["status"], str(row["status"])), style="yellow" if fooled else ""),
        "says": shorten(printable(str(row["prediction_name"])), _LABEL_WIDTH),
        "distance": distance(row["distance"], attack.spec.norm) if fooled else "",
        "margin": signed(row["margin"]),
        "in 8 bits": "" if not fooled else "fooled" if row["success_8bit"] else "withstood",
    }


def _trace(attack: Attacked, place: int, names: Sequence[str], console: Console) -> None:
    """The word that each layer says; of long networks evenly spaced layers."""
    attacked = attack.samples["status"] != "skipped_misclassified"
    image = int(attacked[:place].sum())
    if not attacked[place] or image not in traced_images(attack):
        return
    traced = read_trace(attack, image)
    heading = (
        f"What layers say under {shorten(attack.title, _TITLE_WIDTH)}, with the rank of “{printable(traced.word)}”"
    )
    _say(console, heading, style="dim")
    rows: list[_Row] = []
    for layer in evenly(names):
        row: _Row = {"": shorten(printable(layer), _TITLE_WIDTH)}
        for condition in ("clean", "attack"):
            said = traced.said.get((layer, condition))
            if said is not None and said.words:
                word = f"{shorten(printable(said.words[0]), _WORD_WIDTH)} {said.rank}"
                row[condition] = Text(word, style="bold" if said.rank == 1 else "")
        rows.append(row)
    console.print(_fitting(rows, console, least=3))


def _matching(names: Sequence[str], wanted: Sequence[str], *, what: str) -> list[str]:
    """Names that are wanted by name or pattern, in their own order."""
    for pattern in wanted:
        if pattern not in names and not any(fnmatchcase(name, pattern) for name in names):
            raise UserError(f"no such {what} in this run", got=pattern, fix=did_you_mean(pattern, names))
    return [name for name in names if any(name == each or fnmatchcase(name, each) for each in wanted)]


def _fitting(rows: Sequence[_Row], console: Console, *, least: int) -> Table:
    """A table of so many columns, at least, as have room; the first columns stay."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    table = _table(columns, rows)
    while len(columns) > least and _width(table, console) > console.width:
        columns.pop()
        table = _table(columns, rows)
    return table


def _table(columns: Sequence[str], rows: Sequence[_Row]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    for column in columns:
        words = column in {"", "alignment", "verdict", "status", "says", "clean", "attack", "in 8 bits"}
        table.add_column(column, justify="left" if words else "right", no_wrap=True)
    for row in rows:
        cells = [row.get(column, "") for column in columns]
        table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in cells))
    return table


def _width(table: Table, console: Console) -> int:
    return Measurement.get(console, console.options.update(width=_ENDLESS), table).maximum


def _alignments(attack: Attacked, condition: str) -> list[float | None]:
    return [None if value is None else float(value) for value in attack.rows(condition)["alignment"]]


def _say(console: Console, text: str, *, style: str = "") -> None:
    console.print(Text(text, style=style), highlight=False)
