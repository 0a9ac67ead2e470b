"""``advwindow train`` as a user meets it."""

import pytest

from tests.training.parts import write_images

from .test_cli import advwindow

SMALL = ("--batch-size", "16", "--validation", "20", "--width", "4", "--blocks", "1,1")


@pytest.mark.slow
def test_train_prints_a_reference_that_loads(tmp_path):
    images = write_images(tmp_path / "images.npz")
    done = advwindow("train", "--images", images, "--method", "fgsm-rs", "--epochs", "2", *SMALL, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "trained:runs/train-fgsm-rs-0/model.safetensors\n"
    assert done.stderr.count("epoch ") == 2
    listed = advwindow("list", "layers", done.stdout.strip(), cwd=tmp_path)
    assert "stages.1.0" in listed.stdout
    again = advwindow("train", "--images", images, "--method", "fgsm-rs", "--epochs", "2", *SMALL, cwd=tmp_path)
    assert again.stdout == done.stdout
    assert "epoch " not in again.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--epochs", "0"), "the option --epochs cannot be used: got '0'"),
        (("--blocks", "1,x"), "blocks of the network: got '1,x'"),
        (("--eps", "8/x"), "8/x"),
        (("--images", "folder:nowhere"), "no such folder"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(tmp_path, arguments, told):
    images = write_images(tmp_path / "images.npz")
    failed = advwindow("train", "--images", images, *arguments, cwd=tmp_path)
    assert failed.returncode == 2
    assert told in failed.stderr
    assert "Traceback" not in failed.stderr
    assert not (tmp_path / "runs").exists()
