"""Weights from local files, read without running code from them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors
import safetensors.torch
import torch

from advwindow.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor, nn

_WRAPPERS = ("state_dict", "model")
"""Keys under which the training scripts of timm and torchvision keep the weights."""


def load_weights(module: nn.Module, path: str | Path) -> None:
    """Load a state dict from a ``.safetensors`` file, or from any other with ``torch.load(weights_only=True)``.

    Raises:
        UserError: the file is missing, broken, wants to run code, or its tensors do not fit the network.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise UserError("no such weights file", got=str(file))
    try:
        module.load_state_dict(_read(file))
    except RuntimeError as error:
        raise UserError(f"the weights in {file} do not fit the network", got=_shortened(str(error))) from error


def _read(file: Path) -> dict[str, Tensor]:
    try:
        if file.suffix == ".safetensors":
            return safetensors.torch.load_file(file)
        found: Any = torch.load(file, map_location="cpu", weights_only=True)
    except (safetensors.SafetensorError, pickle.UnpicklingError, RuntimeError, ValueError, EOFError, OSError) as error:
        raise UserError(
            f"the weights file {file} cannot be read safely",
            got=_shortened(str(error)),
            fix="save the state dict alone, best as .safetensors",
        ) from error
    for key in _WRAPPERS:
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if not isinstance(found, dict) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise UserError(f"the weights file {file} holds no state dict", got=type(found).__name__)
    return found


def _shortened(text: str) -> str:
    return text if len(text) <= 300 else f"{text[:300]} ..."
