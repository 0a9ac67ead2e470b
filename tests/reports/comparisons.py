"""Comparisons made of fabricated runs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest.mock import patch

from advwindow.attacks import Audit
from advwindow.attacks.audit import Finding
from advwindow.comparison import compare_runs
from tests.comparison import runs
from tests.comparison.runs import cell, make_run, strong_looking
from tests.reports.runs import Shape

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from advwindow.comparison import Comparison

#: Two networks at two budgets within two norms; the second withstands more, and its last layer loses less.
BUDGETS = ({"eps": "4/255"}, {"eps": "1", "norm": "l2"})


#: Runs are written by the dozen here; waiting for the disk is tested elsewhere.
unflushed = patch("os.fsync", lambda _: None)


@unflushed
def called_out(folder: Path) -> Comparison:
    """An undefended network and a defence that falls to the attack that knows it, audited."""
    run = strong_looking(folder / "called")
    findings = (
        Finding("S1", "pass", {}, "All is well."),
        Finding("S9", "warn", {}, "A surrogate <b>stands</b> in.", "Look at it."),
    )
    run.save_audit(run.specs[4], Audit("m", "pgd", "linf 8/255", "quick", 40, findings).to_dict())
    return compare_runs([run], resamples=200)


@unflushed
def several(folder: Path) -> Comparison:
    """Three networks at two budgets in one run."""
    cells = [
        cell(range(2, last - 8 * place), range(2), loss=0.9 - 0.3 * place, model=f"timm:net-{place}", **budget)
        for place in range(3)
        for last, budget in zip((38, 34), BUDGETS, strict=True)
    ]  # fmt: skip
    return compare_runs([make_run(folder / "several", cells)], resamples=200)


@unflushed
def other_layers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Comparison:
    """Networks of two runs with layers of other names and another number."""
    first = make_run(folder / "one", [cell(range(2, 20), model="timm:a"), cell(range(2, 30), model="timm:b")])
    shape = Shape(layers=tuple(f"stage{place}.conv" for place in range(9)), labels=("x",) * runs.COUNT)
    monkeypatch.setattr(runs, "SHAPE", shape)
    second = make_run(folder / "two", [cell(range(2, 10), model="timm:c")])
    return compare_runs([first, second], resamples=200)


@unflushed
def hostile(folder: Path, names: tuple[str, ...]) -> Comparison:
    """Networks and defences with the worst names there are."""
    cells = []
    for place, name in enumerate(names):
        cells += [
            cell(range(2, 8), defense=f"{name} <i>&", access="oblivious", model=f"py:{name}:f"),
            cell(range(2, 38 - place), loss=0.1 * place, defense=f"{name} <i>&", model=f"py:{name}:f"),
        ]
    return compare_runs([make_run(folder / "$run #x", cells)], resamples=50)
