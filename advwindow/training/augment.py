"""Random shifts, reflections and holes of whole batches."""

from __future__ import annotations

import torch
from torch.nn.functional import pad


def augmented(images: torch.Tensor, *, padding: int, flip: bool, draw: torch.Generator) -> torch.Tensor:
    """Each image shifted by up to `padding` pixels (black enters) and mirrored with probability one half.

    Args:
        images: ``(N, C, H, W)``; not changed.
        padding: largest shift in either direction, in pixels.
        flip: whether to mirror.
        draw: generator on the CPU.
    """
    count, _, height, width = images.shape
    top, left = torch.randint(0, 2 * padding + 1, (2, count, 1), generator=draw)
    rows = top + torch.arange(height)
    columns = left + torch.arange(width)
    if flip:
        mirrored = torch.rand(count, generator=draw) < 0.5
        columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    device = images.device
    sample = torch.arange(count, device=device)[:, None, None]
    wide = pad(images, [padding] * 4).permute(0, 2, 3, 1)
    return wide[sample, rows.to(device)[:, :, None], columns.to(device)[:, None, :]].permute(0, 3, 1, 2)


def cut_out(images: torch.Tensor, *, side: int, draw: torch.Generator) -> torch.Tensor:
    """A square of each image replaced by that image's mean colour (DeVries, Taylor 2017, arXiv 1708.04552).

    Args:
        images: ``(N, C, H, W)``; not changed.
        side: of the square in pixels, whose middle may be any pixel; it ends where the image ends. 0 for none.
        draw: generator on the CPU; not used for none.
    """
    if not side:
        return images
    count, _, height, width = images.shape
    hole = _span(height, side, count, draw)[:, :, None] & _span(width, side, count, draw)[:, None, :]
    return torch.where(hole[:, None].to(images.device), images.mean((2, 3), keepdim=True), images)


def _span(length: int, side: int, count: int, draw: torch.Generator) -> torch.Tensor:
    """``(count, length)``: `side` places around one that is drawn."""
    first = torch.randint(0, length, (count, 1), generator=draw) - side // 2
    places = torch.arange(length)
    return (places >= first) & (places < first + side)
