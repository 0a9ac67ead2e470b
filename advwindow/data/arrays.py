"""Labelled images in one NumPy archive."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from advwindow.data.images import LabelledImages
from advwindow.data.pixels import fit_tensor
from advwindow.errors import UserError

if TYPE_CHECKING:
    from advwindow.data.pixels import Size
    from advwindow.refs import Ref

_CHANNELS = (1, 3)
_UNREADABLE = (OSError, ValueError, EOFError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error)


def load_npz(ref: Ref, *, size: Size | None, crop: float) -> LabelledImages:
    """The images of an ``npz:`` reference.

    The archive holds ``images`` (N, C, H, W) or (N, H, W, C) with C 1 or 3, uint8 or floating point in [0, 1], and
    ``labels`` (N,) integers; optionally ``label_names`` (K,) and ``ids`` (N,) texts. Without label names a label is the
    index of the network's output and its name that number. Images that have the wanted size already stay untouched.

    Raises:
        UserError: no such file, no such array, or one of the wrong shape, kind or range.
    """
    path = Path(ref.identifier).expanduser()
    arrays = _read(path)
    images = _channels_first(arrays["images"], path)
    labels = arrays["labels"]
    if labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]:
        raise UserError(
            f"labels of {path}",
            got=f"{labels.dtype} {labels.shape}",
            expected=f"integers ({len(images)},), one per image",
        )
    ids = arrays.get("ids", np.char.mod("%06d", np.arange(len(images))))
    classes = int(labels.max()) + 1 if labels.size else 0
    names = arrays.get("label_names", np.arange(classes).astype(str))
    for key, array in (("ids", ids), ("label_names", names)):
        if array.dtype.kind not in "US" or array.ndim != 1:
            raise UserError(f"{key} of {path}", got=f"{array.dtype} {array.shape}", expected="a list of texts")
    if len(ids) != len(images):
        raise UserError(f"ids of {path}", got=f"{len(ids)} ids", expected=f"{len(images)}, one per image")
    return LabelledImages(
        name=ref.text,
        ids=tuple(map(str, ids.astype(str))),
        labels=tuple(map(int, labels)),
        label_names=tuple(map(str, names.astype(str))),
        read=lambda index: fit_tensor(_pixels(images[index]), size=size, crop=crop),
    )


def _read(path: Path) -> dict[str, np.ndarray[Any, np.dtype[Any]]]:
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise UserError(f"{path} holds one array", expected="an .npz archive with images and labels")
            arrays = {key: archive[key] for key in ("images", "labels", "label_names", "ids") if key in archive}
            found = list(archive)
    except FileNotFoundError as error:
        raise UserError("no such file", got=str(path)) from error
    except _UNREADABLE as error:
        raise UserError(
            f"cannot read {path}", got=str(error), fix="write it with numpy.savez, texts as an array of strings"
        ) from error
    for key in ("images", "labels"):
        if key not in arrays:
            raise UserError(f"{path} lacks the array {key!r}", got=", ".join(found) or "no arrays")
    return arrays


def _channels_first(images: np.ndarray[Any, np.dtype[Any]], path: Path) -> np.ndarray[Any, np.dtype[Any]]:
    what = f"images of {path}"
    if images.ndim != 4 or (images.dtype.kind != "f" and images.dtype != np.uint8):
        raise UserError(what, got=f"{images.dtype} {images.shape}", expected="uint8 or floats, four dimensions")
    first, last = images.shape[1] in _CHANNELS, images.shape[3] in _CHANNELS
    if first == last:
        fault = "channels first or last cannot be told apart" if first else "no side of 1 or 3 channels"
        raise UserError(f"{what}: {fault}", got=str(images.shape), expected="(N, C, H, W) or (N, H, W, C)")
    if images.dtype.kind == "f":
        if not np.isfinite(images).all():
            raise UserError(f"{what} hold values that are not finite", expected="numbers in [0, 1]")
        if images.size and (images.min() < 0 or images.max() > 1):
            raise UserError(
                f"{what} leave the range",
                got=f"[{images.min():.4g}, {images.max():.4g}]",
                expected="[0, 1]",
                fix="divide 8-bit pixels by 255 and undo any normalisation",
            )
    return images if first else images.transpose(0, 3, 1, 2)


def _pixels(image: np.ndarray[Any, np.dtype[Any]]) -> torch.Tensor:
    scale = np.float32(255) if image.dtype == np.uint8 else np.float32(1)
    return torch.from_numpy(np.ascontiguousarray(image, dtype=np.float32) / scale)
