"""What somebody asks of an attack, checked once, before anything is computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from advwindow.attacks.goal import Goal
from advwindow.errors import UserError
from advwindow.models import Classifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from advwindow.attacks.judge import Jury


@dataclass(frozen=True)
class Request:
    """Samples and what is to be done with them.

    Attributes:
        model: the original network.
        images: ``(N, C, H, W)`` float32 in [0, 1], on the network's device.
        labels: ``(N,)`` int64 true classes.
        goal: to leave them, or to reach others.
        ids: ``N`` different ids.
    """

    model: Classifier
    images: Tensor
    labels: Tensor
    goal: Goal
    ids: tuple[str, ...]

    @classmethod
    def checked(
        cls,
        model: Classifier,
        images: Tensor,
        labels: Tensor,
        target: Tensor | None,
        *,
        ids: Sequence[str] | None,
        batch_size: int | None,
    ) -> Request:
        """The request, or a `UserError` that tells what is wrong with it."""
        if not isinstance(model, Classifier):
            raise UserError(
                "an attack needs a Classifier", got=type(model).__name__, fix="wrap it: aw.Classifier(module)"
            )
        _check_images(images)
        labels = _classes(labels, "labels").to(model.device)
        if labels.shape != (len(images),):
            raise UserError("labels do not fit the images", got=str(tuple(labels.shape)), expected=str((len(images),)))
        if batch_size is not None and batch_size < 1:
            raise UserError("the batch size must be at least 1", got=str(batch_size))
        goal = Goal(labels) if target is None else _targeted(_classes(target, "targets").to(model.device), labels)
        return cls(model, images.to(model.device, torch.float32), labels, goal, _names(ids, len(images)))

    def clean_logits(self, known: Tensor | None, jury: Jury) -> Tensor:
        """``(N, K)`` of the images as they are; raises `UserError` where they cannot belong to these labels."""
        if not len(self.images):
            return self.images.new_zeros((0, 2))
        clean = jury.votes(self.images).mean(0) if known is None else known
        if not bool(torch.isfinite(clean).all()):
            raise UserError(
                "the network answers with numbers that are not finite", fix="check weights and normalisation"
            )
        if clean.dim() != 2 or clean.shape[1] < 2:
            raise UserError(
                "a classifier needs at least two logits per image", got=f"an output of shape {tuple(clean.shape)}"
            )
        wanted = torch.cat([self.labels, self.goal.classes])
        if int(wanted.max()) >= clean.shape[1] or int(wanted.min()) < 0:
            raise UserError(
                "a label names no output of the network",
                got=f"labels from {int(wanted.min())} to {int(wanted.max())}",
                expected=f"0 to {clean.shape[1] - 1}",
                fix="check that images and network have the same classes",
            )
        return clean


def _check_images(images: Tensor) -> None:
    if images.dim() < 2 or not images.is_floating_point():
        raise UserError(
            "images must be a float tensor",
            got=f"{images.dtype} of shape {tuple(images.shape)}",
            expected="(N, C, H, W)",
        )
    if not bool(torch.isfinite(images).all()):
        raise UserError("images hold numbers that are not finite", fix="look for NaN in the data")
    if len(images) and (float(images.min()) < 0 or float(images.max()) > 1):
        raise UserError(
            "images leave the pixel range",
            got=f"[{float(images.min()):.4g}, {float(images.max()):.4g}]",
            expected="[0, 1]",
            fix="undo any normalisation: the classifier normalises inside",
        )


def _classes(values: Tensor | Sequence[int], what: str) -> Tensor:
    classes = torch.as_tensor(values)
    if len(classes) and (classes.is_floating_point() or classes.dtype is torch.bool):
        raise UserError(f"{what} must be whole numbers", got=str(classes.dtype), expected="class indices")
    return classes.to(torch.int64)


def _targeted(target: Tensor, labels: Tensor) -> Goal:
    if target.shape != labels.shape:
        raise UserError(
            "targets do not fit the images", got=str(tuple(target.shape)), expected=str(tuple(labels.shape))
        )
    if bool((target == labels).any()):
        raise UserError("a target equals the true class", fix="choose another class to reach")
    return Goal(target, targeted=True)


def _names(ids: Sequence[str] | None, count: int) -> tuple[str, ...]:
    names = tuple(str(place) for place in range(count)) if ids is None else tuple(ids)
    if len(names) != count or len(set(names)) != count:
        raise UserError(
            "ids must be unique, one per image", got=f"{len(set(names))} different ids", expected=str(count)
        )
    return names
