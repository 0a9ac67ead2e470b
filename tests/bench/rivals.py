"""The same attacks from other libraries, with the same settings, for comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

if TYPE_CHECKING:
    from torch import Tensor

    from .parts import Subject

ORDERS = {"l0": 0, "l1": 1, "l2": 2, "linf": float("inf")}


def distances(subject: Subject, found: Tensor, norm: str) -> Tensor:
    """``(N,)`` sizes of the perturbations, infinite where the image is still classified as labelled."""
    delta = (found.double() - subject.images.double()).flatten(1)
    with torch.no_grad():
        fooled = subject.model(found).argmax(1) != subject.labels
    inside = (found.isfinite() & (found >= 0) & (found <= 1)).flatten(1).all(1)
    return torch.where(fooled & inside, torch.linalg.vector_norm(delta, ORDERS[norm], dim=1), torch.inf)


def torchattacks_gives(subject: Subject, name: str, **settings: object) -> Tensor:
    """Images ``(N, C, H, W)`` that an attack of torchattacks returns."""
    library = pytest.importorskip("torchattacks")
    found: Tensor = getattr(library, name)(subject.model, **settings)(subject.images, subject.labels)
    return found.detach()


def foolbox_gives(subject: Subject, name: str, *, eps: float | None, **settings: object) -> Tensor:
    """Images ``(N, C, H, W)`` that an attack of foolbox returns, cut to epsilon by itself."""
    library = pytest.importorskip("foolbox")
    wrapped = library.PyTorchModel(subject.model, bounds=(0, 1))
    found: Tensor = getattr(library.attacks, name)(**settings)(wrapped, subject.images, subject.labels, epsilons=eps)[1]
    return found.detach()
