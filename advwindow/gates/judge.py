"""A run against a policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advwindow.errors import IncompleteError, UserError
from advwindow.gates.accuracy import clean_accuracy, robust_accuracy, robust_accuracy_drop
from advwindow.gates.alignment import alignment_drop
from advwindow.gates.audits import audits
from advwindow.gates.decision import Decision
from advwindow.gates.layers import retention, verdicts
from advwindow.gates.policy import (
    AlignmentDrop,
    AuditGate,
    CleanAccuracy,
    Gate,
    Policy,
    Retention,
    RobustAccuracy,
    RobustAccuracyDrop,
    Verdicts,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from advwindow.gates.decision import Finding
    from advwindow.runs import RunDirectory


def judge(policy: Policy, run: RunDirectory, *, baseline: RunDirectory | None = None) -> tuple[Decision, ...]:
    """Hold a run against a policy.

    A gate passes if every subject, attack and layer that it is about does. So a policy that should fail passes no more
    often than a single bound of it errs, and nothing needs adjusting for the number of gates.

    Args:
        policy: from `make_policy` or `read_policy`.
        run: all of its cells are finished.
        baseline: an earlier run, for gates that compare with one.

    Returns:
        One decision for each gate, in the order of `Policy.gates`.

    Raises:
        UserError: a gate finds nothing to judge, or nothing that it may be judged by; a baseline is missing, or is
            given and not used.
        IncompleteError: cells of the run or of the baseline are missing.
    """
    if policy.compares and baseline is None:
        raise UserError("the policy compares with a baseline, and none is given", fix="add --baseline RUN")
    if baseline is not None and not policy.compares:
        expected = "[[robust_accuracy_drop]] or [[alignment_drop]]"
        raise UserError("no gate of the policy compares with a baseline", got=str(baseline.path), expected=expected)
    for each in (run, baseline):
        if each is not None and (missing := each.missing()):
            raise IncompleteError(
                f"the run {each.path} is not finished",
                got=f"{len(missing)} of {len(each.specs)} cells missing",
                fix="go on with the command that began it",
            )
    return tuple(
        Decision(kind, gate.name or _title(gate), _findings(f"[[{kind}]] no. {number}", gate, run, baseline))
        for kind, number, gate in policy.gates()
    )


def _findings(place: str, gate: Gate, run: RunDirectory, baseline: RunDirectory | None) -> tuple[Finding, ...]:
    try:
        return tuple(_decide(gate, run, baseline))
    except UserError as error:
        raise UserError(f"{place} cannot be decided: {error}") from error


def _decide(gate: Gate, run: RunDirectory, baseline: RunDirectory | None) -> Iterable[Finding]:
    match gate:
        case CleanAccuracy():
            return clean_accuracy(gate, run)
        case RobustAccuracy():
            return robust_accuracy(gate, run)
        case Verdicts():
            return verdicts(gate, run)
        case Retention():
            return retention(gate, run)
        case AuditGate():
            return audits(gate, run)
        case _:
            assert baseline is not None
            return _compare(gate, run, baseline)


def _compare(gate: Gate, run: RunDirectory, baseline: RunDirectory) -> Iterable[Finding]:
    if isinstance(gate, RobustAccuracyDrop):
        return robust_accuracy_drop(gate, run, baseline)
    assert isinstance(gate, AlignmentDrop)
    return alignment_drop(gate, run, baseline)


def _title(gate: Gate) -> str:
    """The condition in words."""
    match gate:
        case CleanAccuracy():
            said = f"clean accuracy ≥ {_percent(gate.at_least)}"
        case RobustAccuracy():
            said = f"robust accuracy at {gate.norm} {gate.eps} ≥ {_percent(gate.at_least)}"
        case RobustAccuracyDrop():
            said = f"drop of robust accuracy at {gate.norm} {gate.eps} ≤ {100 * gate.at_most:g} points"
        case Verdicts():
            said = f"verdicts no worse than {gate.no_worse_than} in {_listed(gate.layers)}"
        case Retention():
            said = f"retention ≥ {_percent(gate.at_least)} in {_listed(gate.layers)}"
        case AlignmentDrop():
            said = f"drop of {gate.condition} alignment ≤ {gate.at_most:g} in {_listed(gate.layers)}"
        case AuditGate():
            said = f"audit no worse than {gate.no_worse_than}"
        case _:
            raise AssertionError(gate)
    return said + ("" if gate.subject == ("*",) else f", {_listed(gate.subject)}")


def _percent(value: float) -> str:
    return f"{100 * value:g} %"


def _listed(patterns: Sequence[str]) -> str:
    return ", ".join(patterns)
