"""JPEG compression, by the library that writes JPEG files."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from advwindow.defenses.base import Defense, straight_through, whole
from advwindow.errors import UserError

_CHANNELS = (1, 3)


class Jpeg(Defense):
    """Pixels rounded to 8 bits, written as a JPEG file and read again (Guo et al. 2018, arXiv 1711.00117).

    The forward pass is Pillow's own, chroma at half resolution as is its default; the gradient passes as if nothing had
    happened.

    Args:
        quality: 1 to 100, Pillow's scale.
    """

    surrogate = "identity"

    def __init__(self, quality: int = 75) -> None:
        super().__init__()
        self.quality = whole("jpeg?quality", quality, 75, low=1, high=100)

    def forward(self, images: Tensor) -> Tensor:
        """Images ``(N, C, H, W)`` as a file would give them back; C is 1 or 3.

        Raises:
            UserError: another number of channels.
        """
        if images.shape[1] not in _CHANNELS:
            raise UserError("JPEG knows grey and coloured images", got=images.shape[1], expected="1 or 3 channels")
        return straight_through(images, self._compressed)

    def extra_repr(self) -> str:
        """The parameters."""
        return f"quality={self.quality}"

    def _compressed(self, images: Tensor) -> Tensor:
        levels = images.detach().clamp(0, 1).mul(255).round_().to(torch.uint8)
        pixels = levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
        read = np.empty_like(pixels)
        for row, image in enumerate(pixels):
            file = io.BytesIO()
            Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(
                file, "JPEG", quality=self.quality
            )
            read[row] = np.asarray(Image.open(file)).reshape(image.shape)
        return torch.from_numpy(read).permute(0, 3, 1, 2).contiguous().to(images).div_(255)
