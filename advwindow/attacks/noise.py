"""The control that is always there: random noise of the same size as the attack, image by image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from advwindow.attacks.budget import Norm, per_sample, size
from advwindow.streams import stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


def matched_noise(images: Tensor, attacked: Tensor, norm: Norm, *, ids: Sequence[str], seed: int) -> Tensor:
    """Images with random noise of each attacked image's own perturbation size, inside the box.

    In Linf a random sign for every value, at the perturbation's Linf size; in L2 and L1 a Gaussian direction, scaled
    until its length after clipping to the box equals the perturbation's (to one part in a thousand, unless the box
    leaves no room for it); in L0 as many values, chosen at random, drawn anew from [0, 1].

    Args:
        images: ``(N, C, H, W)`` originals in [0, 1].
        attacked: what the attack made of them.
        norm: the norm to match.
        ids: one stable id per image, keys of the random streams.
        seed: the user's seed.

    Returns:
        ``(N, C, H, W)`` float32 in [0, 1], no larger than the attack in this norm but for rounding to float32.
    """
    noisy = torch.empty_like(images, dtype=torch.float32)
    for place, name in enumerate(ids):  # one by one: the draws are in double precision, and there may be many images
        draw = stream(seed, "matched noise", name)
        one = slice(place, place + 1)
        direction = torch.from_numpy(draw.standard_normal(images.shape[1:]))[None].to(images.device)
        reach = size(attacked[one].double() - images[one].double(), norm)
        if norm is Norm.L0:
            fresh = torch.from_numpy(draw.random(images.shape[1:]))[None].to(images.device)
            noisy[one] = _replaced(images[one].double(), fresh, direction, int(reach))
        else:
            noisy[one] = _matched(images[one].double(), reach, direction, norm)
    return noisy


def _replaced(image: Tensor, fresh: Tensor, order: Tensor, count: int) -> Tensor:
    """The values that come first in a random order replaced by fresh ones."""
    chosen = order.flatten().argsort()[:count]
    return image.flatten().scatter(0, chosen, fresh.flatten()[chosen]).view_as(image)


def _matched(image: Tensor, reach: Tensor, direction: Tensor, norm: Norm) -> Tensor:
    if norm is Norm.LINF:
        return (image + per_sample(reach, image) * direction.sign()).clamp(0, 1)
    scale = reach / size(direction, norm)
    for _ in range(12):
        clipped = (image + per_sample(scale, image) * direction).clamp(0, 1) - image
        scale = scale * (reach / size(clipped, norm).clamp_min(1e-30)).clamp(max=2)
    clipped = (image + per_sample(scale, image) * direction).clamp(0, 1) - image
    shrink = (reach / size(clipped, norm).clamp_min(1e-30)).clamp(max=1)
    return (image + per_sample(shrink, image) * clipped).clamp(0, 1)
