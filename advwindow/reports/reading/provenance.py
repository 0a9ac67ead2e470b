"""Where numbers are from: the run, its machine and code, and the hashes of what went in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from advwindow.reports.text import count, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from advwindow.runs import RunDirectory

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def created(manifest: Mapping[str, Any]) -> datetime:
    """When the run began; 1970 where the manifest does not say."""
    return datetime.fromisoformat(manifest.get("created", "1970-01-01T00:00:00+00:00")).astimezone(UTC)


def day(when: datetime) -> str:
    """A date as people write it, the same in every locale.

    Example:
        >>> day(datetime(2026, 11, 21))
        '21 November 2026'
    """
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}"


def run_facts(run: RunDirectory) -> dict[str, list[str]]:
    """Plan, time, command, versions, machine and code of a run, each in lines of text."""
    manifest = run.manifest()
    machine, git = manifest.get("machine", {}), manifest.get("git", {})
    changed = ", with uncommitted changes" if git.get("dirty") else ""
    return {
        "Plan": [f"{run.plan_id}, {count(len(run.specs), 'cell')}"],
        "Begun": [created(manifest).isoformat(sep=" ").replace("+00:00", " UTC")],
        "Command": [manifest.get("command", "")],
        "Versions": [", ".join(f"{name} {version}" for name, version in manifest.get("versions", {}).items())],
        "Machine": [", ".join(f"{name} {value}" for name, value in machine.items() if value not in {"", None})],
        "Code": [f"commit {git['commit']}{changed}" if git.get("commit") else "not run from a git repository"],
    }


def hashes(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """References with the hash of what they named, in two lines each; what is named twice is told once."""
    return [line for reference, digest in dict.fromkeys(pairs) for line in (reference, f"sha256 {digest}")]


def pairs(facts: Mapping[str, Iterable[str]]) -> list[dict[str, Any]]:
    """Facts as the templates set them: a name and printable lines."""
    return [{"name": name, "lines": printable_lines("\n".join(lines))} for name, lines in facts.items()]


def printable_lines(text: str) -> list[str]:
    """Lines with indentation kept and nothing invisible in them."""
    return [line[: len(line) - len(line.lstrip(" "))] + printable(line) for line in text.splitlines()]
