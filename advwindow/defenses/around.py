"""Defences around a whole network: what it is shown and how its answers are put together."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from advwindow.defenses.base import Declared
from advwindow.models import Classifier

if TYPE_CHECKING:
    from torch import Tensor, nn


class Around(Declared):
    """Asks a network in its own way: ``forward(network, images)`` gives logits ``(N, K)``.

    All parameters stand in ``extra_repr``, as for `Defense`.
    """


class Unchanged(Around):
    """Asks once."""

    def forward(self, network: Classifier, images: Tensor) -> Tensor:
        """The network's own logits."""
        logits: Tensor = network(images)
        return logits


class Enclosed(Classifier):
    """A classifier that asks another one in the way of an `Around`.

    ``module``, normalisation and names are those of the inner classifier, so its layers keep their names.

    Args:
        inner: the classifier that is asked, with defences of its own.
        around: how it is asked.
        defense: done to the images before.
    """

    def __init__(self, inner: Classifier, around: Around, *, defense: nn.Module | None = None) -> None:
        super().__init__(
            inner.module,
            label_names=inner.label_names,
            input_size=inner.input_size,
            crop=inner.crop,
            name=inner.name,
            defense=defense,
        )
        self.mean, self.std = inner.mean, inner.std
        self.inner = inner
        self.around = around

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``(N, K)`` of images ``(N, C, H, W)`` in [0, 1]."""
        logits: Tensor = self.around(self.inner, images if self.defense is None else self.defense(images))
        return logits

    def sha256(self) -> str:
        """Hash over the inner classifier, what is around it and what is in front."""
        outer = Classifier(self.around, defense=self.defense).sha256()
        return hashlib.sha256(f"{outer}|{self.inner.sha256()}".encode()).hexdigest()
