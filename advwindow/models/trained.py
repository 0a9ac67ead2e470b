"""Networks that `advwindow train` made: one safetensors file that says itself how to build the network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors
import safetensors.torch
import torch

from advwindow.errors import UserError
from advwindow.models.classifier import Classifier
from advwindow.models.residual import ResidualNet
from advwindow.models.weights import load_weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from advwindow.refs import Ref

#: The key of the file's metadata under which the facts stand, as JSON.
FACTS = "advwindow"


def untrained(facts: Mapping[str, Any]) -> Classifier:
    """The network that these facts describe, with weights drawn by torch.

    Args:
        facts: ``network`` (arguments of `ResidualNet`), ``label_names``, ``mean``, ``std`` and ``input_size``.
    """
    return Classifier(
        ResidualNet(**facts["network"]),
        mean=facts["mean"],
        std=facts["std"],
        label_names=facts["label_names"],
        input_size=tuple(facts["input_size"]),
    )


def trained_bytes(classifier: Classifier, facts: Mapping[str, Any]) -> bytes:
    """The file of a trained network: matrices and kernels in half precision, everything else as it is."""
    weights = {
        name: (value.half() if value.ndim > 1 else value).contiguous()
        for name, value in classifier.module.state_dict().items()
    }
    return safetensors.torch.save(weights, {FACTS: json.dumps(facts, sort_keys=True)})


def load_trained(ref: Ref) -> Classifier:
    """The network of a ``trained:FILE.safetensors`` reference, in evaluation mode.

    Raises:
        UserError: no such file, or none that `advwindow train` made.
    """
    ref.reject_options()
    return read_trained(Path(ref.identifier).expanduser())


def read_trained(file: Path) -> Classifier:
    """The network of a file that `trained_bytes` gave, in single precision and evaluation mode.

    Raises:
        UserError: no such file, or none that `advwindow train` made.
    """
    facts = _facts(file)
    try:
        with torch.random.fork_rng():  # the weights that are drawn here are replaced at once
            classifier = untrained(facts)
    except (KeyError, TypeError) as error:
        raise UserError(f"{file} describes a network that cannot be built", got=f"{error}") from error
    load_weights(classifier.module, file)
    classifier.name = facts.get("name") or file.stem
    return classifier.eval()


def _facts(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise UserError("no such network", got=str(file), fix="name a .safetensors file that advwindow train wrote")
    try:
        with safetensors.safe_open(file, "pt") as opened:
            metadata = dict(opened.metadata() or {})
        facts: dict[str, Any] = json.loads(metadata[FACTS])
    except (safetensors.SafetensorError, OSError, KeyError, ValueError) as error:
        raise UserError(
            f"{file} is no network that advwindow train wrote",
            got=str(error)[:200],
            fix="load other networks by py: or file:",
        ) from error
    return facts


def channel_statistics(pixels: torch.Tensor) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel of images ``(N, C, H, W)``, rounded to four digits."""
    spread, mean = torch.std_mean(pixels, dim=(0, 2, 3))
    return [round(each, 4) for each in mean.tolist()], [round(each, 4) for each in spread.tolist()]
