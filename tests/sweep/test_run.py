import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal

import advwindow as aw
from advwindow.errors import IncompleteError, UserError
from advwindow.sweep import Library, Transport, make_plan, make_sweep, run_sweep
from advwindow.window import Evidence

ATTACKS = [{"name": "fgsm", "eps": ["8/255"]}, {"name": "pgd", "eps": ["4/255", "16/255"], "steps": 3}]


def _content(study, attacks=ATTACKS):
    return study | {"attack": attacks}


def _numbers(run):
    """All tables without the seconds they took."""
    cells = run.cells.drop("attack_seconds", "window_seconds")
    return cells, run.samples, run.layers


def test_a_sweep_from_python_gives_tables(study, tmp_path):
    run = aw.attack(
        model=study["models"],
        images=study["images"],
        words=study["words"],
        attacks=["fgsm", {"name": "cw", "steps": 100, "search_steps": 2, "initial_c": 10.0}],
        eps=["8/255"],
        window=study["window"],
        out=tmp_path / "run",
    )
    assert run.cells["condition"].to_list() == ["fgsm linf 8/255", "cw l2 minimal"]
    assert len(run.samples) == 48
    assert set(run.layers["condition"].unique()) == {"clean", "noise", "attack"}
    assert run.samples.filter(pl.col("attack") == "cw l2 minimal")["distance"].is_finite().any()
    assert aw.open_run(tmp_path / "run").cells.equals(run.cells)


def test_the_numbers_of_a_cell_are_those_of_the_python_functions(study, tmp_path):
    run = run_sweep(make_sweep(_content(study)), out=tmp_path / "run")
    model, images = aw.load_model(study["models"][0]), aw.load_images(study["images"][0])
    x, y = images.pixels(), torch.tensor(images.labels)
    out = aw.attacks.pgd(model, x, y, eps="4/255", steps=3, ids=images.ids)
    row = run.cells.filter(pl.col("condition") == "pgd linf 4/255")
    assert row["robust_accuracy"].item() == out.robust_accuracy()
    samples = run.samples.filter(pl.col("attack") == "pgd linf 4/255")
    assert samples["success"].to_list() == out.success.tolist()
    assert samples["linf"].max() <= 4 / 255


def test_cells_have_the_same_identity_whatever_carries_them(study):
    cells = make_plan(Library(torch.device("cpu")), make_sweep(_content(study)))
    again = make_plan(Library(torch.device("cpu")), make_sweep(_content(study)))
    assert [c.spec.cell_id for c in cells] == [c.spec.cell_id for c in again]
    assert len({c.spec.cell_id for c in cells}) == 3


def test_batch_size_changes_nothing(study, tmp_path):
    sweep = make_sweep(_content(study))
    one = run_sweep(sweep, out=tmp_path / "a", transport=Transport(batch_size=1))
    many = run_sweep(sweep, out=tmp_path / "b", transport=Transport(batch_size=64))
    for left, right in zip(_numbers(one), _numbers(many), strict=True):
        assert_frame_equal(left, right, abs_tol=1e-4)


@pytest.mark.slow
def test_workers_change_nothing(study, tmp_path):
    study = study | {"models": ["file:tests/sweep/parts.py:make_model"]}
    sweep = make_sweep(_content(study))
    one = run_sweep(sweep, out=tmp_path / "a")
    two = run_sweep(sweep, out=tmp_path / "b", transport=Transport(workers=2))
    for left, right in zip(_numbers(one), _numbers(two), strict=True):
        assert_frame_equal(left, right, abs_tol=1e-4)


def test_a_second_call_computes_nothing(study, tmp_path, monkeypatch):
    sweep = make_sweep(_content(study))
    first = _numbers(run_sweep(sweep, out=tmp_path / "run"))
    from advwindow.sweep import executor

    monkeypatch.setattr(executor, "compute_cell", lambda *_: pytest.fail("computed again"))
    second = _numbers(run_sweep(sweep, out=tmp_path / "run"))
    for left, right in zip(first, second, strict=True):
        assert_frame_equal(left, right)


