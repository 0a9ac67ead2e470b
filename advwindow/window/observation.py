"""Looking at a set of images under one condition, a batch at a time, and what is kept of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from advwindow.errors import UserError
from advwindow.window.capture import capture_with_logits
from advwindow.window.sketch import reduce
from advwindow.window.sums import Patterns, PatternSums, displacement, joined

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from advwindow.models.classifier import Classifier

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]

#: Name under which the pixels of clean images are kept beside the layers; no layer can be called so.
PIXELS = "(pixels)"

#: Images with a wrong prediction that are kept for the 1 vs 2 test of a condition, chosen by lot.
MOST_TRIALS = 500

#: Images that are told apart from each other (identification), evenly spaced over the set.
MOST_SINGLES = 250

#: Those of them whose layers are asked what word they say, evenly spaced likewise.
MOST_EXAMPLES = 16

_PIXEL_SIDE = 64


class Batched(Protocol):
    """Anything that gives its images in batches, always in the same order."""

    def batches(self, size: int) -> Iterator[Tensor]:
        """Consecutive batches ``(n, C, H, W)`` of at most `size` images in [0, 1]."""
        ...


class Shot(NamedTuple):
    """What the network made of a batch.

    Attributes:
        places: ``(n,)``, positions of the images in the whole set.
        activations: layer to the activations of the batch.
        predictions: ``(n,)``, predicted class.
    """

    places: Integers
    activations: dict[str, Patterns]
    predictions: Integers

    def without(self, layer: str) -> Shot:
        """The same without one of the layers."""
        return self._replace(activations={name: rows for name, rows in self.activations.items() if name != layer})

    @property
    def size(self) -> int:
        """Bytes of the activations."""
        return sum(rows.size for rows in self.activations.values())


@dataclass(frozen=True, eq=False)
class Camera:
    """How to look: the network, its layers, and which images to look at.

    Attributes:
        model: the network.
        layers: names of its layers.
        pooling: a key of `advwindow.window.capture.POOLINGS`.
        batch_size: images per forward pass at most.
        seed: of the sketch of wide layers, the same for all conditions.
        wanted: ``(N,)`` bool, images that belong to a concept.
    """

    model: Classifier
    layers: tuple[str, ...]
    pooling: str
    batch_size: int
    seed: int
    wanted: NDArray[np.bool_]

    def shots(self, images: Tensor | Batched, *, pixels: bool = False) -> Iterator[Shot]:
        """Forward passes over the wanted images, in order; `pixels` adds `PIXELS` to the layers.

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
                yield self._shot(batch[torch.from_numpy(chosen).to(batch.device)], places[chosen], pixels=pixels)
        if seen != len(self.wanted):
            got = f"{seen}{' or more' if seen > len(self.wanted) else ''} images for {len(self.wanted)} labels"
            raise UserError(
                "images and labels differ in number", got=got, expected="one label per image, all conditions alike"
            )

    def _shot(self, images: Tensor, places: Integers, *, pixels: bool) -> Shot:
        activations, logits = capture_with_logits(self.model, images, self.layers, pooling=self.pooling)
        if pixels:
            activations = {PIXELS: _thumbnails(images), **activations}
        kept = {layer: self._pattern(layer, rows) for layer, rows in activations.items()}
        return Shot(places, kept, logits.argmax(1).numpy())

    def _pattern(self, layer: str, rows: Tensor) -> Patterns:
        reduced = reduce(rows, seed=self.seed, key=layer)
        return Patterns(reduced.rows.float().numpy(), reduced.means.numpy(), reduced.features)


class Trial(NamedTuple):
    """Images with a wrong prediction that has a word.

    Attributes:
        truth: ``(t,)``, concept of each image.
        rival: ``(t,)``, class that was predicted.
        activations: layer to their activations.
        lots: ``(t,)`` in [0, 1); images of the lowest are kept where there are too many.
    """

    truth: Integers
    rival: Integers
    activations: Mapping[str, Patterns]
    lots: Array

    def take(self, rows: NDArray[np.bool_]) -> Trial:
        """Some of the images, as copies."""
        told = {layer: each.take(rows) for layer, each in self.activations.items()}
        return Trial(self.truth[rows], self.rival[rows], told, self.lots[rows])


class Example(NamedTuple):
    """Images that are looked at one by one.

    Attributes:
        places: ``(e,)``, positions of the images in the whole set.
        truth: ``(e,)``, concept of each.
        activations: layer to their activations.
    """

    places: Integers
    truth: Integers
    activations: Mapping[str, Patterns]


