"""The audit of a sweep reads the tables of all its cells: faked tables make the right checks fire."""

from __future__ import annotations

import json

import polars as pl
import pytest
import torch

import advwindow as aw
from advwindow.attacks import make_attack, make_budgets, perform
from advwindow.attacks.audit import Trial
from advwindow.sweep import Library, Transport, make_sweep, run_sweep
from advwindow.sweep.audit import audit_run, audited_cells, stored_trials
from advwindow.sweep.executor import Silent

OFF = Transport(audit="off")
COUNT = 24
PGD = {"name": "pgd", "steps": 3}


@pytest.fixture
def sweep(study, tmp_path):
    """A finished sweep without an audit; its directory by attacks."""

    def finished(*attacks):
        return run_sweep(make_sweep(study | {"attack": list(attacks)}), out=tmp_path / "run", transport=OFF).directory

    return finished


def fake(run, condition, fallen, *, blind=False):
    """Write a finished cell's tables anew, as if its attack had fooled these images and no others."""
    (spec,) = [each for each in run.done() if each.condition == condition]
    won = pl.Series([place in fallen for place in range(COUNT)])
    table = run.table(spec, "samples").with_columns(
        won.alias("success"),
        pl.when(won).then(pl.lit("success")).otherwise(pl.lit("failed")).alias("status"),
        pl.lit(0.0).alias("distance"),
        *[pl.lit(0).alias("backwards")] * blind,
    )
    folder = run.path / "cells" / spec.cell_id
    table.write_parquet(folder / "samples.parquet")
    cell = json.loads((folder / "cell.json").read_text())
    cell["summary"]["robust_accuracy"] = 1 - len(fallen) / COUNT
    (folder / "cell.json").write_text(json.dumps(cell))


def audited(run):
    """What the audit of the only subject found, and for which attack."""
    (spec,) = audited_cells(run)
    audit_run(run, Library(torch.device("cpu")), "quick", OFF, Silent())
    found = run.audit(spec)
    return spec.condition, {each["code"]: each for each in found["findings"]}


def test_one_step_that_beats_many_is_found_in_the_tables(sweep):
    run = sweep({"name": "fgsm", "eps": ["8/255"]}, PGD | {"eps": ["8/255"]})
    fake(run, "pgd linf 8/255", range(16))
    fake(run, "fgsm linf 8/255", range(10, 22))
    condition, found = audited(run)
    assert condition == "pgd linf 8/255"
    assert found["S1"]["verdict"] == "fail"
    assert found["S1"]["numbers"] == {"lost": 6, "images": COUNT}
    assert found["S13"]["numbers"] == {"worst_case": 2 / COUNT, "alone": 8 / COUNT}


def test_one_step_with_the_lowest_robust_accuracy_is_audited_and_found(sweep):
    run = sweep({"name": "fgsm", "eps": ["8/255"]}, PGD | {"eps": ["8/255"]})
    fake(run, "pgd linf 8/255", range(4))
    fake(run, "fgsm linf 8/255", range(20))
    condition, found = audited(run)
    assert condition == "fgsm linf 8/255"
    assert found["S1"]["numbers"] == {"lost": 16, "images": COUNT}
    assert found["S1"]["verdict"] == "fail"


def test_robust_accuracy_that_rises_with_epsilon_is_found_in_the_tables(sweep):
    run = sweep(PGD | {"eps": ["4/255", "8/255", "16/255"]})
    fake(run, "pgd linf 4/255", range(8))
    fake(run, "pgd linf 8/255", range(18))
    fake(run, "pgd linf 16/255", range(5, 15))
    condition, found = audited(run)
    assert condition == "pgd linf 8/255"
    assert found["S2"]["verdict"] == "fail"
    assert found["S2"]["numbers"] == {"violations": 8, "images": COUNT, "epsilons": 3}


def test_queries_that_beat_gradients_are_found_in_the_tables(sweep):
    run = sweep(PGD | {"eps": ["8/255"]}, {"name": "bim", "steps": 3, "eps": ["8/255"]})
    fake(run, "pgd linf 8/255", range(18))
    fake(run, "bim linf 8/255", range(10, 22), blind=True)
    found = audited(run)[1]
    assert found["S7"]["verdict"] == "fail"
    assert found["S7"]["numbers"] == {"lost": 4, "images": COUNT}


