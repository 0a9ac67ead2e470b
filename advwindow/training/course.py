"""A training on disk: begin it or go on with it, and keep every epoch."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
from typing import TYPE_CHECKING, Any

import torch

from advwindow.data import load_images
from advwindow.errors import UserError
from advwindow.models import channel_statistics, load_model, trained_bytes, untrained
from advwindow.runs import exclusive, make_manifest, remove_leftovers, short_hash, write_bytes, write_json
from advwindow.streams import stream
from advwindow.training.fit import Epoch, Progress, Samples, make_optimizer, one_epoch

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from advwindow.data import LabelledImages
    from advwindow.models import Classifier
    from advwindow.training.recipe import Recipe

STATE, HISTORY, MODEL, RECIPE = "state.pt", "history.json", "model.safetensors", "recipe.json"


def train(images_ref: str, recipe: Recipe, out: Path, *, device: torch.device, progress: Progress) -> Path:
    """Train a `ResidualNet`; goes on after the last finished epoch of the same training in the same folder.

    The folder holds ``recipe.json``, ``history.json`` (one record per epoch), ``epochs/NNN.safetensors``, ``state.pt``
    (from which training goes on) and, at the end, ``model.safetensors``: the epoch of highest robust accuracy on the
    images set aside, or the last one of standard training.

    Args:
        images_ref: reference of the training images, all of one small size.
        recipe: what to do.
        out: folder of the training.
        device: where to compute.
        progress: is told of every step and epoch.

    Returns:
        The path of ``model.safetensors``; load it as ``trained:PATH``.

    Raises:
        UserError: the images cannot be used, the folder holds another training or none, or training diverged.
    """
    images = load_images(images_ref)
    _check_count(images, recipe)
    pixels = images.pixels()
    _claim(out, _identity(images_ref, images, pixels, recipe))
    with exclusive(out):
        remove_leftovers(out)
        remove_leftovers(out / "epochs")
        data, held_out = _split(images, pixels, recipe, device)
        described = _described(images, recipe, data)
        with torch.random.fork_rng():
            torch.manual_seed(int(stream(recipe.seed, "weights").integers(2**62)))
            model = untrained(described).to(device)
        model.module.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch's stub lacks it
        optimizer = make_optimizer(model, recipe)
        history = _resume(out, model, optimizer)
        while len(history) < recipe.epochs:
            record = one_epoch(model, optimizer, data, held_out, recipe, history, progress)
            history.append(record)
            _keep(out, model, optimizer, history, described)
            progress.epoch_done(record)
        return _finish(out, history, recipe)


def _identity(images_ref: str, images: LabelledImages, pixels: Tensor, recipe: Recipe) -> dict[str, Any]:
    return {
        "images": images_ref,
        "ids": short_hash([list(images.ids), list(images.labels), list(images.label_names)]),
        "pixels": hashlib.sha256(pixels.numpy().data).hexdigest()[:16],
        "recipe": recipe.model_dump(mode="json"),
    }


def _claim(out: Path, facts: dict[str, Any]) -> None:
    file = out / RECIPE
    if file.exists():
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UserError(f"{file} is damaged", got=str(error), fix="begin anew in another --out") from error
        differing = [key for key in facts if found.get(key) != facts[key]]
        if differing:
            raise UserError(
                f"{out} holds another training", got=f"another {', '.join(differing)}", fix="choose another --out"
            )
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is not empty and no training", fix="choose another --out")
    else:
        write_json(file, facts | {"manifest": make_manifest()})


def _check_count(images: LabelledImages, recipe: Recipe) -> None:
    if len(images) < recipe.validation + recipe.batch_size:
        raise UserError(
            "too few images to train on",
            got=len(images),
            expected=f"at least {recipe.validation} to set aside and {recipe.batch_size} for a batch",
            fix="lower --validation or --batch-size",
        )


def _split(images: LabelledImages, pixels: Tensor, recipe: Recipe, device: torch.device) -> tuple[Samples, Samples]:
    """The images to train on, and those set aside."""
    labels = torch.tensor(images.labels)
    order = torch.from_numpy(stream(recipe.seed, "validation").permutation(len(images)))
    aside, rest = order[: recipe.validation], order[recipe.validation :].sort().values
    kept, held_out = (Samples(pixels[index].to(device), labels[index].to(device)) for index in (rest, aside))
    return kept, held_out


def _described(images: LabelledImages, recipe: Recipe, data: Samples) -> dict[str, Any]:
    mean, std = channel_statistics(data.images)
    network = {
        "channels": data.images.shape[1],
        "width": recipe.width,
        "blocks": list(recipe.blocks),
        "classes": len(images.label_names),
    }
    return {
        "network": network,
        "mean": mean,
        "std": std,
        "label_names": list(images.label_names),
        "input_size": list(data.images.shape[2:]),
        "recipe": recipe.model_dump(mode="json"),
    }


def _resume(out: Path, model: Classifier, optimizer: torch.optim.Optimizer) -> list[Epoch]:
    file = out / STATE
    if not file.exists():
        return []
    try:
        state = torch.load(file, map_location=model.device, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        return [Epoch(**record) for record in state["history"]]
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"the checkpoint {file} is damaged", got=str(error)[:200], fix="begin anew in another --out"
        ) from error


def _keep(
    out: Path, model: Classifier, optimizer: torch.optim.Optimizer, history: list[Epoch], facts: dict[str, Any]
) -> None:
    """The state last: from then on the epoch exists."""
    records = [record._asdict() for record in history]
    write_bytes(out / "epochs" / f"{len(history):03d}.safetensors", trained_bytes(model, facts))
    write_json(out / HISTORY, records)
    buffer = io.BytesIO()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "history": records}, buffer)
    write_bytes(out / STATE, buffer.getvalue())


def _finish(out: Path, history: list[Epoch], recipe: Recipe) -> Path:
    if not (out / MODEL).exists():
        best = history[-1] if recipe.inner is None else max(history, key=lambda record: record.robust_accuracy)
        write_bytes(out / MODEL, (out / "epochs" / f"{best.epoch:03d}.safetensors").read_bytes())
    load_model(f"trained:{out / MODEL}")
    return out / MODEL
