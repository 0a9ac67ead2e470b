import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import polars.testing
import pytest
import safetensors.torch
import torch

from advwindow.data import load_images
from advwindow.errors import UserError
from advwindow.models import load_model, trained_bytes, untrained
from advwindow.sweep.checkpoints import trace_checkpoints
from advwindow.window import Window
from advwindow.words import load_words

from . import parts

MODEL = "py:tests.sweep.parts:make_model"
FACTS = {
    "network": {"channels": 3, "width": 8, "blocks": [1, 1], "classes": parts.CLASSES},
    "mean": [0.5] * 3,
    "std": [0.25] * 3,
    "label_names": list(parts.NAMES),
    "input_size": [parts.SIDE, parts.SIDE],
}


@pytest.fixture
def refs(tmp_path):
    return {
        "images": parts.write_images(tmp_path / "images.npz"),
        "words": parts.write_words(tmp_path / "words.npz"),
        "device": torch.device("cpu"),
    }


def weights(seed):
    """The network of `parts` with noise on its weights."""
    draw = torch.Generator().manual_seed(seed)
    return {
        name: value + 0.3 * value.std() * torch.randn(value.shape, generator=draw)
        for name, value in parts.network().state_dict().items()
    }


def foreign(folder, *epochs):
    folder.mkdir(exist_ok=True)
    for epoch in epochs:
        file = folder / f"epoch_{epoch}{'.pt' if epoch % 2 else '.safetensors'}"
        if epoch % 2:
            torch.save({"model": weights(epoch)}, file)
        else:
            safetensors.torch.save_file(weights(epoch), file)
    return folder


def training(folder, epochs=3):
    (folder / "epochs").mkdir(parents=True)
    for epoch in range(1, epochs + 1):
        with torch.random.fork_rng():
            torch.manual_seed(epoch)
            (folder / "epochs" / f"{epoch:03d}.safetensors").write_bytes(trained_bytes(untrained(FACTS), FACTS))
    records = [
        {"epoch": epoch, "clean_accuracy": epoch / 10, "robust_accuracy": epoch / 20} for epoch in range(1, epochs)
    ]
    (folder / "history.json").write_text(json.dumps(records))
    return folder


def test_every_checkpoint_looks_as_its_network_does(tmp_path, refs):
    found = trace_checkpoints([foreign(tmp_path / "net", 1, 2, 10)], model=MODEL, out=tmp_path / "out", **refs)
    assert found.looked == 3
    assert found.table["epoch"].unique(maintain_order=True).to_list() == [1, 2, 10]
    model, (x, y) = load_model(MODEL), parts.pictures()
    words = load_words(refs["words"])
    for epoch in (1, 2, 10):
        model.module.load_state_dict(weights(epoch))
        window = Window(model, words)
        layers = window.conclude(window.gather(x, {}, labels=y)).layers
        rows = found.table.filter(pl.col("epoch") == epoch)
        assert rows["alignment"].to_list() == pytest.approx(layers["alignment"].to_list())
        assert rows["alignment_p_adjusted"].to_list() == layers["alignment_p_adjusted"].to_list()
        right = (model(x).argmax(1) == y).float().mean()
        assert rows["accuracy"].to_list() == pytest.approx([float(right)] * len(rows))
    first = found.table.filter(pl.col("epoch") == 1)["alignment"]
    change = found.table.filter(pl.col("epoch") == 10)["alignment"] - first
    assert found.onsets["change"].to_list() == pytest.approx(change.to_list())


def test_a_training_of_our_own_needs_no_model_and_shows_its_history(tmp_path, refs):
    found = trace_checkpoints([training(tmp_path / "fit")], out=tmp_path / "out", **refs)
    told = found.table.select("epoch", "checkpoint", "clean_accuracy", "robust_accuracy").unique(maintain_order=True)
    assert told.rows() == [
        (1, "001.safetensors", 0.1, 0.05), (2, "002.safetensors", 0.2, 0.1), (3, "003.safetensors", None, None),
    ]  # fmt: skip


def test_what_is_written_is_what_is_given(tmp_path, refs):
    found = trace_checkpoints([training(tmp_path / "fit")], out=tmp_path / "out", layers=["stages.?.0", "pool"], **refs)
    assert found.table["layer"].unique().sort().to_list() == ["pool", "stages.0.0", "stages.1.0"]
    polars.testing.assert_frame_equal(pl.read_parquet(found.folder / "training.parquet"), found.table)
    read = pl.read_csv(found.folder / "training.csv", schema_overrides=dict(found.table.schema))
    polars.testing.assert_frame_equal(read.with_columns(pl.col("note").fill_null("")), found.table)
    onsets = pl.read_csv(found.folder / "onsets.csv", schema_overrides=dict(found.onsets.schema))
    polars.testing.assert_frame_equal(onsets, found.onsets)
    plan = json.loads((found.folder / "trace.json").read_text())
    assert plan["images"] == refs["images"]
    assert plan["layers"] == ["stages.?.0", "pool"]
    assert plan["manifest"]["versions"]["torch"]


