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


def test_pairs_are_the_surest_ones_with_all_their_digits(tmp_path):
    cells = [cell(range(30 * place), model=f"timm:net-{place}", count=400) for place in range(1, 13)]
    comparison = compare_runs([make_run(tmp_path / "run", cells)], resamples=20)
    significant = comparison.pairs.filter(comparison.pairs["better"] != "")
    assert len(significant) > 20
    text = printed(comparison)
    assert "…" not in text
    table = text.partition("Pairs")[2].partition("Ranks")[0]
    assert f"{len(significant) - 20} more differences are significant; --out writes them all." in table
    shown = [line.split() for line in table.splitlines() if line.startswith("linf")]
    assert len(shown) == 20
    assert shown[0][2:5] == ["1", "12", "+82.5"]
    points = [float(row[4]) for row in shown]
    assert points == sorted(points, reverse=True)
    assert min(points) >= significant["difference"].abs().sort(descending=True)[19] * 100 - 0.1


def test_no_pair_without_a_significant_difference(comparison):
    assert "Pairs: no difference is significant after Holm's adjustment." in printed(comparison)
