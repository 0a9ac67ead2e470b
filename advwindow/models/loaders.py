"""From a reference to a classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from advwindow.errors import UserError
from advwindow.factories import call, make
from advwindow.models.classifier import Classifier
from advwindow.models.samples import INPUT_SIZES, SHIPPED, load_sample
from advwindow.models.trained import load_trained
from advwindow.models.zoo import load_timm, load_torchvision
from advwindow.refs import Ref, Registry, parse_ref

if TYPE_CHECKING:
    from collections.abc import Callable

MODELS: Registry[Callable[..., object]] = Registry("model", {})
"""Plug-ins: factories of a `Classifier` or a ``torch.nn.Module`` under a bare name."""

_LOADERS: dict[str, Callable[[Ref], object]] = {
    "sample": load_sample,
    "trained": load_trained,
    "timm": load_timm,
    "torchvision": load_torchvision,
    "py": make,
    "file": make,
    "": lambda ref: call(MODELS.get(ref.identifier), ref, options=ref.options),
}


def load_model(ref: str) -> Classifier:
    """The classifier that a reference names, in evaluation mode.

    Args:
        ref: ``sample:efficientnet-lite0``, ``sample:cifar10-robust``, ``trained:FILE.safetensors`` (of
            ``advwindow train``), ``timm:NAME?pretrained=true|false&weights=PATH``,
            ``torchvision:NAME?weights=DEFAULT|none|PATH``, ``py:package.module:factory?key=value``,
            ``file:path/net.py:factory?key=value``, or the bare name of a plug-in. A factory's options are Python
            literals where they spell one, else text; it returns a `Classifier` or a ``torch.nn.Module``.

    Raises:
        UserError: the reference, the factory or the weights are wrong.
        MissingExtraError: the reference needs a package that is not installed.
    """
    parsed = parse_ref(ref, schemes=[scheme for scheme in _LOADERS if scheme], names=MODELS.names())
    made = _LOADERS[parsed.scheme](parsed)
    if isinstance(made, Classifier):
        return made.eval()
    if isinstance(made, nn.Module):
        return Classifier(made, name=parsed.identifier).eval()
    raise UserError(
        f"{ref!r} gives no network", got=type(made).__name__, expected="an advwindow.Classifier or a torch.nn.Module"
    )


def model_refs() -> list[tuple[str, str]]:
    """Every form of reference with a line about it, plug-ins last; imports no plug-in."""
    samples = [
        (f"sample:{name}", f"ImageNet classifier, {size} px (extra samples)") for name, size in INPUT_SIZES.items()
    ]
    samples += [(f"sample:{name}", text) for name, text in SHIPPED.items()]
    forms = [
        ("trained:FILE", "network that advwindow train wrote (.safetensors)"),
        ("timm:NAME", "network of timm; ?pretrained=false for random weights, ?weights=PATH for a local file"),
        ("torchvision:NAME", "network of torchvision; ?weights=none for random weights, or a local file"),
        ("py:PACKAGE.MODULE:FACTORY", "a Python callable that returns a network (?key=value are its arguments)"),
        ("file:PATH.py:FACTORY", "the same, from a file outside the import path"),
    ]
    return [*samples, *forms, *((name, "plug-in") for name in MODELS.names())]
