import dataclasses
import json
import os
import signal

import numpy as np
import pytest

from advwindow.errors import UserError
from advwindow.runs import RunDirectory

from .specs import result, spec


@pytest.fixture
def run(tmp_path):
    specs = [spec(), spec(eps="4/255")]
    return RunDirectory.create(tmp_path / "run", specs, sweep_toml='name = "x"\n', manifest={"command": "x"})


def test_a_cell_is_missing_until_it_is_complete(run):
    assert run.missing() == list(run.specs)
    run.save(run.specs[0], result())
    assert run.missing() == [run.specs[1]]
    assert run.done() == [run.specs[0]]


def test_what_is_saved_is_read_back(run):
    run.save(run.specs[0], result(0.25))
    again = RunDirectory(run.path)
    assert again.specs == run.specs
    assert again.summary(run.specs[0])["robust_accuracy"] == 0.25
    assert again.table(run.specs[0], "layers")["value"].to_list() == [0.25]
    arrays, metadata = again.arrays(run.specs[0], "grams")
    assert arrays["block/gram"].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert metadata == {"evidence": "{}"}
    assert again.sweep_toml() == 'name = "x"\n'


def test_tables_join_all_cells(run):
    run.save(run.specs[0], result(0.1))
    run.save(run.specs[1], result(0.2))
    table = run.tables("samples")
    assert table["value"].to_list() == [0.1, 0.2]
    assert table["attack"].to_list() == ["pgd linf 8/255", "pgd linf 4/255"]
    cells = run.cells()
    assert cells["cell"].to_list() == [each.cell_id for each in run.specs]
    assert cells["robust_accuracy"].to_list() == [0.1, 0.2]
    assert "caveats" not in cells.columns


def test_the_same_plan_goes_on_and_another_is_refused(run):
    run.save(run.specs[0], result())
    same = RunDirectory.create(run.path, run.specs, sweep_toml="", manifest={})
    assert same.missing() == [run.specs[1]]
    assert same.sweep_toml() == 'name = "x"\n'
    with pytest.raises(UserError, match="another sweep"):
        RunDirectory.create(run.path, [spec(seed=9)], sweep_toml="", manifest={})


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(UserError, match="not empty and no run"):
        RunDirectory.create(tmp_path, [spec()], sweep_toml="", manifest={})
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]
    file = tmp_path / "thesis.tex"
    with pytest.raises(UserError, match="no run"):
        RunDirectory.create(file, [spec()], sweep_toml="", manifest={})


def test_leftovers_are_swept_on_resume(run):
    (run.path / "cells" / ".tmp-dead-cell").mkdir()
    with run.working():
        assert not list((run.path / "cells").iterdir())


def test_a_run_that_was_killed_while_it_began_can_begin_again(tmp_path):
    (tmp_path / "run" / "cells").mkdir(parents=True)
    (tmp_path / "run" / "sweep.toml").write_text("")
    (tmp_path / "run" / ".tmp-1234-plan.json").write_text("half")
    run = RunDirectory.create(tmp_path / "run", [spec()], sweep_toml="", manifest={})
    assert run.missing() == [spec()]


@pytest.mark.parametrize("name", ["cell.json", "layers.parquet", "grams.safetensors"])
def test_a_cell_that_lost_a_file_is_computed_again(run, name):
    run.save(run.specs[0], result(0.1))
    (run.path / "cells" / run.specs[0].cell_id / name).unlink()
    assert run.specs[0] in run.missing()
    run.save(run.specs[0], result(0.2))
    assert run.summary(run.specs[0])["robust_accuracy"] == 0.2


@pytest.mark.skipif(os.name != "posix", reason="needs resource limits")
def test_a_file_size_limit_leaves_no_cell_and_says_so(run):
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(UserError, match="cannot write"):
            run.save(run.specs[0], result())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert run.missing() == list(run.specs)
    assert not list((run.path / "cells").iterdir())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "not a run directory"),
        ("{", "damaged"),
        ("[]", "damaged"),
        ('{"schema_version": 99}', "another schema"),
        ('{"schema_version": 1, "plan_id": "x", "cells": [{"model": 1}]}', "damaged"),
    ],
)
def test_a_damaged_or_foreign_run_says_so(tmp_path, content, message):
    if content is not None:
        (tmp_path / "plan.json").write_text(content)
    with pytest.raises(UserError, match=message):
        RunDirectory(tmp_path)


def test_events_are_appended_as_lines_of_json(run):
    run.log("cell done", cell="x", seconds=1.5)
    run.log("run ended")
    lines = [json.loads(line) for line in (run.path / "events.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["cell done", "run ended"]
    assert lines[0]["seconds"] == 1.5


def test_images_that_were_not_kept_are_missing_when_they_are_wanted(run):
    run.save(run.specs[0], result())
    assert run.missing(images=True) == list(run.specs)
    run.save(run.specs[0], dataclasses.replace(result(), attacked=np.ones((1, 3, 2, 2), np.float32)))
    assert run.missing(images=True) == [run.specs[1]]
    assert run.arrays(run.specs[0], "adversarial")[0]["images"].shape == (1, 3, 2, 2)


def test_only_the_arrays_that_are_wanted_are_read(tmp_path):
    run = RunDirectory.create(tmp_path / "run", [spec()], sweep_toml="", manifest={})
    arrays = {"a/x": np.eye(2), "b/x": np.eye(3)}
    run.save(spec(), dataclasses.replace(result(), grams=(arrays, {"told": "yes"})))
    found, metadata = run.arrays(spec(), "grams", wanted=lambda name: name.startswith("b/"))
    assert list(found) == ["b/x"]
    assert metadata == {"told": "yes"}
    assert set(run.arrays(spec(), "grams")[0]) == set(arrays)
