"""Models and defences side by side, on the terminal."""

import io

import pytest
from rich.console import Console

from advwindow.comparison import compare_runs
from advwindow.reports import print_comparison
from tests.comparison.runs import cell, make_run


@pytest.fixture
def comparison(tmp_path):
    cells = [cell(), *(cell(defense="jpeg", access=access) for access in ("oblivious", "adaptive"))]
    return compare_runs([make_run(tmp_path / "run", cells)])


def printed(comparison, width=80):
    console = Console(file=io.StringIO(), width=width, color_system=None)
    print_comparison(comparison, console)
    return console.file.getvalue()


def test_the_terminal_shows_every_number_within_80_columns(comparison):
    text = printed(comparison)
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    for row in comparison.matrix.iter_rows(named=True):
        assert row["entry"] in text
        assert f"{100 * row['robust']:.1f} [{100 * row['robust_low']:.1f}, {100 * row['robust_high']:.1f}]" in text
        assert f"{100 * row['clean']:.1f}" in text
