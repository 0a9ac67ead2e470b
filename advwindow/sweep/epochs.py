"""Checkpoints on disk: which files, after how many epochs, and how accurate their training found them."""

from __future__ import annotations

import json
import re
from pathlib import Path  # noqa: TC003 - a named tuple keeps its annotations
from typing import TYPE_CHECKING, NamedTuple

from advwindow.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What files of weights end in.
SUFFIXES = (".safetensors", ".pt", ".pth", ".ckpt")
#: What ``advwindow train`` measures after every epoch on images set aside.
ACCURACIES = ("clean_accuracy", "robust_accuracy")

_INSIDE, _HISTORY = "epochs", "history.json"
_EPOCH = re.compile(r"(?:epoch|(?<![a-z])ep)[\W_]*(\d+)", re.IGNORECASE)


class Checkpoint(NamedTuple):
    """Weights after some epochs.

    Attributes:
        epoch: read off the file's name.
        file: where they are.
    """

    epoch: int
    file: Path


def find_checkpoints(paths: Sequence[Path]) -> list[Checkpoint]:
    """The checkpoints in these folders and files, in the order of their epochs.

    A folder that has a folder ``epochs`` (of ``advwindow train``) stands for that one; hidden files are left out. The
    epoch is the number after ``epoch`` or ``ep`` in every name; otherwise the first number that differs between all
    names (the last number of a single one).

    Raises:
        UserError: no checkpoint, or a name without a number or with that of another.
    """
    files = [file for path in paths for file in _files(path)]
    if not files:
        shown = ", ".join(map(str, paths))
        raise UserError("no checkpoints", got=shown, expected=f"files that end in {', '.join(SUFFIXES)}")
    found = [Checkpoint(epoch, file) for epoch, file in zip(_epochs(files), files, strict=True)]
    return sorted(found, key=lambda each: each.epoch)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        folder = path / _INSIDE if (path / _INSIDE).is_dir() else path
        inside = [file for file in folder.iterdir() if file.suffix in SUFFIXES and not file.name.startswith(".")]
        return sorted(inside)
    if not path.is_file():
        raise UserError("no such checkpoint", got=str(path))
    return [path]


def _epochs(files: Sequence[Path]) -> list[int]:
    named = [_EPOCH.findall(file.stem) for file in files]
    if all(named):
        return _distinct([int(numbers[-1]) for numbers in named], files)
    numbers = [[int(each) for each in re.findall(r"\d+", file.stem)] for file in files]
    bare = [file.name for file, each in zip(files, numbers, strict=True) if not each]
    if bare:
        fix = "leave it out, or put epoch and its number into its name"
        raise UserError("the name of a checkpoint tells no epoch", got=", ".join(bare[:5]), fix=fix)
    if len({len(each) for each in numbers}) > 1 or len(files) == 1:
        return _distinct([each[-1] for each in numbers], files)
    columns = list(zip(*numbers, strict=True))
    telling = next((column for column in columns if len(set(column)) == len(files)), columns[-1])
    return _distinct(list(telling), files)


def _distinct(epochs: list[int], files: Sequence[Path]) -> list[int]:
    seen: dict[int, Path] = {}
    for epoch, file in zip(epochs, files, strict=True):
        other = seen.setdefault(epoch, file)
        if other is not file:
            got = f"{other.name} and {file.name} (epoch {epoch})"
            fix = "put epoch and its number into each name, or trace one training at a time"
            raise UserError("two checkpoints of the same epoch", got=got, fix=fix)
    return epochs


def read_history(checkpoints: Sequence[Checkpoint]) -> dict[int, dict[str, float]]:
    """`ACCURACIES` by epoch, where all checkpoints lie in the folder ``epochs`` of one training of ``advwindow train``.

    Raises:
        UserError: the history of that training is damaged.
    """
    folders = {checkpoint.file.resolve().parent for checkpoint in checkpoints}
    file = next(iter(folders)).parent / _HISTORY
    if {folder.name for folder in folders} != {_INSIDE} or len(folders) > 1 or not file.is_file():
        return {}
    try:
        records = json.loads(file.read_text(encoding="utf-8"))
        return {int(each["epoch"]): {name: float(each[name]) for name in ACCURACIES} for each in records}
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"the history {file} cannot be read", got=f"{type(error).__name__}: {error}") from error


def title_of(checkpoint: Checkpoint) -> str:
    """What to call the training: its folder."""
    folder = checkpoint.file.resolve().parent
    named = folder.parent if folder.name == _INSIDE else folder
    return re.sub(r"[^\w.-]+", "-", named.name) or "checkpoints"
