"""Small CIFAR-10 networks for benchmarks, standard and adversarially trained; made here, kept in pytest's cache."""

from __future__ import annotations

import io
import itertools
import tarfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from advwindow.attacks import Goal, slope_at
from advwindow.models import Classifier

from .parts import data_folder

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616)
EPS = 8 / 255
TRAIN_PER_CLASS, BATCH = 2000, 128
#: Epochs, and gradients of the training attack, by name.
RECIPES = {"standard": (6, 0), "robust": (8, 2)}


def pixels(split: str, per_class: int) -> tuple[Tensor, Tensor]:
    """Images ``(N, 3, 32, 32)`` in [0, 1] and labels of the first files of every class, classes in turn."""
    archive = data_folder() / "cifar10.tar.gz"
    if not archive.exists():
        pytest.skip(f"needs {archive.name}")
    found: dict[str, list[np.ndarray]] = {name: [] for name in CLASSES}
    with tarfile.open(archive) as tar:
        for member in tar:
            part, name = member.name.split("/")[1:3] if member.isfile() else ("", "")
            if part == split and len(found[name]) < per_class:
                file = tar.extractfile(member)
                assert file is not None
                found[name].append(np.asarray(Image.open(io.BytesIO(file.read())).convert("RGB")))
    images = np.stack([image for row in zip(*found.values(), strict=True) for image in row])
    labels = torch.arange(len(CLASSES)).repeat(len(images) // len(CLASSES))
    return torch.from_numpy(images).permute(0, 3, 1, 2).float().div(255).contiguous(), labels


def network() -> nn.Module:
    """Six convolutions with batch norm, 0.08 million parameters."""
    layers: list[nn.Module] = []
    widths = (3, 16, 16, 32, 32, 64, 64)
    for place, (before, after) in enumerate(itertools.pairwise(widths)):
        stride = 2 if place in {2, 4} else 1
        layers += [nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(256, len(CLASSES)))


def cifar_network(name: str, folder: Path) -> Classifier:
    """The network of that recipe, from the folder if it was trained before."""
    file = folder / f"{name}.pt"
    model = Classifier(network(), mean=MEAN, std=STD, name=f"cifar-{name}", label_names=CLASSES)
    if file.exists():
        model.load_state_dict(torch.load(file, weights_only=True))
    else:
        _train(model, *RECIPES[name])
        torch.save(model.state_dict(), file)
    return model.eval().requires_grad_(False)


def _train(model: Classifier, epochs: int, inner: int) -> None:
    images, labels = pixels("train", TRAIN_PER_CLASS)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        rounds = epochs * (len(images) // BATCH)
        optimiser = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.2, total_steps=rounds)
        for _ in range(epochs):
            for some in torch.randperm(len(images))[: len(images) // BATCH * BATCH].split(BATCH):
                batch = torch.where(torch.rand(BATCH, 1, 1, 1) < 0.5, images[some], images[some].flip(3))
                if inner:
                    batch = _attacked(model.eval(), batch, labels[some], inner)
                optimiser.zero_grad()
                nn.functional.cross_entropy(model.train()(batch), labels[some]).backward()
                optimiser.step()
                schedule.step()


def _attacked(model: Classifier, images: Tensor, labels: Tensor, steps: int) -> Tensor:
    goal = Goal(labels)
    point = (images + torch.empty_like(images).uniform_(-EPS, EPS)).clamp(0, 1)
    for _ in range(steps):
        slope = slope_at(model, point, lambda logits: goal.loss(logits, "ce"))
        point = point - EPS / 2 * slope.gradient.sign()
        point = torch.minimum(torch.maximum(point, images - EPS), images + EPS).clamp(0, 1)
    return point
