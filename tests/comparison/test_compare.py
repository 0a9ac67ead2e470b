import polars as pl

from advwindow.comparison import TABLES, compare_runs
from tests.comparison.runs import cell, make_run, strong_looking


def test_one_run_and_the_same_in_two_give_the_same_numbers(tmp_path):
    models = ({"model": "sample:a"}, {"model": "sample:b"})
    cells = [cell(range(4 * place), range(place), **model) for place, model in enumerate(models)]
    together = compare_runs([make_run(tmp_path / "both", cells)])
    apart = compare_runs([make_run(tmp_path / f"run-{place}", [each]) for place, each in enumerate(cells)])
    for name in set(TABLES) - {"matrix"}:
        assert getattr(together, name).equals(getattr(apart, name)), name
    assert together.matrix.drop("run").equals(apart.matrix.drop("run"))
    assert apart.matrix["run"].to_list() == ["run-0", "run-1"]


def test_a_single_entry(tmp_path):
    found = compare_runs([make_run(tmp_path / "run", [cell({1})])])
    assert found.pairs.is_empty()
    assert found.pairs.schema["p_holm"] == pl.Float64
    assert found.ranks.select("rank", "rank_low", "rank_high", "tested_high").rows() == [(1, 1, 1, 1)]
    assert found.front["on_front"].to_list() == [True]


def test_empty_tables_keep_their_columns(tmp_path):
    found = compare_runs([make_run(tmp_path / "run", [cell()])])
    full = compare_runs([strong_looking(tmp_path / "full")])
    assert found.contrasts.is_empty()
    for name in TABLES:
        assert getattr(found, name).schema == getattr(full, name).schema


def test_budgets_are_those_of_the_tables(tmp_path):
    minimal = cell(norm="l2", eps="min", attack="cw", parameters={})
    cells = [cell(eps="8/255"), cell(eps="2/255"), cell(norm="l2", eps="1"), minimal]
    found = compare_runs([make_run(tmp_path / "run", cells)])
    assert [str(budget) for budget in found.budgets] == ["linf 2/255", "linf 8/255", "l2 1"]
    assert found.matrix.select("norm", "eps").rows() == [("linf", "2/255"), ("linf", "8/255"), ("l2", "1")]
