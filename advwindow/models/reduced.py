"""A copy of a classifier that computes in bfloat16, where the processor does so faster: enough to search far off."""

from __future__ import annotations

import copy
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from advwindow.models.classifier import Classifier

if TYPE_CHECKING:
    from collections.abc import Iterator

WORTHWHILE = 2_000_000
"""Multiplications per image below which conversions and calls cost more than bfloat16 saves."""
FARTHEST = 0.01
"""Largest accepted deviation of a logit, as a share of the image's range of logits."""
LEAST = 1e-3
"""Deviation that is assumed at least, should the example's logits happen to need few digits."""


class Reduced(NamedTuple):
    """A classifier in reduced precision.

    Attributes:
        model: takes and gives float32; only what lies behind defense and normalisation computes in bfloat16.
        deviation: largest difference of a logit from the original's on the example, as a share of the image's range of
            logits (largest minus smallest); at least `LEAST`.
    """

    model: Classifier
    deviation: float


def reduced(model: Classifier, example: Tensor) -> Reduced | None:
    """The same network in bfloat16, or None where that would gain nothing or lose too much.

    No clock decides, so a machine always takes the same way: the processor must have bfloat16 of its own, and the
    network must be large enough (`WORTHWHILE`), without grouped convolutions, and close to itself (`FARTHEST`).

    Args:
        model: frozen, in evaluation mode; it is not touched.
        example: images ``(N, C, H, W)`` in [0, 1] to try it on.
    """
    if model.device.type != "cpu" or not processor_has_bfloat16() or not _worthwhile(model, example):
        return None
    with torch.no_grad():
        expected = model(example)
    made = _tried(model, example) if expected.dtype == torch.float32 else None
    if made is None:
        return None
    twin, found = made
    reach = (expected.amax(1) - expected.amin(1)).clamp_min(torch.finfo(torch.float32).tiny)
    deviation = float(((found - expected).abs().amax(1) / reach).max())
    return Reduced(twin, max(deviation, LEAST)) if deviation <= FARTHEST else None


def processor_has_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 without converting (AVX-512 BF16, which AMX machines have too)."""
    return bool(torch.cpu.get_capabilities().get("avx512_bf16", False))


def _tried(model: Classifier, example: Tensor) -> tuple[Classifier, Tensor] | None:
    """The copy and its logits, if it can be made and gives gradients too."""
    point = example.detach().clone().requires_grad_()
    try:
        twin = copy.deepcopy(model)
        twin.module = _Halved(twin.module)
        with torch.enable_grad():
            logits: Tensor = twin(point)
        if logits.requires_grad:
            torch.autograd.grad(logits.sum(), point, allow_unused=True)
    except Exception:  # noqa: BLE001 - whatever a network says to another type, float32 remains
        return None
    return twin, logits.detach()


class _Halved(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module.bfloat16()

    def forward(self, images: Tensor) -> object:
        out = self.module(images.bfloat16())
        return out.float() if isinstance(out, Tensor) else out


def _worthwhile(model: Classifier, example: Tensor) -> bool:
    """Whether convolutions and linear layers multiply enough, none of them in groups, all of them in ``module``."""
    if type(model).forward is not Classifier.forward:
        return False
    layers = [module for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    if any(isinstance(layer, nn.Conv2d) and layer.groups > 1 for layer in layers):
        return False
    with _counted(layers) as counts, torch.no_grad():
        model(example[:1])
    return sum(counts) >= WORTHWHILE


@contextmanager
def _counted(layers: list[nn.Conv2d | nn.Linear]) -> Iterator[list[int]]:
    """Multiplications of every call of these layers, as they happen."""
    counts: list[int] = []

    def seen(layer: nn.Module, _: tuple[Any, ...], output: object) -> None:
        if isinstance(layer, nn.Conv2d | nn.Linear) and isinstance(output, Tensor):
            counts.append(output.numel() * layer.weight[0].numel())

    handles = [layer.register_forward_hook(seen) for layer in layers]
    try:
        yield counts
    finally:
        for handle in handles:
            handle.remove()
