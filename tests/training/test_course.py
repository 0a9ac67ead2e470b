import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import safetensors.torch
import torch

from advwindow import load_images, load_model
from advwindow.attacks import judged_logits
from advwindow.errors import UserError
from advwindow.training import train

from .parts import CPU, Quiet, recipe, write_images


@pytest.fixture
def images(tmp_path):
    return write_images(tmp_path / "images.npz")


def run(images, out, *, progress=None, **changes):
    return train(images, recipe(**changes), out, device=CPU, progress=progress or Quiet())


def test_a_training_leaves_a_network_that_knows_its_classes(images, tmp_path):
    file = run(images, tmp_path / "out", epochs=3, learning_rate=0.2)
    model = load_model(f"trained:{file}")
    data = load_images(images)
    right = judged_logits(model, data.pixels()).argmax(1) == torch.tensor(data.labels)
    assert right.double().mean() > 0.9
    assert model.label_names == ("red", "green", "blue")
    assert model.input_size == (8, 8)
    assert [path.name for path in sorted((tmp_path / "out" / "epochs").iterdir())] == [
        f"00{epoch}.safetensors" for epoch in (1, 2, 3)
    ]
    history = json.loads((tmp_path / "out" / "history.json").read_text())
    assert [each["epoch"] for each in history] == [1, 2, 3]
    assert history[-1]["clean_accuracy"] > 0.9


@pytest.mark.parametrize("method", ["standard", "n-fgsm"])
def test_an_interrupted_training_goes_on_to_the_same_weights(images, tmp_path, method):
    whole = run(images, tmp_path / "whole", method=method, epochs=3)
    with pytest.raises(KeyboardInterrupt):
        run(images, tmp_path / "cut", method=method, epochs=3, progress=Quiet(stop_after=1))
    torch.manual_seed(99)
    later = Quiet()
    again = run(images, tmp_path / "cut", method=method, epochs=3, progress=later)
    assert later.epochs == [2, 3]
    found, expected = safetensors.torch.load_file(again), safetensors.torch.load_file(whole)
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_a_finished_training_is_not_repeated(images, tmp_path):
    first = run(images, tmp_path / "out").read_bytes()
    idle = Quiet()
    assert run(images, tmp_path / "out", progress=idle).read_bytes() == first
    assert idle.epochs == []


def test_the_most_robust_epoch_is_kept(images, tmp_path):
    file = run(images, tmp_path / "out", method="fgsm-rs", epochs=3)
    history = json.loads((tmp_path / "out" / "history.json").read_text())
    best = max(history, key=lambda record: record["robust_accuracy"])["epoch"]
    assert file.read_bytes() == (tmp_path / "out" / "epochs" / f"{best:03d}.safetensors").read_bytes()


def test_another_recipe_does_not_take_the_folder(images, tmp_path):
    run(images, tmp_path / "out")
    with pytest.raises(UserError, match="holds another training: got 'another recipe'"):
        run(images, tmp_path / "out", seed=1)


def test_other_pixels_under_the_same_names_do_not_go_on(images, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(images, tmp_path / "out", progress=Quiet(stop_after=1))
    file = images.removeprefix("npz:")
    with np.load(file) as found:
        content = dict(found)
    np.savez(file, **{**content, "images": 1 - content["images"]})
    with pytest.raises(UserError, match="another pixels"):
        run(images, tmp_path / "out")


def test_the_callers_random_state_is_left_alone(images, tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    run(images, tmp_path / "out", epochs=1)
    assert torch.equal(torch.rand(1), expected)


def test_what_is_broken_in_the_folder_is_told_and_a_finished_network_stands_by_itself(images, tmp_path):
    file = run(images, tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "epochs")
    assert run(images, tmp_path / "out") == file
    (tmp_path / "out" / "recipe.json").write_text("")
    with pytest.raises(UserError, match=r"recipe\.json is damaged"):
        run(images, tmp_path / "out")


def test_a_foreign_folder_is_left_alone(images, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("x")
    with pytest.raises(UserError, match="not empty and no training"):
        run(images, tmp_path / "out")


def test_too_few_images(tmp_path):
    with pytest.raises(UserError, match="too few images to train on: got 30; expected at least 20"):
        run(write_images(tmp_path / "few.npz", 30), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_damaged_checkpoint_is_told(images, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(images, tmp_path / "out", progress=Quiet(stop_after=1))
    (tmp_path / "out" / "state.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(UserError, match="damaged"):
        run(images, tmp_path / "out")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_kill_9_loses_at_most_the_epoch_in_progress(images, tmp_path):
    out = tmp_path / "out"
    command = [
        sys.executable, "-m", "advwindow", "train", "--images", images, "--epochs", "20", "--out", str(out),
        "--batch-size", "16", "--validation", "20", "--width", "4", "--blocks", "1,1",
    ]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    history = out / "history.json"
    deadline = time.monotonic() + 90
    while not (history.exists() and len(json.loads(history.read_text())) >= 2):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = len(json.loads(history.read_text()))
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    after = json.loads(history.read_text())
    assert len(after) == 20
    assert before >= 2
    assert not list(out.rglob(".tmp-*"))