def test_an_interrupted_trace_goes_on_to_the_same_numbers(tmp_path, refs):
    folder = training(tmp_path / "fit")
    whole = trace_checkpoints([folder], out=tmp_path / "whole", **refs)

    def interrupt(text):
        if "(3 of 3)" in text:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trace_checkpoints([folder], out=tmp_path / "out", told=interrupt, **refs)
    told = []
    again = trace_checkpoints([folder], out=tmp_path / "out", told=told.append, **refs)
    assert again.looked == 1
    assert [line for line in told if line.startswith("Looking")] == [
        "Looking after epoch 1 (1 of 2)", "Looking after epoch 3 (2 of 2)",
    ]  # fmt: skip
    polars.testing.assert_frame_equal(again.table, whole.table)
    assert trace_checkpoints([folder], out=tmp_path / "out", **refs).looked == 0


def test_content_counts_and_not_the_name(tmp_path, refs):
    folder = foreign(tmp_path / "net", 1, 3)
    options = {"model": MODEL, "out": tmp_path / "out", **refs}
    before = trace_checkpoints([folder], **options)
    (folder / "epoch_3.pt").rename(folder / "epoch_5.pt")
    renamed = trace_checkpoints([folder], **options)
    assert renamed.looked == 0
    assert renamed.table["epoch"].unique(maintain_order=True).to_list() == [1, 5]
    shutil.copy(foreign(tmp_path / "other", 7) / "epoch_7.pt", folder / "epoch_5.pt")
    changed = trace_checkpoints([folder], **options)
    assert changed.looked == 1
    last, was = (each.table.filter(pl.col("epoch") == 5) for each in (changed, renamed))
    assert last["alignment"].to_list() != was["alignment"].to_list()
    assert before.table["alignment"].to_list() == renamed.table["alignment"].to_list()


def test_changes_count_from_an_earlier_checkpoint_that_came_later(tmp_path, refs):
    folder = foreign(tmp_path / "net", 2, 3)
    options = {"model": MODEL, **refs}
    trace_checkpoints([folder], out=tmp_path / "out", **options)
    grown = trace_checkpoints([foreign(folder, 1)], out=tmp_path / "out", **options)
    polars.testing.assert_frame_equal(grown.table, trace_checkpoints([folder], out=tmp_path / "fresh", **options).table)


@pytest.mark.parametrize("change", ["images", "layers", "model"])
def test_a_folder_holds_one_trace(tmp_path, refs, change):
    folder = training(tmp_path / "fit")
    trace_checkpoints([folder], out=tmp_path / "out", **refs)
    other = {
        "images": parts.write_images(tmp_path / "fewer.npz", classes=10),
        "layers": ["pool"],
        "model": f"trained:{folder / 'epochs' / '002.safetensors'}",
    }
    with pytest.raises(UserError, match=f"holds another trace: got 'another .*{change}"):
        trace_checkpoints([folder], out=tmp_path / "out", **refs | {change: other[change]})


def test_a_folder_of_something_else_is_left_alone(tmp_path, refs):
    folder = training(tmp_path / "fit")
    with pytest.raises(UserError, match="holds no trace"):
        trace_checkpoints([folder], out=folder, **refs)
    assert sorted(each.name for each in folder.iterdir()) == ["epochs", "history.json"]


def test_the_default_folder_is_of_the_training_and_the_study(tmp_path, refs, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = training(tmp_path / "fit", epochs=2)
    one = trace_checkpoints([folder], **refs).folder
    assert one.parent == Path("runs")
    assert one.name.startswith("trace-fit-")
    assert trace_checkpoints([folder], layers=["pool"], **refs).folder != one
    assert trace_checkpoints([folder], **refs).looked == 0


def test_checkpoints_that_cannot_be_used_are_told(tmp_path, refs):
    folder = foreign(tmp_path / "net", 1, 2)
    with pytest.raises(UserError, match=r"does not describe its network.*--model REF"):
        trace_checkpoints([folder], out=tmp_path / "out", **refs)
    with pytest.raises(UserError, match="no network that advwindow train wrote"):
        trace_checkpoints([folder / "epoch_2.safetensors"], out=tmp_path / "out", **refs)
    torch.save({"model": {"other": torch.zeros(2)}}, folder / "epoch_3.pt")
    with pytest.raises(UserError, match="do not fit the network"):
        trace_checkpoints([folder], model=MODEL, out=tmp_path / "out", **refs)
    assert not (tmp_path / "out" / "training.csv").exists()


def test_images_that_do_not_fit_are_told(tmp_path, refs):
    grey = tmp_path / "grey.npz"
    x, y = parts.pictures()
    np.savez(grey, images=x[:, :1].numpy(), labels=y.numpy(), label_names=np.array(parts.NAMES))
    with pytest.raises(UserError, match=r"channels|cannot take these images"):
        trace_checkpoints([training(tmp_path / "fit")], out=tmp_path / "out", **refs | {"images": f"npz:{grey}"})
    assert load_images(f"npz:{grey}").pixels().shape[1] == 1


def test_a_damaged_look_is_told(tmp_path, refs):
    folder = training(tmp_path / "fit", epochs=2)
    trace_checkpoints([folder], out=tmp_path / "out", **refs)
    look = next((tmp_path / "out" / "looks").iterdir())
    pl.DataFrame({"layer": ["x"]}).write_parquet(look)
    with pytest.raises(UserError, match="is damaged"):
        trace_checkpoints([folder], out=tmp_path / "out", **refs)
