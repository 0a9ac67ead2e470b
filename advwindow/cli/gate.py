"""``advwindow gate``: a finished run held against a policy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advwindow.gates import Decision
    from advwindow.runs import RunDirectory

FAILED = 1


def gate(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    *,
    policy: Annotated[Path, typer.Option(metavar="GATES.toml", help="What the run must show.")],
    baseline: Annotated[Path | None, typer.Option(metavar="RUN", help="An earlier run to compare with.")] = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="JUnit XML to write.")] = None,
    summary: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Markdown to append to; $GITHUB_STEP_SUMMARY by default, if set."),
    ] = None,
) -> None:
    """Hold a run against a policy: conditions on confidence bounds. Needs neither model nor images.

    Exit code 0 if all gates pass, 1 if one fails, 2 if one cannot be decided, 3 if cells of the run are missing.
    """
    from rich.console import Console

    from advwindow.gates import judge, print_decisions, read_policy
    from advwindow.runs import RunDirectory, remove

    if junit is not None:
        remove(junit)  # what an earlier run passed must not be read as this one's
    wanted = read_policy(policy)
    directory = RunDirectory(run)
    decisions = judge(wanted, directory, baseline=RunDirectory(baseline) if baseline else None)
    print_decisions(decisions, Console())  # first: what was found is not lost where a file cannot be written
    _write(decisions, directory, junit, summary)
    if not all(decision.passed for decision in decisions):
        raise typer.Exit(FAILED)


def _write(decisions: Sequence[Decision], run: RunDirectory, junit: Path | None, summary: Path | None) -> None:
    from advwindow.errors import UserError
    from advwindow.gates import junit_xml, markdown
    from advwindow.runs import write_bytes

    name = run.path.resolve().name
    if junit is not None:
        write_bytes(junit, junit_xml(decisions, run=name, created=run.manifest()["created"]))
    page = summary or os.environ.get("GITHUB_STEP_SUMMARY")
    if page:
        try:
            with Path(page).open("a", encoding="utf-8") as file:
                file.write(markdown(decisions, run=name))
        except OSError as error:
            got, fix = error.strerror or str(error), "choose a file in a folder that is there"
            raise UserError(f"cannot write the summary {page}", got=got, fix=fix) from error
