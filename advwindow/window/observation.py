"""Looking at a set of images under one condition, a batch at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from advwindow.errors import UserError
from advwindow.window.capture import capture_with_logits
from advwindow.window.grams import ConceptSums, closeness, displacement

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from advwindow.models.classifier import Classifier
    from advwindow.window.vocabulary import Vocabulary

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]


class Batched(Protocol):
    """Anything that gives its images in batches, always in the same order."""

    def batches(self, size: int) -> Iterator[Tensor]:
        """Consecutive batches ``(n, C, H, W)`` of at most `size` images in [0, 1]."""
        ...


class Shot(NamedTuple):
    """What the network made of a batch.

    Attributes:
        places: ``(n,)``, positions of the images in the whole set.
        activations: layer to ``(n, d)``.
        predictions: ``(n,)``, predicted class.
    """

    places: Integers
    activations: dict[str, Tensor]
    predictions: Integers

    @property
    def size(self) -> int:
        """Bytes of the activations."""
        return sum(rows.numel() * rows.element_size() for rows in self.activations.values())


@dataclass(frozen=True, eq=False)
class Camera:
    """How to look: the network, its layers, and which images to look at.

    Attributes:
        model: the network.
        layers: names of its layers.
        pooling: a key of `advwindow.window.capture.POOLINGS`.
        batch_size: images per forward pass at most.
        wanted: ``(N,)`` bool, images that belong to a concept.
    """

    model: Classifier
    layers: tuple[str, ...]
    pooling: str
    batch_size: int
    wanted: NDArray[np.bool_]

    def shots(self, images: Tensor | Batched) -> Iterator[Shot]:
        """Forward passes over the wanted images, in order.

        Raises:
            UserError: not ``N`` images, or a layer that cannot be captured (`capture`).
        """
        seen = 0
        for batch in batches(images, self.batch_size):
            places = np.arange(seen, seen + len(batch))
            seen += len(batch)
            if seen > len(self.wanted):
                break
            chosen = self.wanted[places]
            if chosen.any():
                pixels = batch[torch.from_numpy(chosen).to(batch.device)]
                activations, logits = capture_with_logits(self.model, pixels, self.layers, pooling=self.pooling)
                yield Shot(places[chosen], activations, logits.argmax(1).numpy())
        if seen != len(self.wanted):
            got = f"{seen}{' or more' if seen > len(self.wanted) else ''} images for {len(self.wanted)} labels"
            raise UserError(
                "images and labels differ in number", got=got, expected="one label per image, all conditions alike"
            )


class Sight(NamedTuple):
    """What is kept of one condition.

    Attributes:
        means: layer to concept means ``(C, d)``.
        displacement: layer to the mean relative displacement from clean, NaN if never defined.
        truth: ``(T,)``, concept of each image with a wrong prediction that has a word.
        wrong: ``(T,)``, concept that was predicted, -1 if the word is not among the concepts.
        profile: ``(T, C)``, similarity of the predicted word to the words of the concepts.
        closeness: layer to ``(T, C)``, similarity of the image's activation to the clean concept means.
        wordless: number of images with a wrong prediction that has no word.
    """

    means: dict[str, Array]
    displacement: dict[str, float]
    truth: Integers
    wrong: Integers
    profile: Array
    closeness: dict[str, Array]
    wordless: int


class Look:
    """Gathers a condition, shot by shot; only images with a wrong prediction leave a row.

    Args:
        vocabulary: concepts and words.
        labels: ``(N,)``, true classes.
        reference: layer to clean concept means ``(C, d)``.
        similarity: ``"pearson"`` or ``"cosine"``.
    """

    def __init__(
        self, vocabulary: Vocabulary, labels: Integers, *, reference: Mapping[str, Array], similarity: str
    ) -> None:
        self._vocabulary = vocabulary
        self._labels = labels
        self._reference = reference
        self._similarity = similarity
        self._sums = ConceptSums(len(vocabulary.classes))
        self._moved: dict[str, list[Array]] = {layer: [] for layer in reference}
        self._near: dict[str, list[Array]] = {layer: [] for layer in reference}
        self._trials: list[tuple[Integers, Integers, Array]] = []
        self._wordless = 0

    def add(self, shot: Shot, clean: Mapping[str, Tensor], *, predictions: Integers | None = None) -> None:
        """Add a batch.

        Args:
            shot: the images under this condition.
            clean: layer to the clean activations of the same images.
            predictions: ``(N,)``, classes to hold against the true ones; those of the shot if None.
        """
        labels = self._labels[shot.places]
        rivals = shot.predictions if predictions is None else predictions[shot.places]
        concepts = self._vocabulary.places(labels)
        self._sums.add(shot.activations, torch.from_numpy(concepts))
        profile = self._vocabulary.profiles(rivals, similarity=self._similarity)
        fooled, worded = rivals != labels, np.isfinite(profile).all(1)
        trial = fooled & worded
        self._wordless += int((fooled & ~worded).sum())
        self._trials.append((concepts[trial], self._vocabulary.places(rivals[trial]), profile[trial]))
        for layer, rows in shot.activations.items():
            now = rows.numpy()
            self._moved[layer].append(displacement(clean[layer].numpy(), now))
            self._near[layer].append(closeness(now[trial], self._reference[layer], similarity=self._similarity))

    def sight(self) -> Sight:
        """What was gathered."""
        truth, wrong, profile = (np.concatenate(parts) for parts in zip(*self._trials, strict=True))
        return Sight(
            means=self._sums.means(),
            displacement={layer: _mean(np.concatenate(parts)) for layer, parts in self._moved.items()},
            truth=truth,
            wrong=wrong,
            profile=profile,
            closeness={layer: np.concatenate(parts) for layer, parts in self._near.items()},
            wordless=self._wordless,
        )


def _mean(values: Array) -> float:
    """Mean of the finite values, NaN if there are none."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")


def batches(images: Tensor | Batched, size: int) -> Iterator[Tensor]:
    """Batches of at most `size` images, in order."""
    return iter(torch.split(images, size)) if isinstance(images, Tensor) else images.batches(size)
