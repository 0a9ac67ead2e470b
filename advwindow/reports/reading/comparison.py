"""Everything a comparison says, as plain values for the templates of its PDF and its page."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from advwindow.reports.reading.comparison_answer import answer, budget_name, name_of, question
from advwindow.reports.reading.comparison_layers import kept_tables, numbers_of, survival_tables
from advwindow.reports.reading.comparison_tables import (
    attack_rows,
    audit_rows,
    cost_rows,
    matrix_tables,
    pair_tables,
)
from advwindow.reports.reading.comparison_wording import MATRIX, RANKED, TOLD
from advwindow.reports.reading.provenance import created, day, hashes, pairs, run_facts
from advwindow.reports.style import MARKS
from advwindow.reports.text import count, listing, number, printable, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from advwindow.comparison import Comparison, Entry
    from advwindow.runs import RunDirectory


def made(comparison: Comparison) -> datetime:
    """When the last of the runs began: the date of the comparison, so that the same runs give the same bytes."""
    return max(created(run.manifest()) for run in _runs(comparison))


def brief(comparison: Comparison) -> dict[str, Any]:
    """What it comes to: answer, warnings, notes, certificates, and the standing at every budget."""
    entries, first = comparison.entries, comparison.entries[0]
    return {
        "question": question(comparison),
        "answer": answer(comparison),
        "facts": f"{count(len(first.ids), 'image')}; {_budgets(comparison)}",
        "several": len(entries) > 1,
        "told": TOLD | {"matrix": MATRIX.format(ranked=RANKED if len(entries) > 1 else "")},
        "matrix": matrix_tables(comparison),
        "callouts": [_shortened(comparison, sentence) for sentence in comparison.callouts],
        "notes": [printable(sentence) for sentence in comparison.notes],
        "certificates": [
            certificate_sentence(entry.name, found) for entry in entries if (found := entry.certificate) is not None
        ],
    }


def whole(comparison: Comparison) -> dict[str, Any]:
    """Title, answer, tables, call-outs, notes and provenance; all texts are one line and hold nothing invisible.

    Args:
        comparison: the whole.
    """
    entries, first = comparison.entries, comparison.entries[0]
    told = brief(comparison)
    title = f"Comparison of {count(len(entries), 'model') if not _defended(comparison) else _defences(len(entries))}"
    return told | {
        "title": title,
        "running": f"{title} on {shorten(printable(first.spec.images), 60)}",
        "description": " ".join(told["answer"]),
        "images": shorten(printable(first.spec.images), 60),
        "words": listing([shorten(printable(name), 60) for name in first.spec.words]),
        "date": day(made(comparison)),
        "plan": ", ".join(run.plan_id for run in _runs(comparison)[:3]),
        "marks": {verdict: mark._asdict() for verdict, mark in MARKS.items()},
        "pairs": pair_tables(comparison),
        "survival": survival_tables(comparison),
        "kept": kept_tables(comparison),
        "cost": cost_rows(comparison),
        "attacks": attack_rows(comparison),
        "audits": audit_rows(comparison),
        "entries": [_entry(entry, numbers_of(comparison)[entry.name]) for entry in entries],
        "provenance": [_provenance(comparison, run) for run in _runs(comparison)],
        "again": _again(comparison),
    }


def certificate_sentence(name: str, found: Mapping[str, Any]) -> str:
    """What is certified of a smoothed model, and from how many copies."""
    told = ", ".join(
        f"{number(100 * share, digits=0)} % within L2 {radius}" for radius, share in found["accuracy"].items()
    )
    limits = f"{found['n']} copies, alpha {found['alpha']}; they certify no radius above {found['largest']:.3g}"
    return printable(f"Certified accuracy of {name}: {told} ({limits}).")


def _shortened(comparison: Comparison, sentence: str) -> str:
    """A sentence that begins with an entry's name, with that name as tables show it."""
    names = [entry.name for entry in comparison.entries if sentence.startswith(f"{entry.name}, ")]
    longest = max(names, key=len, default="")
    return name_of(longest) + printable(sentence[len(longest) :]) if longest else printable(sentence)


def _runs(comparison: Comparison) -> list[RunDirectory]:
    return list({entry.run.path: entry.run for entry in comparison.entries}.values())


def _defended(comparison: Comparison) -> bool:
    return any(entry.spec.defense for entry in comparison.entries)


def _defences(entries: int) -> str:
    return f"{entries} models and defences" if entries > 1 else "one defended model"


def _budgets(comparison: Comparison) -> str:
    return f"within {listing([budget_name(budget) for budget in comparison.budgets])}"


def _entry(entry: Entry, place: int) -> dict[str, str]:
    spec = entry.spec
    return {
        "number": str(place),
        "name": printable(entry.name),
        "model": printable(spec.model),
        "defense": printable(spec.defense) or "none",
        "run": printable(entry.run.path.name),
        "hash": spec.model_sha256,
        "cells": count(len(entry.cells), "cell"),
        "draws": str(max(cell.spec.draws for cell in entry.cells)),
        "seeds": ", ".join(map(str, sorted({cell.spec.seed for cell in entry.cells}))),
    }


def _provenance(comparison: Comparison, run: RunDirectory) -> dict[str, Any]:
    """The run's name, and pairs of a name and lines of text."""
    spec = next(entry.spec for entry in comparison.entries if entry.run.path == run.path)
    facts = run_facts(run) | {
        "Images": hashes([(spec.images, spec.images_sha256)]),
        "Words": hashes(zip(spec.words, spec.words_sha256, strict=True)),
    }
    return {"name": printable(run.path.name), "pairs": pairs(facts)}


def _again(comparison: Comparison) -> list[str]:
    names = [run.path.name or str(run.path) for run in _runs(comparison)]
    again = [shlex.quote(f"{name}-again") for name in names]
    lines = [
        f"advwindow attack {shlex.quote(f'{name}/sweep.toml')} --out {folder}"
        for name, folder in zip(names, again, strict=True)
    ]
    return [printable(line) for line in (*lines, f"advwindow compare {' '.join(again)} --out comparison")]
