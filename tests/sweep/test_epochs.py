import json
from pathlib import Path

import pytest

from advwindow.errors import UserError
from advwindow.sweep.epochs import Checkpoint, find_checkpoints, read_history, title_of


def touched(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ("names", "epochs"),
    [
        (("10.pt", "9.pt", "100.pt"), [9, 10, 100]),
        (("001.safetensors", "002.safetensors"), [1, 2]),
        (("epoch=3-step=1200.ckpt", "epoch=12-step=4800.ckpt"), [3, 12]),
        (("resnet18_Epoch_2.pth", "resnet18_Epoch_11.pth"), [2, 11]),
        (("net18-ep2-acc0.71.pt", "net18-ep3-acc0.71.pt"), [2, 3]),
        (("resnet18_1.pth", "resnet18_2.pth"), [1, 2]),
        (("ckpt-1-500.pt", "ckpt-2-1000.pt"), [1, 2]),
        (("resnet18_7.pth",), [7]),
        (("a1.pt", "a1b2.pt"), [1, 2]),
    ],
)
def test_epochs_are_read_off_the_names(tmp_path, names, epochs):
    found = find_checkpoints([touched(tmp_path, *names)])
    assert [each.epoch for each in found] == epochs


def test_a_training_stands_for_its_epochs_without_what_is_half_written(tmp_path):
    touched(tmp_path, "model.safetensors", "state.pt", "history.json")
    touched(tmp_path / "epochs", "002.safetensors", "001.safetensors", ".tmp-1a-003.safetensors", "notes4.txt")
    found = find_checkpoints([tmp_path])
    assert [each.file.name for each in found] == ["001.safetensors", "002.safetensors"]
    assert find_checkpoints([tmp_path / "epochs"]) == found
    assert find_checkpoints([each.file for each in reversed(found)]) == found


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "no checkpoints"),
        (("1.pt", "best.pt"), r"tells no epoch: got 'best\.pt'"),
        (("1.pt", "1.pth"), "two checkpoints of the same epoch"),
        (("epoch1.pt", "epoch_01.pt"), "two checkpoints of the same epoch"),
    ],
)
def test_names_that_tell_nothing_are_told(tmp_path, names, message):
    with pytest.raises(UserError, match=message):
        find_checkpoints([touched(tmp_path, *names)])


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(UserError, match="no such checkpoint"):
        find_checkpoints([tmp_path / "1.pt"])


def test_history_is_that_of_the_training(tmp_path):
    touched(tmp_path / "epochs", "1.pt", "2.pt")
    found = find_checkpoints([tmp_path])
    assert read_history(found) == {}
    records = [{"epoch": 1, "clean_accuracy": 0.5, "robust_accuracy": 0, "seconds": 3}]
    (tmp_path / "history.json").write_text(json.dumps(records))
    assert read_history(found) == {1: {"clean_accuracy": 0.5, "robust_accuracy": 0.0}}
    elsewhere = touched(tmp_path / "other", "3.pt")
    (elsewhere / "history.json").write_text("of another program")
    assert read_history(find_checkpoints([elsewhere])) == {}
    assert read_history([*found, *find_checkpoints([elsewhere])]) == {}


@pytest.mark.parametrize("content", ["{", "[{}]", "3", '[{"epoch": 1, "clean_accuracy": null, "robust_accuracy": 0}]'])
def test_a_damaged_history_is_told(tmp_path, content):
    touched(tmp_path / "epochs", "1.pt")
    (tmp_path / "history.json").write_text(content)
    with pytest.raises(UserError, match=r"history .* cannot be read"):
        read_history(find_checkpoints([tmp_path]))


@pytest.mark.parametrize(
    ("file", "title"), [("/a/pgd run/epochs/1.pt", "pgd-run"), ("/a/weights/1.pt", "weights"), ("/1.pt", "checkpoints")]
)
def test_a_training_is_called_by_its_folder(file, title):
    assert title_of(Checkpoint(1, Path(file))) == title
