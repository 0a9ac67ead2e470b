"""What the audits of the runs say of the numbers that are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advwindow.attacks import Audit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advwindow.comparison.entries import Entry, Tested


def audits_of(entry: Entry) -> list[tuple[Tested, Audit]]:
    """Cells of an entry that were audited, and what was found."""
    found = ((cell, entry.run.audit(cell.spec)) for cell in entry.cells)
    return [(cell, Audit.from_dict(stored)) for cell, stored in found if stored is not None]


def failed_audits(entries: Sequence[Entry]) -> list[tuple[str, str]]:
    """Names of entries whose audits failed, each with a sentence that says which checks did."""
    return [
        (entry.name, _sentence(entry, audit)) for entry in entries for _, audit in audits_of(entry) if _failed(audit)
    ]


def _failed(audit: Audit) -> list[str]:
    return [finding.code for finding in audit if finding.verdict == "fail"]


def _sentence(entry: Entry, audit: Audit) -> str:
    return (
        f"{entry.name}, {audit.budget}: the audit of {audit.attack} fails ({', '.join(_failed(audit))}), so robust "
        "accuracy may be lower than it seems."
    )
