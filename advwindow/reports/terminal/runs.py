"""The findings of a run on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from rich.text import Text

from advwindow.reports.reading.depth import depth_sentences
from advwindow.reports.reading.findings import answer, audit_tally, caveats, fooled, harm, headline
from advwindow.reports.reading.studies import read_studies
from advwindow.reports.style import MARKS
from advwindow.reports.terminal.console import KEY, STYLES, natural_width, print_fitting, say, say_subject, table_of
from advwindow.reports.text import (
    attack_name,
    count,
    distance,
    eps_name,
    norm_name,
    number,
    percent,
    percent_span,
    printable,
    shorten,
    signed,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.table import Table

    from advwindow.attacks import Audit
    from advwindow.reports.reading.studies import Attacked, Study
    from advwindow.reports.terminal.console import Row
    from advwindow.runs import RunDirectory

_TITLE_WIDTH, _LAYER_WIDTH, _HEADING_WIDTH = 40, 24, 15
#: More layers than this are shown only where there is something to lose.
_MOST_LAYERS = 30


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
        say(console, f"Incomplete: {len(missing)} of {count(len(run.specs), 'cell')} missing.", style="bold red")
    for study in studies:
        _print_study(study, console)
    _print_key(console)


def _print_study(study: Study, console: Console) -> None:
    summary, first = headline(study).summary, headline(study)
    say_subject(study.subject, console)
    accuracy = f"{percent(summary['clean_accuracy'])} ({percent_span(summary['clean_low'], summary['clean_high'])})"
    say(
        console,
        f"{count(summary['images'], 'image')}, clean accuracy {accuracy}; {count(first.tried, 'image')} attacked; "
        f"{count(summary['concepts'], 'concept')}, {count(len(study.names), 'layer')}.",
    )
    print_fitting([_attack_row(attack) for attack in study.attacks], console, least=2)
    _print_layers(study, console)
    say(console, " ".join(answer(study)))
    for sentence in depth_sentences(study):
        say(console, sentence)
    for title, audit in study.audits.items():
        _print_audit(title, audit, console)
    for caveat in caveats(study):
        say(console, f"! {caveat}", style="dim")


def _print_audit(title: str, audit: Audit, console: Console) -> None:
    say(console, f"Audit of {title}: {audit_tally(audit)}.")
    for finding in audit.fired:
        say(console, f"{finding.verdict} {finding.code} {finding.title}: {finding.summary}", style="yellow")


def _attack_row(attack: Attacked) -> Row:
    summary = attack.summary
    return {
        "attack": shorten(attack.title, _TITLE_WIDTH),
        "robust accuracy": f"{percent(attack.robust)} ({percent_span(summary['robust_low'], summary['robust_high'])})",
        "fooled": fooled(attack),
        "median distance": distance(summary["median_distance"], attack.spec.norm),
    }


def _layer_table(study: Study, attacks: Sequence[Attacked]) -> Table:
    clean = attacks[0].rows("clean")["alignment"].to_list()
    # By cell, as the clean column is one of numbers here.
    headings = {"clean ": "clean"} | _headings(study)
    rows: list[Row] = [
        {
            "layer": shorten(printable(study.names[place]), _LAYER_WIDTH),
            "clean ": number(clean[place]),
            **{attack.spec.cell_id: _cell(attack, place) for attack in attacks},
        }
        for place in _telling(study)
    ]
    return table_of(rows, headings=headings)


def _print_layers(study: Study, console: Console) -> None:
    """As many attacks as have room side by side, the most harmful ones, in the order of the plan."""
    ranked = sorted(study.attacks, key=harm)
    for room in range(len(ranked), 0, -1):
        attacks = [attack for attack in study.attacks if attack in ranked[:room]]
        table = _layer_table(study, attacks)
        if natural_width(table, console) <= console.width:
            break
    console.print(table)
    weaker, layers = len(ranked) - room, len(study.names) - len(_telling(study))
    told = [
        *([f"{count(weaker, 'weaker attack')} left out for want of width"] if weaker else []),
        *([f"{count(layers, 'layer')} left out that no attack finds aligned with words"] if layers else []),
    ]
    if told:
        say(console, f"{'; '.join(told)}; the report has them.", style="dim")


def _telling(study: Study) -> list[int]:
    """Layers to show: all of them, or of a long network those that some attack finds aligned."""
    if len(study.names) <= _MOST_LAYERS:
        return list(range(len(study.names)))
    anchored = [attack.rows().select(pl.col("verdict") != "unanchored").to_series() for attack in study.attacks]
    return [place for place in range(len(study.names)) if any(some[place] for some in anchored)]


def _headings(study: Study) -> dict[str, str]:
    """Of the columns, by cell; those that would be the same are numbered in the order of the plan."""
    plain = {attack.spec.cell_id: _heading(attack) for attack in study.attacks}
    groups: dict[str, list[str]] = {}
    for cell, heading in plain.items():
        groups.setdefault(heading, []).append(cell)
    return {
        cell: heading if len(groups[heading]) == 1 else f"{heading}\n[{1 + groups[heading].index(cell)}]"
        for cell, heading in plain.items()
    }


def _heading(attack: Attacked) -> str:
    spec = attack.spec
    lines = [attack_name(spec.attack), f"{norm_name(spec.norm)} {eps_name(spec.eps)}"]
    goal = [f"to {spec.target}"] if spec.target else []
    blind = ["oblivious"] if spec.access == "oblivious" else []
    return "\n".join(shorten(printable(line), _HEADING_WIDTH) for line in lines + goal + blind)


def _cell(attack: Attacked, place: int) -> Text:
    """Drift and letters, e.g. ``+0.33 EH``."""
    row = attack.rows().row(place, named=True)
    verdicts = [row["verdict"], *(["hijacked"] if row["hijacked"] else [])]
    letters = "".join(MARKS[verdict].letter for verdict in verdicts).ljust(2)
    return Text(f"{signed(row['drift'])} {letters}", style=STYLES[verdicts[-1]])


def _print_key(console: Console) -> None:
    console.print()
    say(console, "clean: alignment with words; under an attack: what is lost of it, and the verdict.", style="dim")
    say(console, KEY, style="dim")
