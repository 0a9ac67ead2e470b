"""The gate on audits: whether the attacks can be believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advwindow.attacks import Audit
from advwindow.errors import UserError
from advwindow.gates.decision import Finding
from advwindow.gates.selection import Group, chosen, grouped, titles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from advwindow.gates.policy import AuditGate
    from advwindow.runs import RunDirectory

_BAD = {"pass": ("warn", "fail"), "warn": ("fail",)}


def audits(gate: AuditGate, run: RunDirectory) -> Iterator[Finding]:
    """Whether no check of any subject's audit found worse than allowed.

    Raises:
        UserError: a subject has no audit, or none of the checks could be made.
    """
    for group in grouped(run.specs, gate.subject):
        for title, audit in _audits(run, group):
            codes = chosen((finding.code for finding in audit), gate.checks, what="check of the audit")
            made = [each for each in audit if each.code in codes and each.verdict != "skipped"]
            if not made:
                raise UserError(f"the audit of {title} of {group} skipped every check", got=", ".join(codes))
            bad = [each for each in made if each.verdict in _BAD[gate.no_worse_than]]
            told = "; ".join(f"{each.verdict} {each.code} {each.title}: {each.summary.rstrip('.')}" for each in bad)
            sentence = told or f"{len(made)} checks, none worse than {gate.no_worse_than}"
            skipped = f" ({len(codes) - len(made)} skipped)" if len(codes) > len(made) else ""
            yield Finding(f"{group}, {title}", not bad, sentence + skipped)


def _audits(run: RunDirectory, group: Group) -> list[tuple[str, Audit]]:
    """The audits of a group's cells, each with the attack that was audited."""
    names = titles(group)
    found = [(names[spec.cell_id], run.audit(spec)) for spec in group.cells]
    known = [(title, Audit.from_dict(plain)) for title, plain in found if plain is not None]
    if not known:
        fix = "run advwindow attack again with --audit quick or full; finished cells are kept"
        raise UserError(f"{group} was not audited", fix=fix)
    return known
