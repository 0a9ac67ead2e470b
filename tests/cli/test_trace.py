from pathlib import Path

import pytest

from tests.cli.test_cli import ROOT, advwindow
from tests.sweep import parts
from tests.sweep.test_checkpoints import foreign, training


@pytest.fixture
def refs(tmp_path):
    images, words = parts.write_images(tmp_path / "images.npz"), parts.write_words(tmp_path / "words.npz")
    return ["--images", images, "--words", words]


def test_a_training_becomes_a_table_and_a_figure(tmp_path, refs):
    training(tmp_path / "fit")
    done = advwindow("trace", "fit", *refs, "--layer", "stages.?.0", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.strip())
    assert folder.parent == Path("runs")
    names = {file.name for file in (tmp_path / folder).iterdir()}
    assert {"training.csv", "training.parquet", "onsets.csv", "training.svg", "training.png", "training.pdf"} <= names
    assert "epoch 1" in done.stderr
    assert "epoch 3" in done.stderr
    assert "stages.1.0" in done.stderr
    assert "pool" not in done.stderr


def test_other_networks_need_their_model(tmp_path, refs):
    foreign(tmp_path / "net", 1, 2)
    model = f"file:{ROOT}/tests/sweep/parts.py:make_model"
    files = [tmp_path / "net" / name for name in ("epoch_2.safetensors", "epoch_1.pt")]
    done = advwindow("trace", *files, *refs, "--model", model, "--out", "here", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "here\n"
    without = advwindow("trace", "net", *refs, cwd=tmp_path)
    assert without.returncode == 2
    assert "--model REF" in without.stderr
    assert "Traceback" not in without.stderr
    assert without.stdout == ""
