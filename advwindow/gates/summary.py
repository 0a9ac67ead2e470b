"""Decisions as Markdown, as GitHub shows it on the page of a workflow run."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from advwindow.gates.decision import tally
from advwindow.gates.text import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advwindow.gates.decision import Decision

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~@$-])")


def markdown(decisions: Sequence[Decision], *, run: str) -> str:
    """A heading with the tally, and a table with one row for each finding.

    Args:
        decisions: of `judge`.
        run: name of the run.
    """
    rows = [
        f"| {'✅' if finding.passed else '❌'} | {_escaped(decision.title)} | {_escaped(str(finding))} |"
        for decision in decisions
        for finding in decision.findings
    ]
    head = [f"## {_escaped(run)}: {tally(decisions)}", "", "|  | gate | found |", "|---|---|---|"]
    return "\n".join([*head, *rows, "", ""])


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is, within a cell of a table: no markup, no HTML, no mentions."""
    return _SPECIAL.sub(r"\\\1", html.escape(visible(text), quote=False))
