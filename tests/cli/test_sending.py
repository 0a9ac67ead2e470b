"""Cells sent while a run goes on: to stand-ins that can fail, and to the real trackers where they are installed."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter

import pytest
import typer

from advwindow import sweep as sweeps
from advwindow.cli import sending
from advwindow.cli.attack import run_watched
from advwindow.reports.outputs.places import Place
from advwindow.runs import RunDirectory
from tests.cli.test_cli import ROOT, SWEEP, advwindow
from tests.sweep import parts


class Tracker:
    """Keeps the ids of cells; fails, waits or interrupts as it is told."""

    def __init__(self, broken=False):
        self.kept, self.broken = Counter(), broken
        self.place = Place("Tracker", "--tracker x", lambda: self)

    def cell_done(self, run, spec):
        if self.broken:
            raise OSError("no space left on the device")
        new = not self.kept[spec.cell_id]
        self.kept[spec.cell_id] += new
        return new


@pytest.fixture
def watched(study, tmp_path):
    """Run a sweep of two cells as the command does."""

    def run(places, **transport):
        content = study | {"attack": [{"name": "pgd", "eps": ["2/255", "8/255"], "steps": 2}]}
        sweep = sweeps.make_sweep(content)
        library = sweeps.Library(sweeps.parse_device("cpu"))
        cells = sweeps.make_plan(library, sweep)
        options = sweeps.Transport(**{"audit": "off", **transport})
        return run_watched([sweep], cells, library, tmp_path / "run", options, places=places)

    return run


@pytest.fixture
def study(tmp_path):
    return {
        "models": ["py:tests.sweep.parts:make_model"],
        "images": [parts.write_images(tmp_path / "images.npz")],
        "words": [parts.write_words(tmp_path / "words.npz")],
        "window": {"permutations": 99},
    }


def test_every_cell_is_sent_once_however_often_the_command_is_repeated(watched, capsys):
    tracker, later = Tracker(), Tracker()
    run = watched([tracker.place])
    cells = {spec.cell_id: 1 for spec in run.directory.specs}
    assert tracker.kept == cells
    watched([tracker.place, later.place])  # nothing left to compute
    assert tracker.kept == later.kept == cells
    assert "warning" not in capsys.readouterr().err


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_tracker_that_fails_costs_nothing_but_a_warning(watched, capsys, workers):
    broken, sound = Tracker(broken=True), Tracker()
    run = watched([broken.place, sound.place], workers=workers)
    assert run.directory.missing() == []
    assert len(sound.kept) == 2
    told = capsys.readouterr().err
    assert told.count("cannot send to Tracker: OSError: no space left on the device. The run goes on.") == 1
    assert "2 cells not sent to Tracker (pgd linf 2/255, pgd linf 8/255), but safe in the run." in told
    assert f"Later: advwindow report {run.path} --tracker x\n" in told
    broken.broken = False
    watched([broken.place])
    assert broken.kept == sound.kept


def test_an_interrupt_keeps_what_was_sent_and_going_on_sends_the_rest(watched, tmp_path, monkeypatch, capsys):
    tracker = Tracker()
    with monkeypatch.context() as patched:
        done = sending.Sending.cell_done

        def interrupt(self, spec, seconds):
            done(self, spec, seconds)
            raise KeyboardInterrupt

        patched.setattr(sending.Sending, "cell_done", interrupt)
        with pytest.raises(typer.Exit) as stopped:
            watched([tracker.place])
    assert stopped.value.exit_code == 130
    assert "1 of 2 cells are done" in capsys.readouterr().err
    assert list(tracker.kept) == [spec.cell_id for spec in RunDirectory(tmp_path / "run").done()]
    watched([tracker.place])
    assert sorted(tracker.kept.values()) == [1, 1]


def test_a_missing_tracker_is_told_before_anything_is_computed(tmp_path):
    blocked = "import sys; sys.modules['mlflow'] = None; from advwindow.cli import main; main()"
    command = [sys.executable, "-c", blocked, "attack", "--out", "runs/x", "--mlflow", "sqlite:///x.db"]
    done = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert "pip install 'advwindow[mlflow]'" in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.fixture
def sweep(tmp_path):
    images = parts.write_images(tmp_path / "images.npz")
    words = parts.write_words(tmp_path / "words.npz")
    file = tmp_path / "tiny.toml"
    file.write_text(SWEEP.format(root=ROOT, images=images, words=words, steps=3))
    return file


@pytest.mark.slow
def test_tensorboard_after_a_kill_and_again(sweep, tmp_path):
    pytest.importorskip("tensorboard")
    arguments = ["attack", sweep, "--out", "runs/x", "--audit", "off", "--tensorboard", "events"]
    command = [sys.executable, "-m", "advwindow", *map(str, arguments)]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("runs/x/cells/[0-9a-f]*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    done = advwindow(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    cells = {folder.name for folder in (tmp_path / "runs" / "x" / "cells").iterdir()}
    events = [folder.name[-16:] for folder in (tmp_path / "events").iterdir()]
    assert len(cells) == 2
    assert sorted(events) == sorted(cells)
    again = advwindow("report", "runs/x", "--tensorboard", "events", cwd=tmp_path)
    assert again.stderr == "TensorBoard: 0 new cells, 2 there already\n"


@pytest.mark.slow
def test_a_locked_store_of_mlflow_does_not_stop_the_run(sweep, tmp_path):
    pytest.importorskip("mlflow")
    store = tmp_path / "mlflow.db"
    arguments = ["attack", sweep, "--out", "runs/x", "--audit", "off", "--mlflow", f"sqlite:///{store}"]
    with sqlite3.connect(store) as held:
        held.execute("begin exclusive")
        first = advwindow(*arguments, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert first.stderr.count("cannot send to MLflow") == 1
    assert "locked" in first.stderr
    command = f"advwindow report runs/x --mlflow sqlite:///{store}"
    assert command in first.stderr
    later = advwindow(*command.split()[1:], cwd=tmp_path)
    assert later.returncode == 0, later.stderr
    assert "MLflow: 2 new cells, 0 there already" in later.stderr
    again = advwindow(*arguments, cwd=tmp_path)
    assert again.returncode == 0
    assert "warning" not in again.stderr
    with sqlite3.connect(store) as found:
        assert found.execute("select count(*) from runs").fetchone() == (2,)