def test_an_honest_sweep_raises_no_alarm_over_all_its_images(sweep):
    run = sweep(
        {"name": "fgsm", "eps": ["4/255", "8/255"]},
        {"name": "pgd", "steps": 20, "eps": ["4/255", "8/255"]},
        {"name": "square", "queries": 50, "eps": ["4/255"]},
        PGD | {"eps": ["8/255"], "target": "runner-up"},
    )
    found = audited(run)[1]
    compared = {code: found[code] for code in ("S1", "S2", "S7", "S13")}
    assert {code: each["verdict"] for code, each in compared.items()} == dict.fromkeys(compared, "pass")
    assert [compared[code]["numbers"]["images"] for code in ("S1", "S2", "S7")] == [COUNT] * 3
    assert "fgsm, pgd, square" in found["S13"]["summary"]


def test_attacks_of_one_name_are_told_apart_by_their_parameters(sweep):
    run = sweep(PGD | {"eps": ["8/255", "16/255"]}, {"name": "pgd", "steps": 9, "eps": ["16/255"]})
    names = {trial.attack for trial in stored_trials(run, run.done()).values()}
    assert names == {"pgd (steps 3)", "pgd (steps 9)"}
    fake(run, "pgd linf 8/255", range(20))
    first, second = (spec for spec in run.done() if spec.eps == "16/255")
    assert stored_trials(run, [first, second])[second.cell_id].attack == "pgd (steps 9)"
    assert audited(run)[1]["S2"]["numbers"]["epsilons"] == 2


def test_of_equals_the_attack_of_many_steps_is_audited(sweep):
    run = sweep({"name": "fgsm", "eps": ["8/255"]}, PGD | {"eps": ["8/255"]})
    for condition in ("fgsm linf 8/255", "pgd linf 8/255"):
        fake(run, condition, range(9))
    assert [spec.attack for spec in audited_cells(run)] == ["pgd"]


def test_stored_trials_say_what_outcomes_say(sweep, study):
    run = sweep(PGD | {"eps": ["8/255"]}, {"name": "cw", "steps": 20, "search_steps": 2, "initial_c": 10.0})
    model, images = aw.load_model(study["models"][0]), aw.load_images(study["images"][0])
    stored = stored_trials(run, run.done())
    for spec in run.done():
        attack, budgets = make_attack(spec.attack, spec.parameters), make_budgets(spec.eps, spec.norm)
        x, y = images.pixels(), torch.tensor(images.labels)
        (outcome,) = perform(spec.attack, attack, model, x, y, budgets, ids=images.ids)
        made, expected = stored[spec.cell_id], Trial.of(outcome)
        for field in ("tried", "success", "distance"):
            assert torch.equal(getattr(made, field), getattr(expected, field))
        for field in ("attack", "budget", "blind", "single", "carried"):
            assert getattr(made, field) == getattr(expected, field)


def test_an_audit_is_made_once_for_each_level(sweep, monkeypatch):
    run = sweep(PGD | {"eps": ["8/255"]})
    audited(run)
    from advwindow.sweep import audit as module

    monkeypatch.setattr(module, "_audit", lambda *_: pytest.fail("audited again"))
    audit_run(run, Library(torch.device("cpu")), "quick", OFF, Silent())
    events = [json.loads(line) for line in (run.path / "events.jsonl").read_text().splitlines()]
    assert [event["level"] for event in events if event["event"] == "audit done"] == ["quick"]


def test_a_watcher_is_told_what_is_audited_once(sweep):
    class Watching(Silent):
        def audit_started(self, spec, level):
            seen.append((spec.condition, level))

    seen = []
    run, watcher = sweep(PGD | {"eps": ["8/255"]}), Watching()
    for _ in range(2):
        audit_run(run, Library(torch.device("cpu")), "quick", OFF, watcher)
    assert seen == [("pgd linf 8/255", "quick")]
