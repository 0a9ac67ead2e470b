import json
import sys

import pytest

from advwindow.cli.report import report
from advwindow.errors import IncompleteError, MissingExtraError, UserError
from advwindow.reports.outputs.places import Place
from tests.cli.test_cli import advwindow
from tests.reports.runs import ATTACKS, Shape, make_run

TEXTS = ("json", "markdown", "latex")


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return make_run(tmp_path / "run", Shape(attacks=ATTACKS[3:4], layers=("first", "head")))


def test_other_outputs_come_without_a_pdf(run, tmp_path, capsys):
    files = {kind: tmp_path / f"x.{kind}" for kind in TEXTS}
    report(run.path, **files)
    assert json.loads(files["json"].read_text(encoding="utf-8"))["studies"]
    assert files["markdown"].read_text(encoding="utf-8").startswith("# Report")
    assert "tab:attacks-1" in files["latex"].read_text(encoding="utf-8")
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize("option", ["figures", *TEXTS])
def test_what_cannot_be_written_is_told_and_spoils_nothing(run, tmp_path, option):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match=r"cannot write .*Not a directory.*Fix: free some space or choose") as refused:
        report(run.path, **{option: tmp_path / "file" / "x"})
    assert refused.value.exit_code == 2
    assert (tmp_path / "file").read_text() == "mine"
    assert run.missing() == []


def test_an_output_that_is_there_stays_whole_where_the_new_one_fails(run, tmp_path, monkeypatch):
    target = tmp_path / "x.json"
    target.write_text("old")
    monkeypatch.setattr("advwindow.runs.atomic.os.fsync", full_disk)
    with pytest.raises(UserError, match="No space left"):
        report(run.path, json=target)
    assert target.read_text() == "old"
    assert not list(tmp_path.glob(".tmp-*"))


def full_disk(_):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("package", ["mlflow", "tensorboard"])
def test_a_missing_package_is_told_before_anything_is_written(run, tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"pip install 'advwindow\[{package}\]'"):
        report(run.path, json=tmp_path / "x.json", **{package: tmp_path / "there"})
    assert not (tmp_path / "x.json").exists()


class Tracker:
    def __init__(self, fails):
        self.fails = fails

    def cell_done(self, run, spec):
        if self.fails:
            raise RuntimeError("no such host")
        return True


@pytest.mark.parametrize("fails", [False, True])
def test_files_are_written_before_cells_are_sent(run, tmp_path, monkeypatch, capsys, fails):
    places = [Place("Tracker", "--tracker x", lambda: Tracker(fails))]
    monkeypatch.setattr("advwindow.reports.outputs.places.sending_places", lambda **_: places)
    options = {"json": tmp_path / "x.json", "mlflow": "x"}
    if fails:
        with pytest.raises(UserError, match="cannot send cells to Tracker: got 'RuntimeError: no such host'"):
            report(run.path, **options)
    else:
        report(run.path, **options)
        assert capsys.readouterr().err == "Tracker: 1 new cell, 0 there already\n"
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))["cells"] == 1


def test_what_is_done_of_an_incomplete_run_is_reported(tmp_path):
    run = make_run(tmp_path / "run", Shape(attacks=ATTACKS[2:4], layers=("first", "head")), missing=1)
    report(run.path, json=tmp_path / "x.json", markdown=tmp_path / "x.md")
    told = json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))
    assert told["missing"] == [spec.cell_id for spec in run.missing()]
    assert len(told["studies"][0]["attacks"]) == 1


@pytest.mark.parametrize("option", [*TEXTS, "figures", "tensorboard"])
def test_a_run_without_any_finished_cell_has_nothing_to_report(tmp_path, monkeypatch, option):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object())
    run = make_run(tmp_path / "run", Shape(attacks=ATTACKS[3:4], layers=("first", "head")), missing=1)
    with pytest.raises(IncompleteError, match="has no finished cell: got '0 of 1 cells'"):
        report(run.path, **{option: tmp_path / "x"})
    assert not (tmp_path / "x").exists()


def test_no_run_at_all_ends_with_2_and_one_line(tmp_path):
    done = advwindow("report", "nothing", "--json", "x.json", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: not a run directory: got 'nothing'")
    assert list(tmp_path.iterdir()) == []
