"""A training seen through the window: every checkpoint looks at the same clean images, and what was seen is kept."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import torch

from advwindow.data import load_images, match_labels
from advwindow.errors import UserError
from advwindow.models import Classifier, load_model
from advwindow.models.weights import load_weights
from advwindow.runs import exclusive, make_manifest, remove_leftovers, short_hash, write_bytes, write_json
from advwindow.sweep.epochs import ACCURACIES, find_checkpoints, read_history, title_of
from advwindow.window import Window
from advwindow.window.looks import LOOK_SCHEMA, look, onsets
from advwindow.words import load_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from advwindow.data import LabelledImages
    from advwindow.sweep.epochs import Checkpoint
    from advwindow.window import WindowReport
    from advwindow.words import WordSpace

PLAN, TABLE, LAYERS, LOOKS = "trace.json", "training", "onsets", "looks"

#: Goes up when the same checkpoint and images would give other numbers.
_VERSION = 1


@dataclass(frozen=True)
class Trace:
    """What `trace_checkpoints` gives.

    Attributes:
        folder: holds ``training.parquet``, ``training.csv``, ``onsets.csv``, ``trace.json`` and ``looks/``.
        table: one row per epoch and layer: ``epoch``, ``checkpoint``, the columns of `LOOK_SCHEMA`, and
            ``clean_accuracy`` and ``robust_accuracy`` of the training's own validation (null without its history).
        onsets: one row per layer, see `advwindow.window.looks.onsets`.
        measure: name of the correlation behind alignment.
        looked: how many checkpoints were looked at now; the others had been before.
    """

    folder: Path
    table: pl.DataFrame
    onsets: pl.DataFrame
    measure: str
    looked: int


def trace_checkpoints(
    paths: Sequence[Path],
    *,
    images: str,
    words: str,
    model: str = "",
    layers: Sequence[str] = (),
    out: Path | None = None,
    device: torch.device,
    told: Callable[[str], None] = lambda _: None,
) -> Trace:
    """Look through the window after every epoch; checkpoints that were looked at before are not loaded again.

    What was seen is kept under the hash of the checkpoint's bytes, of the images' pixels and of the words. So the same
    command goes on after an interruption, or with a training that has grown. Of a model by ``py:`` or ``file:`` the
    code is not hashed: choose another folder after changing it.

    Args:
        paths: folders and files, see `find_checkpoints`.
        images: reference of the images.
        words: reference of the words.
        model: reference of a network that the weights fit; empty for checkpoints of ``advwindow train``.
        layers: names or shell patterns; the network's own choice if empty.
        out: folder for the results; by default one in ``runs/`` for this training, images, words and layers.
        device: where to compute.
        told: is told what is being done.

    Raises:
        UserError: something cannot be used, or the folder holds something else.
    """
    checkpoints = find_checkpoints(paths)
    told("Reading images and words")
    scene = _scene(checkpoints[0], images, words, model, layers, device)
    folder = out or Path("runs") / f"trace-{title_of(checkpoints[0])}-{short_hash(scene.plan)[:8]}"
    _claim(folder, scene.plan)
    with exclusive(folder):
        remove_leftovers(folder)
        remove_leftovers(folder / LOOKS)
        seen, looked = _all_looks(checkpoints, scene, folder, told)
        table = _with_history(seen, read_history(checkpoints))
        courses = onsets(table)
        _write(folder, table, courses)
    return Trace(folder, table, courses, scene.window.measure, looked)


@dataclass(frozen=True, eq=False)
class _Scene:
    """What all checkpoints look at.

    Attributes:
        window: with the network that gets the weights, or that of the first checkpoint.
        reference: of that network; empty for checkpoints that describe theirs.
        pixels: ``(N, C, H, W)``.
        labels: ``N`` outputs of the network.
        plan: what tells this trace from others, as JSON.
    """

    window: Window
    reference: str
    pixels: Tensor
    labels: Sequence[int]
    plan: dict[str, Any]

    def load(self, checkpoint: Checkpoint) -> Classifier:
        """The network with these weights."""
        return _load(checkpoint, self.reference, self.window.model)


def _scene(
    first: Checkpoint, images_ref: str, words_ref: str, model_ref: str, layers: Sequence[str], device: torch.device
) -> _Scene:
    words = load_words(words_ref)
    model = (load_model(model_ref) if model_ref else _load(first, "", None)).to(device)
    images = load_images(images_ref, size=model.input_size, crop=model.crop)
    pixels, labels = images.pixels(), _labels(images, model)
    plan = _plan(model_ref, images, words, layers) | {"images": images_ref, "words": words_ref}
    return _Scene(Window(model, words, layers=tuple(layers) or None), model_ref, pixels, labels, plan)


def _labels(images: LabelledImages, model: Classifier) -> Sequence[int]:
    try:
        with torch.no_grad():
            outputs = model(images.pixels([0]).to(model.device)).shape[1]
    except RuntimeError as error:
        got = str(error).splitlines()[0][:200]
        raise UserError(f"the network {model.name!r} cannot take these images", got=got) from error
    labels = match_labels(images, model.label_names, outputs)
    model.label_names = model.label_names or images.label_names
    return labels


def _plan(model_ref: str, images: LabelledImages, words: WordSpace, layers: Sequence[str]) -> dict[str, Any]:
    return {
        "version": _VERSION,
        "model": model_ref,
        "images_sha256": images.sha256(),
        "words_sha256": words.sha256,
        "layers": list(layers),
    }


def _load(checkpoint: Checkpoint, reference: str, model: Classifier | None) -> Classifier:
    """The network of a checkpoint: that of the reference with its weights, or the one that the file describes."""
    if reference:
        assert model is not None
        load_weights(model.module, checkpoint.file)
        return model
    if checkpoint.file.suffix != ".safetensors":
        fix = "give the network that the weights are for, --model REF"
        raise UserError("the checkpoint does not describe its network", got=checkpoint.file.name, fix=fix)
    loaded = load_model(f"trained:{checkpoint.file}")
    return loaded if model is None else loaded.to(model.device)


def _claim(folder: Path, plan: dict[str, Any]) -> None:
    file = folder / PLAN
    if file.is_file():
        found = json.loads(file.read_text(encoding="utf-8"))
        differing = [key for key, value in plan.items() if found.get(key) != value]
        if differing:
            got, fix = f"another {', '.join(differing)}", "choose another --out"
            raise UserError(f"{folder} holds another trace", got=got, fix=fix)
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is not empty and holds no trace", fix="choose another --out")
    else:
        write_json(file, plan | {"manifest": make_manifest()})


def _all_looks(
    checkpoints: Sequence[Checkpoint], scene: _Scene, folder: Path, told: Callable[[str], None]
) -> tuple[pl.DataFrame, int]:
    """All looks as one table, and how many were taken now; the first one is taken again where another is missing."""
    content = [hashlib.sha256(each.file.read_bytes()).hexdigest() for each in checkpoints]
    files = [folder / LOOKS / f"{short_hash([content[0], each])}.parquet" for each in content]
    missing = [place for place, file in enumerate(files) if not file.is_file()]
    order = [0, *(place for place in missing if place)] if missing else []
    first: WindowReport | None = None
    for count, place in enumerate(order, start=1):
        checkpoint = checkpoints[place]
        told(f"Looking after epoch {checkpoint.epoch} ({count} of {len(order)})")
        window = replace(scene.window, model=scene.load(checkpoint))
        taken = look(window, scene.pixels, scene.labels, first=first)
        first = first or taken.report
        _write_frame(files[place], taken.layers, "parquet")
    told("Writing the tables")
    tables = [_read(file, checkpoint) for file, checkpoint in zip(files, checkpoints, strict=True)]
    return pl.concat(tables), len(missing)


def _read(file: Path, checkpoint: Checkpoint) -> pl.DataFrame:
    layers = pl.read_parquet(file)
    if dict(layers.schema) != LOOK_SCHEMA:
        raise UserError(f"{file} is damaged", fix="remove it; the same command looks again")
    epoch, name = pl.lit(checkpoint.epoch, pl.Int64), pl.lit(checkpoint.file.name)
    return layers.select(epoch.alias("epoch"), name.alias("checkpoint"), pl.all())


def _with_history(table: pl.DataFrame, history: dict[int, dict[str, float]]) -> pl.DataFrame:
    rows = [{"epoch": epoch, **accuracies} for epoch, accuracies in history.items()]
    schema = {"epoch": pl.Int64, **dict.fromkeys(ACCURACIES, pl.Float64)}
    return table.join(pl.DataFrame(rows, schema=schema), on="epoch", how="left", maintain_order="left")


def _write(folder: Path, table: pl.DataFrame, courses: pl.DataFrame) -> None:
    for kind in ("parquet", "csv"):
        _write_frame(folder / f"{TABLE}.{kind}", table, kind)
    _write_frame(folder / f"{LAYERS}.csv", courses, "csv")


def _write_frame(file: Path, frame: pl.DataFrame, kind: str) -> None:
    buffer = io.BytesIO()
    if kind == "csv":
        frame.write_csv(buffer)
    else:
        frame.write_parquet(buffer)
    write_bytes(file, buffer.getvalue())
