"""What an audit returns: one finding for each check."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import polars as pl

from advwindow.attacks.audit.catalogue import explain
from advwindow.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

Verdict: TypeAlias = Literal["pass", "warn", "fail", "skipped"]
Level: TypeAlias = Literal["quick", "full"]
Numbers: TypeAlias = Mapping[str, float | int | str]

#: From worst to best; a skipped check says nothing.
_SEVERITY: tuple[Verdict, ...] = ("fail", "warn", "pass", "skipped")


@dataclass(frozen=True)
class Finding:
    """The answer of one check.

    Attributes:
        code: of the check, see `explain`.
        verdict: ``"pass"``, ``"warn"`` (look at it), ``"fail"`` (the number cannot be believed) or ``"skipped"``.
        numbers: what was measured, by name.
        summary: one sentence with the numbers; for a skipped check the reason.
        remedy: what to do about it; empty unless the check fired.
    """

    code: str
    verdict: Verdict
    numbers: Numbers
    summary: str
    remedy: str = ""

    def __post_init__(self) -> None:
        explain(self.code)
        if self.verdict not in _SEVERITY:
            raise UserError("unknown verdict", got=self.verdict, fix=did_you_mean(self.verdict, _SEVERITY))

    @property
    def fired(self) -> bool:
        """Whether the check warns or fails."""
        return self.verdict in ("warn", "fail")

    @property
    def title(self) -> str:
        """The check's title."""
        return explain(self.code).title


def found(code: str, verdict: Verdict, summary: str, **numbers: float | str) -> Finding:
    """A finding with the catalogue's remedy where it fired."""
    remedy = explain(code).remedy if verdict in ("warn", "fail") else ""
    return Finding(code, verdict, numbers, summary, remedy)


def skipped(code: str, reason: str) -> Finding:
    """A check that could not be made, and why."""
    return Finding(code, "skipped", {}, reason)


def gravest(*verdicts: Verdict) -> Verdict:
    """The worst of some verdicts."""
    return min(verdicts, key=_SEVERITY.index)


@dataclass(frozen=True)
class Audit:
    """Whether a robustness number can be believed: the findings of all checks.

    Attributes:
        model: name of the network.
        attack: name of the audited attack.
        budget: as text, e.g. ``"linf 8/255"``.
        level: ``"quick"`` or ``"full"``.
        images: number of images that the audit has the attack's outcome for; comparisons with what is stored of other
            attacks may tell of more.
        findings: one for each code, in the order of `codes`.
    """

    model: str
    attack: str
    budget: str
    level: Level
    images: int
    findings: tuple[Finding, ...]

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __getitem__(self, code: str) -> Finding:
        """The finding of a check; raises `UserError` where there is none."""
        known = {finding.code: finding for finding in self.findings}
        try:
            return known[code.upper()]
        except KeyError:
            raise UserError("the audit has no such check", got=code, fix=did_you_mean(code.upper(), known)) from None

    @property
    def worst(self) -> Verdict:
        """The gravest verdict."""
        return gravest(*(finding.verdict for finding in self.findings))

    @property
    def fired(self) -> tuple[Finding, ...]:
        """Findings that warn or fail, the gravest first."""
        return tuple(sorted((f for f in self.findings if f.fired), key=lambda f: _SEVERITY.index(f.verdict)))

    def table(self) -> pl.DataFrame:
        """One row per check: code, title, verdict, summary, remedy."""
        columns = ("code", "title", "verdict", "summary", "remedy")
        rows = {name: [getattr(finding, name) for finding in self.findings] for name in columns}
        return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String))

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, texts and lists, as JSON can keep them; numbers that are not finite become texts."""
        plain = asdict(self)
        plain["findings"] = [
            asdict(finding) | {"numbers": {name: _plain(value) for name, value in finding.numbers.items()}}
            for finding in self.findings
        ]
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Audit:
        """What `to_dict` gave; raises `UserError` where something is missing or unknown."""
        try:
            findings = tuple(Finding(**finding) for finding in plain["findings"])
            audit = cls(**{**plain, "findings": findings})
        except (KeyError, TypeError) as error:
            raise UserError("this is no audit", got=str(error), expected="what Audit.to_dict gives") from error
        if audit.level not in get_args(Level):
            raise UserError(
                "unknown level of an audit", got=audit.level, fix=did_you_mean(audit.level, get_args(Level))
            )
        return audit


def _plain(value: float | str) -> float | int | str:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
