"""``advwindow explain``: what a check of the audit asks, computes and means."""

from __future__ import annotations

import shutil
import textwrap
from typing import Annotated

import typer


def explain(
    code: Annotated[str | None, typer.Argument(help="S1 to S15 or I1 to I6; without one all are listed.")] = None,
) -> None:
    """Explain a check of the audit: what it asks, how it is computed, what it means, and what to do about it."""
    from advwindow.attacks.audit import codes
    from advwindow.attacks.audit import explain as look_up

    if code is None:
        for each in codes():
            typer.echo(f"{each:<4} {look_up(each).title}")
        return
    check = look_up(code)
    typer.secho(f"{check.code}  {check.title}", bold=True)
    parts = {
        "asks": check.question,
        "computes": check.computation,
        "fires": check.threshold,
        "means": check.meaning,
        "do": check.remedy,
        "source": check.source,
    }
    for name, text in parts.items():
        typer.echo(_paragraph(name, text))


def _paragraph(name: str, text: str) -> str:
    width = min(100, shutil.get_terminal_size().columns)
    return textwrap.fill(text, width, initial_indent=f"{name:<10}", subsequent_indent=" " * 10)
