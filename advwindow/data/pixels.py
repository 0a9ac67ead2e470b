"""Image files to tensors, and tensors to a network's input size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image, ImageOps
from torch.nn import functional

from advwindow.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    Size = tuple[int, int]

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
"""Endings of file names, in lower case, that are taken for images."""
MODES = ("RGB", "L")
"""Colour modes: three channels, or one channel of luminance."""


def read_image(path: Path, *, mode: str = "RGB", size: Size | None = None, crop: float = 1.0) -> Tensor:
    """Decode an image file, upright as its EXIF orientation says, and fit it.

    Args:
        path: the file; of an animation the first frame is read. Transparency is ignored.
        mode: ``"RGB"`` or ``"L"``.
        size: ``(height, width)`` to fit to; ``None`` keeps the image's own.
        crop: share of the fitted image that the centre crop keeps, in (0, 1].

    Returns:
        ``(C, H, W)``, float32 in [0, 1].

    Raises:
        UserError: the file is unreadable, truncated, too large to be safe, or has more than 8 bits per channel.
    """
    try:
        with Image.open(path) as opened:
            _reject_deep(opened, path)
            upright = ImageOps.exif_transpose(opened)
            if "transparency" in upright.info and upright.mode == "P":
                upright = upright.convert("RGBA")  # a palette's transparency is otherwise warned about
            image = upright.convert(mode)
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise UserError(f"cannot read image {path}", got=str(error), fix="replace or remove the file") from error
    if size is not None:
        image = _fit(image, size, crop)
    array = np.asarray(image, dtype=np.float32) / np.float32(255)
    return torch.from_numpy(array.reshape(*array.shape[:2], -1).transpose(2, 0, 1).copy())


def fit_tensor(image: Tensor, *, size: Size | None, crop: float = 1.0) -> Tensor:
    """Fit pixels ``(C, H, W)`` to a size as `read_image` does; those that have the size already stay untouched."""
    if size is None or tuple(image.shape[1:]) == size:
        return image
    new = _cover(tuple(image.shape[1:]), size, crop)
    resized = functional.interpolate(image[None], size=new, mode="bicubic", antialias=True, align_corners=False)[0]
    top, left = _corner(new, size)
    return resized.clamp(0, 1)[:, top : top + size[0], left : left + size[1]]


def _fit(image: Image.Image, size: Size, crop: float) -> Image.Image:
    new = _cover((image.height, image.width), size, crop)
    resized = image.resize((new[1], new[0]), Image.Resampling.BICUBIC)
    top, left = _corner(new, size)
    return resized.crop((left, top, left + size[1], top + size[0]))


def _cover(old: tuple[int, ...], size: Size, crop: float) -> Size:
    """``(height, width)`` of equal proportions whose centre crop is the wanted size (short side rounded, long cut)."""
    wanted = [round(side / crop) for side in size]
    scale = max(wanted[0] / old[0], wanted[1] / old[1])
    return max(wanted[0], int(old[0] * scale)), max(wanted[1], int(old[1] * scale))


def _corner(old: Size, size: Size) -> Size:
    return round((old[0] - size[0]) / 2), round((old[1] - size[1]) / 2)


def _reject_deep(image: Image.Image, path: Path) -> None:
    if image.mode == "F" or image.mode.startswith("I"):  # converting would saturate without a word
        raise UserError(f"image {path} is not of 8 bits per channel", got=image.mode, fix="convert it to 8 bits")