class Tally:
    """What is kept of a condition: sums, and a bounded number of single images. Tallies of two sets of images add.

    Args:
        patterns: number of patterns (concepts times folds).

    Attributes:
        sums: of the activations, by pattern.
        wordless: images with a wrong prediction that has no word.
        unused: images with a wrong prediction beyond `MOST_TRIALS`.
    """

    def __init__(self, patterns: int) -> None:
        self.sums = PatternSums(patterns)
        self.wordless = 0
        self.unused = 0
        self._moved: dict[str, Array] = defaultdict(lambda: np.zeros(2))
        self._trials: list[Trial] = []
        self._examples: list[Example] = []

    def add(self, shot: Shot, clean: Mapping[str, Patterns], patterns: Integers) -> None:
        """Add a batch.

        Args:
            shot: the images under this condition.
            clean: layer to the clean activations of the same images.
            patterns: ``(n,)``, the pattern to which each belongs.
        """
        self.sums.add(shot.activations, patterns)
        for layer, rows in shot.activations.items():
            moved = displacement(clean[layer], rows)
            self._moved[layer] += np.nansum(moved), np.isfinite(moved).sum()

    def add_trials(self, trials: Trial, *, wordless: int = 0) -> None:
        """Add images with a wrong prediction; the `MOST_TRIALS` of the lowest lots are kept, whatever the batches."""
        self.wordless += wordless
        parts = [*self._trials, trials]
        lots = np.concatenate([each.lots for each in parts])
        kept = np.zeros(len(lots), bool)
        kept[np.argsort(lots, kind="stable")[:MOST_TRIALS]] = True
        self.unused += int((~kept).sum())
        rows = np.split(kept, np.cumsum([len(each.lots) for each in parts])[:-1])
        left = [each if mine.all() else each.take(mine) for each, mine in zip(parts, rows, strict=True)]
        self._trials = [each for each in left if len(each.lots)] or left[:1]

    def add_examples(self, examples: Example) -> None:
        """Add images to be looked at one by one."""
        if len(examples.places) or not self._examples:
            self._examples.append(examples)

    def merge(self, other: Tally, *, seen: int = 0) -> None:
        """Add what another tally of the same condition has seen of other images, which come after `seen` ones.

        Of the images that both look at one by one, `MOST_SINGLES` evenly spaced ones are kept.
        """
        self.sums.merge(other.sums)
        for layer, moved in other._moved.items():
            self._moved[layer] += moved
        for trial in other._trials:
            self.add_trials(trial)
        for example in other._examples:
            self.add_examples(example._replace(places=example.places + seen))
        if self._examples:
            self._examples = [_spread_out(self.examples())]
        self.wordless += other.wordless
        self.unused += other.unused

    def displacement(self, layer: str) -> float:
        """Mean relative displacement from clean, NaN if never defined."""
        total, number = self._moved[layer]
        return float(total / number) if number else float("nan")

    def trials(self) -> Trial:
        """All that were added."""
        truth, rival, rows, lots = zip(*self._trials, strict=True)
        return Trial(np.concatenate(truth), np.concatenate(rival), _joined(rows), np.concatenate(lots))

    def examples(self) -> Example:
        """All that were added."""
        places, truth, rows = zip(*self._examples, strict=True)
        return Example(np.concatenate(places), np.concatenate(truth), _joined(rows))


def _spread_out(images: Example) -> Example:
    rows = spread_out(np.arange(len(images.places)), MOST_SINGLES)
    told = {layer: each.take(rows) for layer, each in images.activations.items()}
    return Example(images.places[rows], images.truth[rows], told)


def _joined(parts: tuple[Mapping[str, Patterns], ...]) -> dict[str, Patterns]:
    return {layer: joined([part[layer] for part in parts]) for layer in parts[0]}


def _thumbnails(images: Tensor) -> Tensor:
    """Pixels ``(n, d)`` of images no larger than 64 x 64, float32 on the CPU."""
    height, width = images.shape[-2:]
    side = (min(_PIXEL_SIDE, height), min(_PIXEL_SIDE, width))
    return adaptive_avg_pool2d(images.float(), side).flatten(1).cpu()


def spread_out(places: Integers, most: int) -> Integers:
    """At most so many of the places, evenly spaced, the first and the last among them."""
    if len(places) <= most:
        return places
    chosen: Integers = places[np.linspace(0, len(places) - 1, most).round().astype(np.int64)]
    return chosen


def batches(images: Tensor | Batched, size: int) -> Iterator[Tensor]:
    """Batches of at most `size` images, in order."""
    return iter(torch.split(images, size)) if isinstance(images, Tensor) else images.batches(size)
