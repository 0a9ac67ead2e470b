"""The inner maximisation of adversarial training: perturbed images for one step, from the attack engine's parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import kl_div, log_softmax

from advwindow.attacks import Ball, Goal, Norm, per_sample, slope_at, steepest
from advwindow.models import evaluating

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Generator, Tensor

    from advwindow.models import Classifier
    from advwindow.training.recipe import Inner, Recipe

#: Standard deviation of the Gaussian start of TRADES (Zhang et al. 2019, the authors' code), in pixel units.
_SMALL = 1e-3


def perturbed(model: Classifier, images: Tensor, labels: Tensor, recipe: Recipe, draw: Generator) -> Tensor:
    """Adversarial images ``(N, C, H, W)`` for one step of training.

    The network is asked in evaluation mode, as it will be attacked later (Pang et al. 2021, arXiv 2010.00467, section
    3.6); its modes are restored, its parameters get no gradients.

    Args:
        model: the network in training.
        images: ``(N, C, H, W)`` in [0, 1].
        labels: ``(N,)``.
        recipe: method and budget; not the standard one.
        draw: of the random starts.
    """
    inner = recipe.inner
    assert inner is not None
    radius = torch.full((len(images),), recipe.radius, dtype=torch.float64, device=images.device)
    ball = Ball.around(images, radius, recipe.threat)
    point = _started(images, ball, inner, draw)
    length = per_sample((radius * inner.step).float(), images)
    with evaluating(model):
        toward, row = _aim(model, images, labels, recipe)
        for _ in range(inner.steps):
            slope = slope_at(model, point, toward, row)
            moved = point - length * steepest(slope.gradient, recipe.threat)
            point = ball.project(moved) if inner.bounded else moved.clamp(0, 1)
    return point


def _started(images: Tensor, ball: Ball, inner: Inner, draw: Generator) -> Tensor:
    if not inner.start:
        return ball.project(images + _SMALL * torch.randn(images.shape, generator=draw).to(images))
    if ball.norm is Norm.L2:
        noise = torch.randn(images.shape, generator=draw).to(images)
        reach = torch.rand(len(images), generator=draw).to(images) ** (1 / images[0].numel())
        noise = noise * per_sample(reach / noise.flatten(1).norm(dim=1), noise)
    else:
        noise = torch.rand(images.shape, generator=draw).to(images).mul_(2).sub_(1)
    point = images + noise * per_sample((ball.radius * inner.start).float(), images)
    return ball.project(point) if inner.bounded else point


def _aim(
    model: Classifier, images: Tensor, labels: Tensor, recipe: Recipe
) -> tuple[Callable[[Tensor, Tensor], Tensor], Tensor]:
    """What is descended, and what it needs besides the logits."""
    if recipe.method != "trades":
        return _leave_class, labels
    with torch.no_grad():
        clean = log_softmax(model(images).float(), 1)
    return _leave_distribution, clean


def _leave_class(logits: Tensor, labels: Tensor) -> Tensor:
    return Goal(labels).loss(logits.float(), "ce")


def _leave_distribution(logits: Tensor, clean: Tensor) -> Tensor:
    return -kl_div(log_softmax(logits.float(), 1), clean, reduction="none", log_target=True).sum(1)
