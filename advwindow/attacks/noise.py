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

    In Linf a random sign for every value, at the perturbation's Linf size; in L2 a Gaussian direction, scaled until its
    length after clipping to the box equals the perturbation's L2 length (to one part in a thousand,
    unless the box leaves no room for it).

    Args:
        images: ``(N, C, H, W)`` originals in [0, 1].
        attacked: what the attack made of them.
        norm: the norm to match.
        ids: one stable id per image, keys of the random streams.
        seed: the user's seed.

    Returns:
        ``(N, C, H, W)`` float32 in [0, 1], nowhere larger than the attack in this norm.
    """
    reach = size((attacked - images).double(), norm)
    draws = [stream(seed, "matched noise", name).standard_normal(images.shape[1:]) for name in ids]
    direction = torch.stack([torch.from_numpy(draw) for draw in draws]).to(images.device)
    if norm is Norm.LINF:
        noisy = images + per_sample(reach, direction) * direction.sign()
        return noisy.clamp(0, 1).float()
    scale = reach / size(direction, norm)
    for _ in range(12):
        clipped = (images + per_sample(scale, direction) * direction).clamp(0, 1) - images
        scale = scale * (reach / size(clipped, norm).clamp_min(1e-30)).clamp(max=2)
    clipped = (images + per_sample(scale, direction) * direction).clamp(0, 1) - images
    shrink = (reach / size(clipped, norm).clamp_min(1e-30)).clamp(max=1)
    return (images + per_sample(shrink, clipped) * clipped).float().clamp(0, 1)
