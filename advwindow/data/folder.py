"""Folders of image files: one folder per class, or one flat folder of files named by ImageNet class."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from advwindow.data.images import LabelledImages
from advwindow.data.pixels import MODES, SUFFIXES, read_image
from advwindow.errors import UserError
from advwindow.imagenet import imagenet_index, imagenet_label_names

if TYPE_CHECKING:
    from advwindow.data.pixels import Size
    from advwindow.refs import Ref

_WNID = re.compile(r"n\d{8}")


def load_folder(ref: Ref, *, size: Size | None, crop: float) -> LabelledImages:
    """The images of a ``folder:`` reference, sorted by path; ids are paths relative to the folder, with ``/``.

    Two layouts: ``FOLDER/CLASS/...`` (files may lie deeper) and ``FOLDER/<wnid>_*.jpg``. Hidden files and folders are
    passed over. A class that is a wnid of ImageNet bears that class's names, any other class its folder's name.

    Raises:
        UserError: no such folder, no images in it, both layouts at once, or a flat file without a wnid.
    """
    mode = ref.options.get("mode", MODES[0])
    if mode not in MODES:
        raise UserError(f"option mode of {ref.text!r}", got=mode, expected=" or ".join(MODES))
    root = Path(ref.identifier).expanduser()
    files, names = _scan(root)
    index = {name: position for position, name in enumerate(names)}
    return LabelledImages(
        name=ref.text,
        ids=tuple(file.relative_to(root).as_posix() for file in files),
        labels=tuple(index[_class_of(file, root)] for file in files),
        label_names=tuple(_label_name(name) for name in names),
        read=lambda position: read_image(files[position], mode=mode, size=size, crop=crop),
    )


def _scan(root: Path) -> tuple[list[Path], list[str]]:
    """Image files and classes, both sorted; a class folder without images is a class too, as in torchvision."""
    if not root.is_dir():
        raise UserError("no such folder", got=str(root), fix="check the path; it is relative to the working directory")
    entries = [entry for entry in root.iterdir() if not entry.name.startswith(".")]
    flat = [entry for entry in entries if entry.is_file()]
    folders = [entry for entry in entries if entry.is_dir()]
    deep = [file for folder in folders for file in folder.rglob("*") if file.is_file() and not _hidden(file, folder)]
    images = sorted(
        (file for file in (*flat, *deep) if file.suffix.lower() in SUFFIXES),
        key=lambda file: file.relative_to(root).parts,
    )
    if not images:
        raise UserError(
            f"the folder {root} holds no images",
            got=f"{len(flat) + len(deep)} other files",
            expected=f"files that end in {', '.join(sorted(SUFFIXES))}",
        )
    stray = [file for file in images if file.parent == root]
    if stray and len(stray) < len(images):
        raise UserError(
            f"the folder {root} mixes class folders with images beside them",
            got=stray[0].name,
            fix="move these images into the folder of their class",
        )
    return images, sorted({_class_of(file, root) for file in stray} or {folder.name for folder in folders})


def _hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(folder).parts)


def _class_of(file: Path, root: Path) -> str:
    parts = file.relative_to(root).parts
    if len(parts) > 1:
        return parts[0]
    wnid, _, _ = file.name.partition("_")
    if not _WNID.fullmatch(wnid):
        raise UserError(
            f"the image {file} has no class",
            expected="class folders, or names that start with a wnid such as n01440764_",
        )
    return wnid


def _label_name(name: str) -> str:
    index = imagenet_index().get(name)
    return name if index is None else imagenet_label_names()[index]
