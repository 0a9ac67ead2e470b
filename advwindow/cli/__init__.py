"""The command line; torch and friends are imported by the commands that need them, not by ``--help``."""

from __future__ import annotations

import sys

import typer

from advwindow.cli import attack, compare, explain, gate, lens, listing, report, show, trace, train
from advwindow.errors import UserError

app = typer.Typer(
    name="advwindow",
    help="When an attack fools a network: in which layer does the meaning break, and how sure are we?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("attack")(attack.attack)
app.command("report")(report.report)
app.command("show")(show.show)
app.command("bench")(compare.bench)
app.command("compare")(compare.compare)
app.command("train")(train.train)
app.command("trace")(trace.trace)
app.command("explain")(explain.explain)
app.command("gate")(gate.gate)
app.command("list")(listing.listing)
app.add_typer(lens.app, name="lens")


@app.callback(invoke_without_command=True)
def _root(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    if version:
        from advwindow import __version__

        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Entry point: errors of the user's in one line and exit 2, an interrupt 130, a bug with its traceback."""
    try:
        app(standalone_mode=True)
    except UserError as error:
        typer.secho("error: ", fg="red", bold=True, err=True, nl=False)
        typer.echo(str(error), err=True)
        sys.exit(error.exit_code)
