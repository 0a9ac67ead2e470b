"""Small image files with known contents."""

from pathlib import Path

import numpy as np
from PIL import Image


def array(height=6, width=8, channels=3, seed=0):
    """Random 8-bit pixels ``(H, W, C)``, or ``(H, W)`` for one channel."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)
    return pixels[..., 0] if channels == 1 else pixels


def write(path: Path, pixels=None, **options) -> Path:
    """Write an image file, folders included; lossless where the format is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array() if pixels is None else pixels).save(path, **options)
    return path
