"""Tables on the terminal: the plan before a run, the findings after it."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, Protocol

import polars as pl
from rich import box
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from advwindow.reports.reading.depth import depth_sentences
from advwindow.reports.reading.findings import answer, audit_tally, caveats, harm, headline
from advwindow.reports.reading.studies import Attacked, Study, Subject, read_studies, titles
from advwindow.reports.style import MARKS
from advwindow.reports.text import (
    attack_name,
    count,
    distance,
    eps_name,
    listing,
    norm_name,
    number,
    percent,
    percent_span,
    printable,
    shorten,
    signed,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from rich.console import Console

    from advwindow.attacks import Audit
    from advwindow.runs import CellSpec, RunDirectory

_STYLES = {"unanchored": "dim", "intact": "", "eroded": "yellow", "collapsed": "bold red", "hijacked": "magenta"}
_LAYER_WIDTH, _HEADING_WIDTH = 24, 14
#: Width at which no table needs to shrink.
_ENDLESS = 10_000
#: More layers than this are shown only where there is something to lose.
_MOST_LAYERS = 30


class Planned(Protocol):
    """What is shown of a planned cell; see `advwindow.sweep.PlannedCell`."""

    @property
    def spec(self) -> CellSpec:
        """What to compute."""

    @property
    def images(self) -> int:
        """Images that are attacked."""

    @property
    def gradients(self) -> int:
        """Most gradients that the attack can spend; 0 if it does not tell."""

    @property
    def notes(self) -> Sequence[str]:
        """What the attack does otherwise here than its protocol says."""


def print_run(run: RunDirectory, console: Console) -> None:
    """The findings of a run: attacks, layers by verdict, what to keep in mind.

    Args:
        run: at least one cell must be finished.
        console: where to; its width decides how many attacks have room.

    Raises:
        IncompleteError: no cell is finished.
    """
    studies = read_studies(run)
    missing = run.missing()
    if missing:
        _say(console, f"Incomplete: {len(missing)} of {count(len(run.specs), 'cell')} missing.", style="bold red")
    for study in studies:
        _print_study(study, console)
    _print_key(console)


def print_plan(
    cells: Sequence[Planned], speeds: Mapping[str, float], console: Console, *, done: Collection[str] = ()
) -> None:
    """The plan of a sweep and what it costs at most.

    Args:
        cells: all cells, in order.
        speeds: gradients per second of each cell's model on this machine, by the cell's id; for the estimate.
        console: where to.
        done: identities of cells that are finished already.
    """
    names = titles([cell.spec for cell in cells])
    for subject, group in groupby(cells, key=lambda cell: Subject.of(cell.spec)):
        console.print()
        _say(console, _subject(subject), style="bold")
        table = _table("attack", ("images", "right"), ("gradients", "right"), *(["state"] if done else []))
        notes: dict[str, list[str]] = {}
        for cell in group:
            for note in cell.notes:
                notes.setdefault(note, []).append(names[cell.spec.cell_id])
            state = ["done" if cell.spec.cell_id in done else "to do"] if done else []
            table.add_row(Text(names[cell.spec.cell_id]), f"{cell.images:,}", _cost(cell.gradients), *state)
        console.print(table)
        for note, who in notes.items():
            _say(console, f"! {listing(who)}: {note}", style="dim")
    left = [cell for cell in cells if cell.spec.cell_id not in done]
    _say(console, _estimate(left, speeds))


def _print_study(study: Study, console: Console) -> None:
    summary, first = headline(study).summary, headline(study)
    console.print()
    _say(console, _subject(study.subject), style="bold")
    accuracy = f"{percent(summary['clean_accuracy'])} ({percent_span(summary['clean_low'], summary['clean_high'])})"
    _say(
        console,
        f"{count(summary['images'], 'image')}, clean accuracy {accuracy}; {count(first.tried, 'image')} attacked; "
        f"{count(summary['concepts'], 'concept')}, {count(len(study.names), 'layer')}.",
    )
    console.print(_attack_table(study))
    _print_layers(study, console)
    _say(console, " ".join(answer(study)))
    for sentence in depth_sentences(study):
        _say(console, sentence)
    for title, audit in study.audits.items():
        _print_audit(title, audit, console)
    for caveat in caveats(study):
        _say(console, f"! {caveat}", style="dim")


def _print_audit(title: str, audit: Audit, console: Console) -> None:
    _say(console, f"Audit of {title}: {audit_tally(audit)}.")
    for finding in audit.fired:
        _say(console, f"{finding.verdict} {finding.code} {finding.title}: {finding.summary}", style="yellow")


def _attack_table(study: Study) -> Table:
    table = _table(
        "attack", "norm", "ε", ("robust accuracy", "right"), ("fooled", "right"), ("median distance", "right")
    )
    for attack in study.attacks:
        summary, spec = attack.summary, attack.spec
        _, opened, parameters = attack.title.partition(" (")
        table.add_row(
            Text(shorten(f"{attack_name(spec.attack)}{opened}{parameters}", 40)),
            norm_name(spec.norm),
            Text(eps_name(spec.eps)),
            f"{percent(attack.robust)} ({percent_span(summary['robust_low'], summary['robust_high'])})",
            f"{summary['successes']} of {attack.tried}",
            distance(summary["median_distance"], spec.norm),
        )
    return table


def _layer_table(study: Study, attacks: Sequence[Attacked]) -> Table:
    table = _table("layer", ("clean", "right"), *((Text(_heading(attack)), "right") for attack in attacks))
    clean = attacks[0].rows("clean")["alignment"].to_list()
    names = study.names
    for place in _telling(study):
        cells = [_cell(attack, place) for attack in attacks]
        table.add_row(Text(shorten(printable(names[place]), _LAYER_WIDTH)), number(clean[place]), *cells)
    return table


def _print_layers(study: Study, console: Console) -> None:
    """As many attacks as have room side by side, the most harmful ones, in the order of the plan."""
    ranked = sorted(study.attacks, key=harm)
    for room in range(len(ranked), 0, -1):
        attacks = [attack for attack in study.attacks if attack in ranked[:room]]
        table = _layer_table(study, attacks)
        if Measurement.get(console, console.options.update(width=_ENDLESS), table).maximum <= console.width:
            break
    console.print(table)
    weaker, layers = len(ranked) - room, len(study.names) - len(_telling(study))
    told = [
        *([f"{count(weaker, 'weaker attack')} left out for want of width"] if weaker else []),
        *([f"{count(layers, 'layer')} left out that no attack finds aligned with words"] if layers else []),
    ]
    if told:
        _say(console, f"{'; '.join(told)}; the report has them.", style="dim")


def _telling(study: Study) -> list[int]:
    """Layers to show: all of them, or of a long network those that some attack finds aligned."""
    if len(study.names) <= _MOST_LAYERS:
        return list(range(len(study.names)))
    anchored = [attack.rows().select(pl.col("verdict") != "unanchored").to_series() for attack in study.attacks]
    return [place for place in range(len(study.names)) if any(some[place] for some in anchored)]


def _heading(attack: Attacked) -> str:
    spec = attack.spec
    return "\n".join(shorten(printable(part), _HEADING_WIDTH) for part in (attack_name(spec.attack), _budget(spec)))


def _budget(spec: CellSpec) -> str:
    return f"{norm_name(spec.norm)} {eps_name(spec.eps)}"


def _cell(attack: Attacked, place: int) -> Text:
    """Drift and letters, e.g. ``+0.33 EH``."""
    row = attack.rows().row(place, named=True)
    verdicts = [row["verdict"], *(["hijacked"] if row["hijacked"] else [])]
    letters = "".join(MARKS[verdict].letter for verdict in verdicts).ljust(2)
    return Text(f"{signed(row['drift'])} {letters}", style=_STYLES[verdicts[-1]])


def _print_key(console: Console) -> None:
    key = "  ".join(f"{mark.letter} {verdict}" for verdict, mark in MARKS.items())
    console.print()
    _say(
        console,
        f"clean: alignment with words; under an attack: what is lost of it, and the verdict.  {key}",
        style="dim",
    )


def _table(*columns: str | tuple[str | Text, str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False)
    for column in columns:
        name, justify = (column, "left") if isinstance(column, str) else column
        table.add_column(name, justify="right" if justify == "right" else "left", no_wrap=True)
    return table


def _subject(subject: Subject) -> str:
    return printable(f"{subject.model} · {subject.images} · {subject.words} · seed {subject.seed}")


def _cost(gradients: int) -> str:
    return f"{gradients:,}" if gradients else "unknown"


def _estimate(cells: Sequence[Planned], speeds: Mapping[str, float]) -> str:
    total = sum(cell.gradients for cell in cells)
    unknown = Counter(cell.gradients == 0 for cell in cells)[True]
    more = f", and {count(unknown, 'cell')} whose cost is unknown" if unknown else ""
    seconds = sum(cell.gradients / speeds[cell.spec.cell_id] for cell in cells)
    rate = f" at {total / seconds:.0f} gradients a second" if seconds else ""
    time = f"about {_duration(seconds)}{rate}"
    cost = f"{count(len(cells), 'cell')} to compute: at most {total:,} gradients, {time}{more}."
    return f"{cost} Looking through the window comes on top."


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _say(console: Console, text: str, *, style: str = "") -> None:
    console.print(Text(text, style=style), highlight=False)
