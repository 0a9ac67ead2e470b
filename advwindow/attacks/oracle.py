"""Logits and input gradients of a frozen network, with the accidents counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from advwindow.models import Classifier


class Slope(NamedTuple):
    """Logits and gradient at ``N`` points.

    Attributes:
        logits: ``(N, K)``, detached.
        gradient: ``(N, C, H, W)`` of each sample's own loss; NaN and infinite entries replaced by 0.
        zero: ``(N,)`` bool: the gradient vanished.
        nonfinite: ``(N,)`` bool: the gradient had entries that were replaced.
    """

    logits: Tensor
    gradient: Tensor
    zero: Tensor
    nonfinite: Tensor


def logits_at(model: Classifier, images: Tensor) -> Tensor:
    """Logits without any graph."""
    with torch.no_grad():
        logits: Tensor = model(images)
    return logits


def slope_at(model: Classifier, images: Tensor, loss: Callable[[Tensor], Tensor]) -> Slope:
    """One forward and one backward pass.

    Losses are summed, so that no sample's gradient depends on how many others share its batch.

    Args:
        model: frozen: only the gradient of the input is computed.
        images: ``(N, C, H, W)``.
        loss: logits ``(N, K)`` to one value per sample ``(N,)``.
    """
    point = images.detach().requires_grad_()
    with torch.enable_grad():
        logits = model(point)
        values = loss(logits)
        gradient = torch.autograd.grad(values.sum(), point, allow_unused=True)[0] if values.requires_grad else None
    gradient = torch.zeros_like(images) if gradient is None else gradient
    mass = gradient.abs().flatten(1).sum(1)
    nonfinite = ~gradient.isfinite().flatten(1).all(1)
    gradient = gradient.nan_to_num_(0.0, 0.0, 0.0)
    return Slope(logits.detach(), gradient, mass == 0, nonfinite)
