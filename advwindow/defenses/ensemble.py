"""Several networks that answer together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from advwindow.defenses.around import Around
from advwindow.defenses.base import joined
from advwindow.errors import UserError
from advwindow.models import load_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from advwindow.models import Classifier


class LogitAverage(Around):
    """The mean of the logits of a network and of others, which see the same images.

    A network that asks for another size gets the images resized, bilinear and antialiased; the gradient is exact.

    Args:
        others: classifiers of the same classes in the same order.
    """

    def __init__(self, *others: Classifier) -> None:
        super().__init__()
        self.others = nn.ModuleList(others)
        self.hashes = tuple(other.sha256() for other in others)
        self.random, self.surrogate, self.draws = joined(*self.others.modules())

    def forward(self, network: Classifier, images: Tensor) -> Tensor:
        """The mean logits ``(N, K)``.

        Raises:
            UserError: the networks differ in their number of classes.
        """
        answers = [network(images), *(other(_fitted(images, other)) for other in self._classifiers())]
        for other, answer in zip(self._classifiers(), answers[1:], strict=True):
            if answer.shape != answers[0].shape:
                raise UserError(
                    f"logit-average: {other.name!r} knows other classes than {network.name!r}",
                    got=f"{answer.shape[1]} logits",
                    expected=f"{answers[0].shape[1]}",
                )
        return torch.stack(answers).mean(0)

    def extra_repr(self) -> str:
        """Names and hashes of the others (normalisation is no part of a state dict)."""
        return ", ".join(
            f"{other.name}={digest}" for other, digest in zip(self._classifiers(), self.hashes, strict=True)
        )

    def _classifiers(self) -> list[Classifier]:
        return [*self.others]


def _fitted(images: Tensor, other: Classifier) -> Tensor:
    size = other.input_size
    if size is None or images.shape[2:] == size:
        return images
    return interpolate(images, size=size, mode="bilinear", antialias=True)


def logit_average(**options: object) -> Callable[[Classifier], LogitAverage]:
    """The average with the networks of ``with=REF,REF``, for the network it is asked for.

    Raises:
        UserError: no references, an unknown option, or networks of other classes.
    """
    refs = [ref.strip() for ref in str(options.pop("with", "")).split(",") if ref.strip()]
    if options or not refs:
        raise UserError(
            "logit-average needs the networks that answer, too",
            got=", ".join(options) or "none",
            expected="references of models, separated by commas",
            fix="write logit-average?with=sample:efficientnet-lite1",
        )

    def around(model: Classifier) -> LogitAverage:
        return LogitAverage(*(_matching(load_model(ref), model) for ref in refs))

    return around


def _matching(other: Classifier, model: Classifier) -> Classifier:
    if other.label_names and model.label_names and other.label_names != model.label_names:
        raise UserError(
            f"logit-average: {other.name!r} and {model.name!r} name their classes differently",
            got=f"{len(other.label_names)} and {len(model.label_names)} names",
            expected="the same classes in the same order",
        )
    return other.to(model.device)
