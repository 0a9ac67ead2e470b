"""What a gate decides: for each thing it looked at one sentence, with the bound that was compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Finding:
    """One subject, or one attack on it, held against a gate.

    Attributes:
        about: what was looked at.
        passed: whether it is good enough.
        sentence: what was found, with the numbers and the bound that was compared.
    """

    about: str
    passed: bool
    sentence: str

    def __str__(self) -> str:
        return f"{self.about}: {self.sentence}"


@dataclass(frozen=True)
class Decision:
    """The answer of one gate.

    Attributes:
        kind: table of the policy, e.g. ``"robust_accuracy"``.
        title: the gate's name, or its condition in words.
        findings: at least one; all must pass.
    """

    kind: str
    title: str
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return all(finding.passed for finding in self.findings)

    @property
    def failed(self) -> tuple[Finding, ...]:
        """What failed."""
        return tuple(finding for finding in self.findings if not finding.passed)


def tally(decisions: Sequence[Decision]) -> str:
    """``1 of 2 gates failed``, or ``2 gates passed``."""
    failed = sum(not decision.passed for decision in decisions)
    gates = f"{len(decisions)} gate{'' if len(decisions) == 1 else 's'}"
    return f"{failed} of {gates} failed" if failed else f"{gates} passed"


def share(value: float) -> str:
    """A share in per cent, without the sign.

    Example:
        >>> share(0.12345)
        '12.3'
    """
    return f"{100 * value:.1f}".replace("-0.0", "0.0")


def layers(count: int) -> str:
    """``1 layer``, ``2 layers``."""
    return f"{count} layer{'' if count == 1 else 's'}"


def compared(bound: float, limit: float, *, name: str, at_least: bool, unit: str = "%") -> str:
    """The comparison in words, with so many digits that both sides look as different as they are.

    Args:
        bound: end of a confidence interval.
        limit: of the policy.
        name: of the bound.
        at_least: whether the bound must reach the limit; else it must not exceed it.
        unit: ``"%"`` or ``"points"`` for shares, which are multiplied by 100; empty for plain numbers.

    Example:
        >>> compared(0.2496, 0.25, name="lower bound", at_least=True)
        'lower bound 24.96 % < 25 %'
    """
    factor = 100 if unit else 1
    after = f" {unit}" if unit else ""
    digits = next((n for n in range(1 if unit else 3, 12) if _differ(bound * factor, limit * factor, n)), 12)
    told = f"{bound * factor:.{digits}f}"
    sign = ("≥" if bound >= limit else "<") if at_least else "≤" if bound <= limit else ">"
    return f"{name} {told}{after} {sign} {limit * factor:g}{after}"


def _differ(one: float, other: float, digits: int) -> bool:
    return one == other or f"{one:.{digits}f}" != f"{other:.{digits}f}"
