"""The photographs inside foolbox's package: twenty of each of five data sets."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from advwindow.data.images import LabelledImages
from advwindow.data.labels import CIFAR10, CIFAR100, FASHIONMNIST, MNIST
from advwindow.data.pixels import read_image
from advwindow.errors import MissingExtraError, UserError, did_you_mean
from advwindow.imagenet import imagenet_label_names

if TYPE_CHECKING:
    from advwindow.data.pixels import Size
    from advwindow.refs import Ref

DESCRIPTIONS = {
    "imagenet": "20 ImageNet photographs of 19 classes",
    "cifar10": "20 CIFAR-10 images, 32 px",
    "cifar100": "20 CIFAR-100 images, 32 px",
    "mnist": "20 MNIST digits, 28 px, grey",
    "fashionmnist": "20 Fashion-MNIST images, 28 px, grey",
}


def load_sample(ref: Ref, *, size: Size | None, crop: float) -> LabelledImages:
    """The images of a ``sample:`` reference; ids are the file names without their endings.

    Raises:
        UserError: no sample of that name.
    """
    name = ref.identifier
    if name not in DESCRIPTIONS:
        raise UserError("unknown sample images", got=name, fix=did_you_mean(name, DESCRIPTIONS))
    files = _files(name)
    mode = "L" if name.endswith("mnist") else "RGB"
    return LabelledImages(
        name=ref.text,
        ids=tuple(file.stem for file in files),
        labels=tuple(int(file.stem.rpartition("_")[2]) for file in files),
        label_names=_label_names(name),
        read=lambda index: read_image(files[index], mode=mode, size=size, crop=crop),
    )


def _files(name: str) -> list[Path]:
    spec = importlib.util.find_spec("foolbox")  # finds the folder without importing the package
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(f"sample:{name}", package="foolbox")
    folder = Path(spec.submodule_search_locations[0]) / "data"
    return sorted(file for file in folder.glob("*_*_*") if file.name.lower().startswith(f"{name}_"))


def _label_names(name: str) -> tuple[str, ...]:
    if name == "imagenet":
        return imagenet_label_names()
    return {"cifar10": CIFAR10, "cifar100": CIFAR100, "mnist": MNIST, "fashionmnist": FASHIONMNIST}[name]
