from advwindow.comparison import compare_runs, readable_tables
from advwindow.comparison.readable import _interval, _percent
from tests.comparison.runs import DEFENCE, cell, make_run, strong_looking


def test_numbers_as_people_read_them(tmp_path):
    tables = readable_tables(compare_runs([strong_looking(tmp_path / "run")]))
    assert list(tables) == ["Robust accuracy", "Meaning", "Attacks", "Pairs", "Ranks"]
    accuracy = tables["Robust accuracy"]
    assert accuracy.columns[:4] == ["entry", "budget", "n", "clean %"]
    assert accuracy["entry"].to_list() == ["sample:plain", f"sample:plain + {DEFENCE}"]
    assert accuracy["oblivious %"].to_list() == ["–", "75.0 [59.8, 85.8]"]
    assert accuracy["gradients"].to_list() == ["800", "1,200"]
    pairs = tables["Pairs"].row(0, named=True)
    assert pairs["difference in points"] == "−12.5 [−26.1, −1.3]"
    assert (pairs["p"], pairs["better"]) == ("0.062", "–")
    assert tables["Ranks"]["rank by tests"].to_list() == ["1 to 2", "1 to 2"]


def test_every_cell_is_text(tmp_path):
    for table in readable_tables(compare_runs([strong_looking(tmp_path / "run")])).values():
        assert all(isinstance(cell, str) and cell for row in table.rows() for cell in row)


def test_no_difference_has_no_sign_of_minus(tmp_path):
    cells = [cell(model="sample:a"), cell(model="sample:b")]
    tables = readable_tables(compare_runs([make_run(tmp_path / "run", cells)]))
    assert tables["Pairs"]["difference in points"][0].startswith("+0.0 [−")


def test_what_rounds_to_nothing_has_no_sign_of_minus():
    show = _interval("d", low="low", high="high", signed=True)
    assert show({"d": -0.0002, "low": -0.0104, "high": 0.01}) == "+0.0 [−1.0, +1.0]"
    whole = _percent("d", digits=0)
    assert [whole({"d": share}) for share in (-0.002, -0.02, None)] == ["0", "−2", "–"]


def test_a_single_entry_has_no_pairs(tmp_path):
    tables = readable_tables(compare_runs([make_run(tmp_path / "run", [cell()])]))
    assert list(tables) == ["Robust accuracy", "Meaning", "Attacks"]


def test_smallest_perturbations_and_small_p(tmp_path):
    minimal = {"attack": "cw", "parameters": {}, "norm": "l2", "eps": "min"}
    cells = [cell(range(30), model="sample:a", **minimal), cell(model="sample:b", **minimal)]
    pairs = readable_tables(compare_runs([make_run(tmp_path / "run", cells)]))["Pairs"].row(0, named=True)
    assert (pairs["budget"], pairs["p"], pairs["better"]) == ("l2 minimal", "<0.001", "sample:b")
