"""The memory format of a run is chosen once."""

import json
import sys

import pytest

from advwindow.models import memory_formats
from advwindow.sweep import Transport, make_sweep, run_sweep
from advwindow.sweep.formats import recall_formats

MODULE = sys.modules["advwindow.models.prepare"]
OFF = Transport(audit="off")


@pytest.fixture
def clock(monkeypatch):
    """Clears what was chosen, and decides which format is faster: ``clock(plain=True)``."""
    monkeypatch.setattr(MODULE, "_faster_plain", {})

    def decide(*, plain):
        def seconds(model, probe):
            weights = [weight for weight in model.parameters() if weight.ndim == 4]
            return 1.0 if all(weight.is_contiguous() for weight in weights) == plain else 9.0

        monkeypatch.setattr(MODULE, "_seconds", seconds)

    return decide


def sweep(study, steps=2):
    return make_sweep({**study, "attack": [{"name": "pgd", "eps": "8/255", "steps": steps}]})


@pytest.mark.parametrize("plain", [True, False])
def test_a_run_keeps_to_what_was_chosen_when_it_began(study, tmp_path, clock, monkeypatch, plain):
    clock(plain=plain)
    run = run_sweep(sweep(study), out=tmp_path / "run", transport=OFF)
    kept = json.loads((run.path / "formats.json").read_text())
    assert set(kept.values()) == {plain}
    folder = next((run.path / "cells").iterdir())
    (folder / "cell.json").unlink()
    monkeypatch.setattr(MODULE, "_faster_plain", {})
    clock(plain=not plain)  # the machine has other work now
    run_sweep(sweep(study), out=tmp_path / "run", transport=OFF)
    assert json.loads((run.path / "formats.json").read_text()) == kept
    assert set(memory_formats().values()) == {plain}


def test_a_worker_recalls_what_the_run_chose(study, tmp_path, clock, monkeypatch):
    clock(plain=True)
    run = run_sweep(sweep(study), out=tmp_path / "run", transport=OFF)
    monkeypatch.setattr(MODULE, "_faster_plain", {})
    assert not memory_formats()
    recall_formats(run.directory)
    assert memory_formats() == json.loads((run.path / "formats.json").read_text())