def test_an_interrupt_loses_only_the_cell_in_progress(study, tmp_path, monkeypatch):
    sweep = make_sweep(_content(study))
    from advwindow.sweep import executor

    real, calls = executor.compute_cell, []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(executor, "compute_cell", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_sweep(sweep, out=tmp_path / "run")
    monkeypatch.undo()
    resumed = run_sweep(sweep, out=tmp_path / "run")
    whole = run_sweep(sweep, out=tmp_path / "other")
    assert len(calls) == 2
    for left, right in zip(_numbers(resumed), _numbers(whole), strict=True):
        assert_frame_equal(left, right)


def test_a_cell_that_fails_is_missing_and_the_others_go_on(study, tmp_path):
    attacks = [{"name": "foolbox:BinarizationRefinementAttack"}, {"name": "fgsm", "eps": ["8/255"]}]
    with pytest.raises(IncompleteError, match="1 of 2 cells"):
        run_sweep(make_sweep(_content(study, attacks)), out=tmp_path / "run")
    run = aw.open_run(tmp_path / "run")
    assert run.cells["condition"].to_list() == ["fgsm linf 8/255"]
    events = [json.loads(line) for line in (tmp_path / "run" / "events.jsonl").read_text().splitlines()]
    assert any(
        event["event"] == "cell failed" and "foolbox:BinarizationRefinementAttack failed" in event["reason"]
        for event in events
    )


def test_a_cell_that_breaks_is_logged_with_its_traceback_and_the_others_go_on(study, tmp_path, monkeypatch):
    from advwindow.sweep import executor

    real = executor.compute_cell
    monkeypatch.setattr(
        executor, "compute_cell", lambda spec, *rest: 1 / 0 if spec.attack == "fgsm" else real(spec, *rest)
    )
    with pytest.raises(IncompleteError, match="1 of 3 cells"):
        run_sweep(make_sweep(_content(study)), out=tmp_path / "run")
    assert "ZeroDivisionError" in (tmp_path / "run" / "events.jsonl").read_text()
    assert len(aw.open_run(tmp_path / "run").cells) == 2


def test_another_forward_with_the_same_weights_is_another_cell(study, tmp_path):
    text = (
        "from tests.sweep.parts import *\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.net = network()\n"
        "    def forward(self, x):\n"
        "        return self.net(CHANGE)\n"
        "def make():\n"
        "    return Classifier(Net(), label_names=NAMES)\n"
    )
    ids = []
    for number, change in enumerate(("x", "x * 1.01")):
        (tmp_path / f"net{number}.py").write_text(text.replace("CHANGE", change))
        sweep = make_sweep(_content(study | {"models": [f"file:{tmp_path}/net{number}.py:make"]}, ATTACKS[:1]))
        (cell,) = make_plan(Library(torch.device("cpu")), sweep)
        ids.append(cell.spec.model_sha256)
    assert ids[0] != ids[1]


def test_another_sweep_in_the_same_folder_is_refused(study, tmp_path):
    run_sweep(make_sweep(_content(study, ATTACKS[:1])), out=tmp_path / "run")
    with pytest.raises(UserError, match="another sweep"):
        run_sweep(make_sweep(_content(study)), out=tmp_path / "run")


def test_targeted_cells_count_only_the_target(study, tmp_path):
    attacks = [{"name": "pgd", "eps": ["32/255"], "steps": 5, "target": "runner-up"}]
    run = run_sweep(make_sweep(_content(study, attacks)), out=tmp_path / "run")
    samples = run.samples
    assert (samples["success"] == (samples["prediction"] == samples["target"])).all()


def test_only_targets_that_were_reached_are_held_against_the_truth(study, tmp_path):
    """An image that kept its class, or went elsewhere, has nothing to do with the target's word."""
    attacks = [{"name": "pgd", "eps": ["32/255"], "steps": 5, "target": "least-likely"}]
    run = run_sweep(make_sweep(_content(study, attacks)), out=tmp_path / "run")
    spec = run.directory.specs[0]
    samples = run.samples
    won = samples.filter("success")
    assert 0 < len(won) < len(samples)
    evidence = Evidence.from_arrays(*run.directory.arrays(spec, "grams"))
    under = evidence.trials.condition == evidence.conditions.index("attack")
    assert evidence.trials.truth[under].tolist() == won["label"].to_list()
    assert evidence.trials.wrong[under].tolist() == won["target"].to_list()
    assert set(run.layers.filter(condition="attack")["one_vs_two_n"]) == {len(won)}


@pytest.mark.slow
def test_kill_9_then_resume_gives_equal_tables(study, tmp_path):
    attacks = [{"name": "pgd", "eps": [f"{k}/255" for k in (1, 2, 4, 8, 16, 32)], "steps": 40}]
    study = study | {"models": [f"file:{Path(__file__).parent}/parts.py:make_model"]}
    sweep = make_sweep(_content(study, attacks))
    whole = run_sweep(sweep, out=tmp_path / "whole")
    file = tmp_path / "sweep.toml"
    file.write_text((tmp_path / "whole" / "sweep.toml").read_text())
    command = [sys.executable, "-m", "advwindow", "attack", str(file), "--out", str(tmp_path / "killed")]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    finished = tmp_path / "killed" / "cells"
    for wanted in (0, 1, 3):
        process = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 60
        while len(list(finished.glob("[0-9a-f]*"))) < wanted or not finished.exists():
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert wanted <= len(list(finished.glob("[0-9a-f]*"))) < 6
    resumed = run_sweep(sweep, out=tmp_path / "killed")
    assert not list((tmp_path / "killed" / "cells").glob(".tmp-*"))
    for left, right in zip(_numbers(resumed), _numbers(whole), strict=True):
        assert_frame_equal(left, right, abs_tol=1e-5)


def test_what_is_not_as_the_protocol_says_is_planned_and_kept(study, tmp_path):
    attacks = [{"name": "auto", "norm": "l1", "eps": ["0.01"], "steps": 2}, ATTACKS[0]]
    sweep = make_sweep(_content(study, attacks))
    missing = "square is left out: it has no squares in l1"
    auto, fgsm = make_plan(Library(torch.device("cpu")), sweep)
    assert auto.notes == ("not the standard protocol: steps = 2 instead of 100", missing)
    assert fgsm.notes == ()
    run = run_sweep(sweep, out=tmp_path / "run")
    assert missing in run.directory.summary(auto.spec)["caveats"]
    assert missing not in run.directory.summary(fgsm.spec)["caveats"]
