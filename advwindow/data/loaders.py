"""From a reference to labelled images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from advwindow.data import samples
from advwindow.data.arrays import load_npz
from advwindow.data.folder import load_folder
from advwindow.data.images import LabelledImages
from advwindow.data.limit import limited
from advwindow.data.pixels import fit_tensor
from advwindow.errors import UserError
from advwindow.factories import call, make
from advwindow.refs import Ref, Registry, parse_options, parse_ref

if TYPE_CHECKING:
    from collections.abc import Callable

    from advwindow.data.pixels import Size

DATASETS: Registry[Callable[..., object]] = Registry("dataset", {})
"""Plug-ins: factories of `LabelledImages` under a bare name."""

_LOADERS = {"sample": samples.load_sample, "folder": load_folder, "npz": load_npz}
_OPTIONS = {"sample": ("limit",), "folder": ("limit", "mode"), "npz": ("limit",)}


def load_images(ref: str, *, size: Size | None = None, crop: float = 1.0) -> LabelledImages:
    """The labelled images that a reference names; files are decoded when their pixels are asked for.

    Args:
        ref: ``sample:imagenet`` (``cifar10``, ``cifar100``, ``mnist``, ``fashionmnist``), ``folder:PATH?mode=RGB|L``,
            ``npz:PATH``, ``py:package.module:factory?key=value``, ``file:path/code.py:factory?key=value``, or the bare
            name of a plug-in. The first three take ``limit=N``, see `advwindow.data.limit`. A path may hold a ``?``:
            the longest part of the text that exists as a path is the path, and the options come after it.
        size: ``(height, width)`` that images are fitted to, as the network wants: resized (bicubic, antialiased) until
            both sides cover ``size / crop``, then cut to the centre. ``None`` takes them as they are.
        crop: share of the fitted image that the centre crop keeps, in (0, 1].

    Raises:
        UserError: the reference, the data or the options are wrong.
        MissingExtraError: the reference needs a package that is not installed.
    """
    if not 0 < crop <= 1:
        raise UserError("crop of images", got=crop, expected="a share in (0, 1]")
    parsed = parse_ref(ref, schemes=[*_LOADERS, "py", "file"], names=DATASETS.names())
    if parsed.scheme not in _LOADERS:
        return _own(parsed, size, crop)
    if parsed.scheme != "sample":
        parsed = _existing_path(parsed)
    parsed.reject_options(known=_OPTIONS[parsed.scheme])
    images = _LOADERS[parsed.scheme](parsed, size=size, crop=crop)
    return limited(images, parsed.options["limit"]) if "limit" in parsed.options else images


def image_refs() -> list[tuple[str, str]]:
    """Every form of reference with a line about it, plug-ins last; imports no plug-in."""
    forms = [
        ("folder:PATH", "folder of class folders, or of files named by wnid; ?limit=N, ?mode=L for grey"),
        ("npz:PATH", "NumPy archive with images and labels, optionally label_names and ids; ?limit=N"),
        ("py:PACKAGE.MODULE:FACTORY", "a Python callable that returns LabelledImages (?key=value are its arguments)"),
        ("file:PATH.py:FACTORY", "the same, from a file outside the import path"),
    ]
    found = [(f"sample:{name}", text) for name, text in samples.DESCRIPTIONS.items()]
    return [*found, *forms, *((name, "plug-in") for name in DATASETS.names())]


def _own(ref: Ref, size: Size | None, crop: float) -> LabelledImages:
    made = make(ref) if ref.scheme else call(DATASETS.get(ref.identifier), ref, options=ref.options)
    if not isinstance(made, LabelledImages):
        raise UserError(f"{ref.text!r} gives no images", got=type(made).__name__, expected="advwindow LabelledImages")
    return replace(made, read=lambda index: fit_tensor(made.read(index), size=size, crop=crop))


def _existing_path(ref: Ref) -> Ref:
    """The reference with the longest part of its text that exists as a path, if any does."""
    parts = ref.text.partition(":")[2].split("?")
    for cut in range(len(parts), 0, -1):
        path = "?".join(parts[:cut])
        if Path(path).expanduser().exists():
            return replace(ref, identifier=path, options=parse_options("?".join(parts[cut:])))
    return ref
