"""Images that a small network learns in an epoch, and a recipe that takes a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from advwindow.training import Recipe

if TYPE_CHECKING:
    from pathlib import Path

SMALL = {"width": 4, "blocks": (1, 1), "batch_size": 16, "validation": 20, "padding": 1, "learning_rate": 0.1}


def recipe(**changes) -> Recipe:
    return Recipe(**{"method": "standard", "epochs": 2, **SMALL, **changes})


def write_images(path: Path, count: int = 100) -> str:
    """Three classes, each with a colour of its own."""
    generator = np.random.default_rng(0)
    labels = np.arange(count) % 3
    images = 0.2 * generator.random((count, 3, 8, 8), dtype=np.float32)
    images[np.arange(count), labels] += 0.7
    np.savez(path, images=images, labels=labels, label_names=np.array(["red", "green", "blue"]))
    return f"npz:{path}"


class Quiet:
    """Says nothing, and can be interrupted after an epoch."""

    def __init__(self, stop_after: int = 0) -> None:
        self.stop_after = stop_after
        self.epochs: list[int] = []

    def batch_done(self, epoch: int, done: int, of: int) -> None:
        if self.stop_after and len(self.epochs) == self.stop_after:
            raise KeyboardInterrupt

    def epoch_done(self, record) -> None:
        self.epochs.append(record.epoch)


CPU = torch.device("cpu")
