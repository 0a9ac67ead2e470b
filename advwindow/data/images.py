"""Labelled images: stable ids, pixels in [0, 1] read when needed, integer labels with names."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from advwindow.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import Tensor


@dataclass(frozen=True)
class LabelledImages:
    """A finite set of images, read lazily.

    Attributes:
        name: what reports call the set.
        ids: one stable id per image (a file name, an index), unique.
        labels: for each image its index into `label_names`.
        label_names: one name per class; several names of one class are separated by ``", "``.
        read: index to pixels ``(C, H, W)``, float32 in [0, 1]; raises `UserError` for an unreadable image.
    """

    name: str
    ids: tuple[str, ...]
    labels: tuple[int, ...]
    label_names: tuple[str, ...]
    read: Callable[[int], Tensor]

    def __post_init__(self) -> None:
        if not self.ids:
            raise UserError(
                f"{self.name} holds no images", fix="name a folder or file with at least one labelled image"
            )
        if len(set(self.ids)) != len(self.ids):
            raise UserError(f"{self.name} has image ids that are not unique")
        if len(self.labels) != len(self.ids):
            raise UserError(f"{self.name} needs one label per image", got=len(self.labels), expected=f"{len(self.ids)}")
        for name, label in zip(self.ids, self.labels, strict=True):
            if not 0 <= label < len(self.label_names):
                raise UserError(
                    f"image {name!r} of {self.name} has a label without a name",
                    got=label,
                    expected=f"0 to {len(self.label_names) - 1}",
                )

    def __len__(self) -> int:
        return len(self.ids)

    def pixels(self, indices: Sequence[int] | None = None) -> Tensor:
        """Images ``(n, C, H, W)``, float32 in [0, 1], all of them by default.

        Raises:
            UserError: sizes differ, or a pixel is not finite or outside [0, 1].
        """
        chosen = range(len(self)) if indices is None else indices
        read = [self._checked(index) for index in chosen]
        if len({tuple(image.shape) for image in read}) > 1:
            shapes = sorted({tuple(image.shape) for image in read})
            raise UserError(
                f"images of {self.name} differ in shape", got=str(shapes[:3]), fix="use a model with an input size"
            )
        return torch.stack(read)

    def batches(self, size: int) -> Iterator[Tensor]:
        """Consecutive batches of at most `size` images."""
        for start in range(0, len(self), size):
            yield self.pixels(range(start, min(start + size, len(self))))

    def subset(self, indices: Sequence[int]) -> LabelledImages:
        """The images at these indices, in this order, with the same label names."""
        order = list(indices)
        return replace(
            self,
            ids=tuple(self.ids[i] for i in order),
            labels=tuple(self.labels[i] for i in order),
            read=lambda index: self.read(order[index]),
        )

    def sha256(self) -> str:
        """Hash over ids, labels, label names and every pixel."""
        digest = hashlib.sha256("\x1f".join([*self.ids, *map(str, self.labels), *self.label_names]).encode())
        for index in range(len(self)):
            image = self._checked(index)
            digest.update(f"|{tuple(image.shape)}|".encode())
            digest.update(image.numpy().tobytes())
        return digest.hexdigest()

    def _checked(self, index: int) -> Tensor:
        image = self.read(index)
        if image.dtype != torch.float32 or image.ndim != 3:
            raise UserError(
                f"image {self.ids[index]!r} is not of the right kind",
                got=f"{image.dtype} {tuple(image.shape)}",
                expected="float32 (channels, height, width)",
            )
        if not bool(torch.isfinite(image).all()):
            raise UserError(f"image {self.ids[index]!r} has pixels that are not finite", expected="numbers in [0, 1]")
        low, high = float(image.min()), float(image.max())
        if low < 0 or high > 1:
            raise UserError(
                f"image {self.ids[index]!r} leaves the range",
                got=f"[{low:.4g}, {high:.4g}]",
                expected="[0, 1]",
                fix="divide 8-bit pixels by 255 and undo any normalisation",
            )
        return image
