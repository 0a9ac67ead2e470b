from __future__ import annotations

import re
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from advwindow.errors import IncompleteError
from advwindow.reports import print_plan, print_run
from tests.reports.runs import ATTACKS, Shape, make_run

if TYPE_CHECKING:
    from advwindow.runs import CellSpec


@dataclass(frozen=True)
class Cell:
    spec: CellSpec
    images: int
    gradients: int
    notes: tuple[str, ...] = ()


def printed(what, *arguments, width=120, colour=False, **options) -> str:
    file = StringIO()
    console = Console(file=file, width=width, force_terminal=colour, _environ={})
    what(*arguments, console, **options)
    return file.getvalue()


def speeds(cells, rate):
    return {cell.spec.cell_id: rate for cell in cells}


@pytest.mark.parametrize(("width", "left_out"), [(80, 1), (120, 0), (200, 0)])
def test_run_fits_the_width(run, width, left_out):
    text = printed(print_run, run, width=width)
    assert "\x1b" not in text
    assert max(len(line) for line in text.splitlines()) <= width
    assert "…" not in text
    assert ("left out for want of width" in text) == bool(left_out)
    assert (f"{left_out} weaker attack left out" in text) == bool(left_out)
    assert "sample:efficientnet-lite0 · sample:imagenet · glove-6b-50d · seed 0" in text


def test_run_tells_the_numbers(run, study):
    lines = printed(print_run, run).splitlines()
    text = "\n".join(lines)
    assert "20 images, clean accuracy 90 % (70–97 %); 18 images attacked; 17 concepts, 17 layers." in text
    row = next(line for line in lines if "8/255" in line)
    assert row.split() == ["PGD", "L∞", "8/255", "0", "%", "(0–16", "%)", "18", "of", "18", "4.0/255"]
    head = next(line for line in lines if line.startswith("head ")).split()
    assert head[3::2] == ["E", "E", "E", "EH", "E", "I"]
    drifts = [float(value.replace("−", "-")) for value in head[2::2]]
    wanted = [attack.rows()["drift"][-1] for attack in study.attacks]
    assert [float(head[1]), *drifts] == pytest.approx(
        [study.attacks[0].rows("clean")["alignment"][-1], *wanted][: len(drifts) + 1], abs=0.006
    )
    assert "! Only 17 concepts: collapse is not claimed with fewer than 20." in text
    assert "U unanchored" in text
    assert "meaning is eroded in 5 of them" in " ".join(text.split())
    assert "Meaning begins to erode at blocks.12 (PGD L∞ 4/255 and PGD L∞ 8/255), blocks.13" in text
    assert "Half-life at head, the best aligned layer: PGD L∞ " in text


def test_the_strongest_attacks_stay_when_there_is_no_room(run):
    text = printed(print_run, run, width=75 - 2 * 10)
    heads = next(line for line in text.splitlines() if line.startswith("layer "))
    assert "L∞ 8/255" in heads
    assert "L∞ 1/255" not in heads
    assert "3 weaker attacks left out" in text


def test_no_two_columns_have_the_same_heading(tmp_path):
    told = [("pgd", "linf", "8/255", {"steps": steps}, 0.5) for steps in (5, 40)]
    shape = Shape(attacks=told, layers=("in", "out"), target="least-likely")
    run = make_run(tmp_path / "run", shape)
    lines = printed(print_run, run).splitlines()
    assert ["to", "least-likely"] * 2 in [line.split() for line in lines]
    assert ["layer", "clean", "[1]", "[2]"] in [line.split() for line in lines]


def test_no_colour_where_it_is_not_wanted(run, monkeypatch):
    assert re.search(r"\x1b\[[0-9;]*3[0-9]", printed(print_run, run, colour=True))
    file = StringIO()
    print_run(run, Console(file=file, width=120, force_terminal=True, _environ={"NO_COLOR": "1"}))
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", file.getvalue())


def test_names_are_never_markup_and_long_networks_are_cut(tmp_path):
    layers = ("[red]x[/red]", "\x1b[31mred", *(f"block.{place}" for place in range(50)))
    run = make_run(
        tmp_path / "run", Shape(layers=layers, attacks=ATTACKS[3:4], caveats=("[bold]no[/bold]",)), missing=0
    )
    text = printed(print_run, run)
    assert "! [bold]no[/bold]" in text
    assert "\x1b" not in text
    assert re.search(r"\d+ layers left out that no attack finds aligned with words; the report has them.", text)
    assert "block.49" in text
    assert "block.0 " not in text


def test_missing_cells_are_told(tmp_path):
    assert "Incomplete: 2 of 6 cells missing." in printed(print_run, make_run(tmp_path / "a", missing=2))
    with pytest.raises(IncompleteError):
        printed(print_run, make_run(tmp_path / "b", missing=len(ATTACKS)))


def test_plan_tells_what_it_costs(run):
    cells = [Cell(spec, 18, gradients) for spec, gradients in zip(run.specs, (18, 180, 180, 180, 0, 3600), strict=True)]
    text = " ".join(printed(print_plan, cells, speeds(cells, 40.0), width=80).split())
    assert "sample:efficientnet-lite0 · sample:imagenet · glove-6b-50d · seed 0" in text
    assert "PGD L∞ 8/255 18 180" in text
    assert "PGD L₂ 2 18 unknown" in text
    assert (
        "6 cells to compute: at most 4,158 gradients, about 2 min at 40 gradients a second, and 1 cell whose cost is "
        "unknown. Looking through the window comes on top." in text
    )
    assert "state" not in text


def test_plan_tells_what_is_done(run):
    cells = [Cell(spec, 18, 100) for spec in run.specs]
    text = " ".join(printed(print_plan, cells, speeds(cells, 40.0), done={run.specs[0].cell_id}).split())
    assert "FGSM L∞ 4/255 18 100 done" in text
    assert "PGD L∞ 1/255 18 100 to do" in text
    assert "5 cells to compute: at most 500 gradients, about 12 s" in text


def test_plan_tells_once_what_is_not_as_the_protocol_says(run):
    cells = [
        Cell(spec, 18, 100, ("no [bold]squares[/bold]",) if place < 2 else ()) for place, spec in enumerate(run.specs)
    ]
    text = " ".join(printed(print_plan, cells, speeds(cells, 40.0)).split())
    assert text.count("! FGSM L∞ 4/255 and PGD L∞ 1/255: no [bold]squares[/bold]") == 1
    assert text.count("!") == 1


@pytest.mark.parametrize(
    ("gradients", "wanted"), [(100, "about 10 s"), (6000, "about 10 min"), (72_000, "about 2.0 h")]
)
def test_plan_speaks_in_fitting_units(run, gradients, wanted):
    cells = [Cell(run.specs[0], 1, gradients)]
    assert wanted in printed(print_plan, cells, speeds(cells, 10.0))
