import polars as pl
import pytest

from advwindow.comparison import compare_runs
from advwindow.comparison.geometry import survival
from tests.comparison.runs import DEFENCE, SHAPE, cell, make_run, strong_looking


def layers(rows):
    names = ("clean_alignment", "alignment", "verdict", "hijacked")
    return pl.DataFrame(rows, schema=names, orient="row")


def test_survival_by_hand():
    found = survival(
        layers([
            (0.05, 0.04, "unanchored", False),
            (0.2, 0.2, "intact", False),
            (0.4, 0.2, "eroded", True),
            (0.4, 0.0, "collapsed", False),
            (0.3, None, "intact", False),
        ])
    )  # fmt: skip
    assert found.retention == pytest.approx(0.4 / 1.0)
    assert found.counts == {"layers": 5, "unanchored": 1, "intact": 2, "eroded": 1, "collapsed": 1, "hijacked": 1}


def test_survival_where_nothing_was_aligned():
    assert survival(layers([(0.05, 0.04, "unanchored", False)])).retention is None


def test_layers_hold_what_the_cells_hold(tmp_path):
    run = strong_looking(tmp_path / "run")
    found = compare_runs([run])
    assert found.layers.height == len(run.specs) * len(SHAPE.layers)
    for spec in run.specs:
        table = run.table(spec, "layers")
        mine = found.layers.filter(cell=spec.cell_id)
        assert mine["layer"].to_list() == list(SHAPE.layers)
        for condition, column in (("clean", "clean_alignment"), ("noise", "noise_alignment"), ("attack", "alignment")):
            stored = table.filter(condition=condition).sort("depth")["alignment"]
            assert mine[column].to_list() == stored.to_list()
        attacked = table.filter(condition="attack")
        for column in ("retention", "retention_low", "verdict", "hijacked", "display"):
            assert mine[column].to_list() == attacked[column].to_list()
        assert set(mine["condition"]) == {spec.condition}


def test_cells_as_they_were_run(tmp_path):
    run = strong_looking(tmp_path / "run")
    cells = compare_runs([run]).cells
    assert cells["cell"].to_list() == [spec.cell_id for spec in run.specs]
    assert cells["robust"].to_list() == [0, 20 / 40, 10 / 40, 30 / 40, 6 / 40, 20 / 40, 26 / 40]
    assert cells["median_distance"].to_list() == [0.03, 0.03, 0.01, 0.03, 0.03, 0.03, 0.01]
    assert cells["access"][3] == "oblivious"
    assert set(cells["first_eroding"]) == {"block4"}
    assert cells["area"][0] == pytest.approx(0.45)
    assert cells["retention"][0] < cells["retention"][4]


def test_the_matrix_shows_the_strongest_attack_that_knows_the_defence(tmp_path):
    shielded = {"defense": DEFENCE}
    cells = [
        cell(range(35), access="oblivious", loss=0.1, **shielded),
        cell(range(10), loss=0.2, **shielded),
        cell(range(20), loss=0.7, attack="square", parameters={}, **shielded),
        cell(range(30), attack="fmn", parameters={}, eps="min", loss=0.1, **shielded),
        cell(range(30), eps="4/255", loss=0.3, **shielded),
    ]
    found = compare_runs([make_run(tmp_path / "run", cells)])
    assert found.matrix.select("eps", "strongest").rows() == [
        ("4/255", "pgd adaptive"),
        ("8/255", "square black-box"),
    ]
    row = found.matrix.filter(eps="8/255").row(0, named=True)
    chosen = found.cells.filter(attack="square").row(0, named=True)
    for column in ("retention", "layers", "unanchored", "intact", "eroded", "collapsed", "hijacked"):
        assert row[column] == chosen[column]


def test_of_equally_strong_attacks_the_one_that_leaves_least_meaning(tmp_path):
    cells = [cell(range(10), loss=0.2), cell(range(5, 15), loss=0.8, parameters={"steps": 20})]
    found = compare_runs([make_run(tmp_path / "run", cells)])
    assert found.matrix["retention"][0] == found.cells["retention"].min()
    assert found.cells["retention"].n_unique() == 2
