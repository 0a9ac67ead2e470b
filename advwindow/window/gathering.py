"""From images under several conditions to evidence: what is gathered of shards adds up to what the whole would give."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from advwindow.errors import UserError
from advwindow.window.evidence import (
    CLEAN,
    NOISE,
    Evidence,
    Examples,
    LayerEvidence,
    Trials,
    WordEvidence,
    fold_weights,
)
from advwindow.window.grams import stack_of
from advwindow.window.identification import identified
from advwindow.window.observation import MOST_EXAMPLES, PIXELS, Example, Shot, Tally, Trial, spread_out
from advwindow.window.sums import closeness, products

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from advwindow.window.grams import Gram
    from advwindow.window.observation import Batched, Camera
    from advwindow.window.sums import Patterns
    from advwindow.window.vocabulary import Vocabulary
    from advwindow.window.window import Window

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]

# Clean, noise and an attack.
_WITH_ONE_ATTACK = 3

# Clean activations up to this size are kept for the next comparison; beyond it they are computed again.
KEPT_BYTES = 2**27


@dataclass(frozen=True, eq=False)
class Cast:
    """Who is in the images.

    Attributes:
        vocabulary: concepts and words.
        labels: ``(N,)`` int64, class of every image.
        folds: ``M``, image sets that every concept has.
        patterns: ``(N,)`` int64, fold times ``C`` plus concept of every image; -1 for those left out.
        lots: ``(N,)`` in [0, 1), by which images are chosen for the 1 vs 2 test where too many are wrong (`draw_lots`).
        shown: positions of the images that are looked at one by one, too.
    """

    vocabulary: Vocabulary
    labels: Integers
    folds: int
    patterns: Integers
    lots: Array
    shown: Integers

    @property
    def wordless(self) -> int:
        """Images left out because their class has no word."""
        return int((self.vocabulary.places(self.labels) < 0).sum())

    def tally(self) -> Tally:
        """An empty tally for these images."""
        return Tally(self.folds * len(self.vocabulary.classes))

    def record(self, tally: Tally, shot: Shot, clean: Shot, rivals: Integers | None = None) -> None:
        """Add a batch to a tally: its sums, its wrong predictions, and the images to be shown.

        Args:
            tally: of the condition.
            shot: the images under it.
            clean: the same images before.
            rivals: ``(N,)``, classes to hold against the true ones in the 1 vs 2 test; the predicted ones if None.
        """
        if not np.array_equal(clean.places, shot.places):
            raise UserError("conditions differ in their images", expected="the same images in the same batches")
        places = shot.places
        tally.add(shot, clean.activations, self.patterns[places])
        concepts = self.patterns[places] % len(self.vocabulary.classes)
        rival = shot.predictions if rivals is None else rivals[places]
        fooled, worded = rival != self.labels[places], self.vocabulary.has_word(rival)
        trial = fooled & worded
        rows = {layer: rows for layer, rows in shot.activations.items() if layer != PIXELS}
        told = {layer: each.take(trial) for layer, each in rows.items()}
        tally.add_trials(
            Trial(concepts[trial], rival[trial], told, self.lots[places[trial]]), wordless=int((fooled & ~worded).sum())
        )
        alone = np.isin(places, self.shown)
        tally.add_examples(
            Example(places[alone], concepts[alone], {layer: each.take(alone) for layer, each in rows.items()})
        )


@dataclass(frozen=True, eq=False)
class Observation:
    """A look at the clean images, to be compared with any number of attacks.

    Attributes:
        window: that made it.
        cast: who is in them.
        camera: how they were looked at.
        tally: what was kept of the clean condition.
        images: the images themselves.
        kept: the clean activations, None where they are too large to keep.
        model_sha256: identity of the network that looked.
    """

    window: Window
    cast: Cast
    camera: Camera
    tally: Tally
    images: Tensor | Batched
    kept: tuple[Shot, ...] | None
    model_sha256: str

    def shots(self) -> Iterator[Shot]:
        """The clean activations again, batch by batch."""
        return self.camera.shots(self.images) if self.kept is None else iter(self.kept)


def look_clean(window: Window, cast: Cast, camera: Camera, images: Tensor | Batched) -> Observation:
    """Look at the clean images."""
    tally = cast.tally()
    kept: list[Shot] | None = []
    for shot in camera.shots(images, pixels=True):
        cast.record(tally, shot, shot)
        kept = _keep(kept, shot.without(PIXELS))
    saved = None if kept is None else tuple(kept)
    return Observation(window, cast, camera, tally, images, saved, window.model.sha256())


def look_again(clean: Observation, images: Tensor | Batched, rivals: Integers | None = None) -> Tally:
    """Look at the same images under another condition; `rivals` as for `Cast.record`."""
    tally = clean.cast.tally()
    for before, after in zip(clean.shots(), clean.camera.shots(images), strict=True):
        clean.cast.record(tally, after, before, rivals)
    return tally


@dataclass(frozen=True, eq=False)
class Gathered:
    """What was kept of one set of images under several conditions; ``a + b`` is that of both sets together.

    Memory: sums of ``M * C`` patterns by layer and condition, which do not grow with the number of images, and the
    activations of at most `MOST_TRIALS` wrong predictions by condition and of `MOST_SINGLES` images.

    Attributes:
        vocabulary: concepts and words.
        folds: ``M``.
        conditions: tallies by name, clean first.
        similarity: how concepts will be compared.
        wordless: images left out because their class has no word.
        beyond: images left out of the image sets because their concept has more than ``M``.
        image_sets: whether every fold has exactly one image of each concept.
        folds_asked: whether the number of folds was asked for.
        look: how the images were looked at, what was chosen by its name.
    """

    vocabulary: Vocabulary
    folds: int
    conditions: Mapping[str, Tally]
    similarity: str
    wordless: int
    beyond: int
    image_sets: bool
    folds_asked: bool
    look: Mapping[str, object]

    def __add__(self, other: Gathered) -> Gathered:
        """Both sets of images together; of the images that are looked at one by one, an even choice of both.

        Raises:
            UserError: the two were gathered in different ways, or fill the same image sets.
        """
        mine, theirs = self._ways(), other._ways()
        for what, one in mine.items():
            if one != theirs[what]:
                fix = "gather both with the same window and folds, and with classes= where they differ"
                got, expected = _short(theirs[what]), _short(one)
                raise UserError(f"shards differ in their {what}", got=got, expected=expected, fix=fix)
        if self.image_sets and (self.conditions[CLEAN].sums.counts + other.conditions[CLEAN].sums.counts).max() > 1:
            fix = "gather each shard with before= the sum of the earlier ones"
            raise UserError("image sets with more than one image of a concept", fix=fix)
        seen = int(self.seen.sum()) + self.wordless + self.beyond
        both = {name: _sum(tally, other.conditions[name], seen) for name, tally in self.conditions.items()}
        wordless, beyond = self.wordless + other.wordless, self.beyond + other.beyond
        return replace(self, conditions=both, wordless=wordless, beyond=beyond)

    @property
    def seen(self) -> Integers:
        """``(C,)``, images of every concept that were looked at."""
        total: Integers = self.conditions[CLEAN].sums.counts.reshape(self.folds, -1).sum(0)
        return total

    def _ways(self) -> dict[str, object]:
        """What must be the same in all shards."""
        return {
            "concepts": self.vocabulary.concepts,
            "folds": self.folds,
            "conditions": tuple(self.conditions),
            "similarity": self.similarity,
            "image sets": self.image_sets,
            **self.look,
        }

    def evidence(self) -> Evidence:
        """Grams and the few single images, in place of all activations.

        Raises:
            UserError: a concept has no image in one of its folds.
        """
        clean = self.conditions[CLEAN]
        counts = clean.sums.counts.reshape(self.folds, -1)
        self._check(counts)
        known = self.vocabulary
        tallies = list(self.conditions.values())
        layers, pixels = _layers(tallies, fold_weights(counts), self.similarity)
        return Evidence(
            conditions=tuple(self.conditions),
            concepts=known.concepts,
            counts=counts,
            similarity=self.similarity,
            spaces={
                resolution.space: WordEvidence(resolution.words, known.gram(place))
                for place, resolution in enumerate(known.resolutions)
            },
            pixels=pixels,
            layers=layers,
            trials=_trials([tally.trials() for tally in tallies], known, self.similarity),
            examples=_examples(clean.examples()),
        )

    def caveats(self) -> list[str]:
        """What was left out, in sentences."""
        said = []
        known = self.vocabulary.resolution
        dropped = [row.label for row in known.rows if row.index not in known.indices]
        if dropped:
            names = "; ".join(label.partition(",")[0] for label in dropped)
            everywhere = " in every word space" if len(self.vocabulary.resolutions) > 1 else ""
            said.append(f"Classes without a word{everywhere}: {names}. Their images ({self.wordless}) are left out.")
        said += self._about_images()
        for name, tally in self.conditions.items():
            if tally.wordless:
                told = f"Wrong predictions without a word ({name}): {tally.wordless}, left out of the 1 vs 2 test."
                said.append(told)
            if tally.unused:
                told = f"Of the images with a wrong prediction ({name}), the 1 vs 2 test leaves out {tally.unused}"
                said.append(f"{told}, chosen by lot.")
        return said

    def _about_images(self) -> Iterator[str]:
        seen = self.seen
        lone = int((seen == 1).sum())
        if self.image_sets:
            left = f"{self.beyond} images beyond the first {self.folds} of their concept are left out"
            sets = f"{self.folds} image set{'s' if self.folds > 1 else ''} of one image of every concept each"
            yield f"{sets}; {left if self.beyond else 'no image is left out for that'}."
        elif self.folds == 1 and not self.folds_asked and 0 < lone < len(seen) / 2:
            yield f"{lone} of {len(seen)} concepts have one image only, so there is one fold and no noise ceiling."
        if NOISE in self.conditions and len(self.conditions) > _WITH_ONE_ATTACK:
            yield "One noise control stands beside several attacked sets: it fits those of its own size only."

    def _check(self, counts: Integers) -> None:
        missing = [self.vocabulary.concepts[concept] for concept in np.flatnonzero((counts == 0).any(0))]
        if missing:
            names = ", ".join(missing[:5]) + (" ..." if len(missing) > 5 else "")
            raise UserError(
                f"concepts without an image in every one of {self.folds} folds" if self.folds > 1
                else "concepts without an image",
                got=names,
                fix="add the missing shards, each gathered with before= the sum of the earlier ones; "
                "or images of these classes; or gather with fewer folds",
            )  # fmt: skip


def _layers(tallies: Sequence[Tally], weights: Array, kind: str) -> tuple[dict[str, LayerEvidence], Gram]:
    """Evidence of every layer, and the Gram of the pixels."""
    trials, singles = [tally.trials() for tally in tallies], [tally.examples() for tally in tallies]
    traced = spread_out(np.arange(len(singles[0].places)), MOST_EXAMPLES)
    layers = {}
    for layer in tallies[0].sums.layers:
        if layer == PIXELS:
            continue
        patterns = [tally.sums.mean(layer) for tally in tallies]
        concepts = patterns[0].averaged(weights)
        layers[layer] = LayerEvidence(
            stack_of(patterns),
            np.array([tally.displacement(layer) for tally in tallies]),
            _identification([each.activations[layer] for each in singles], kind),
            np.concatenate([closeness(each.activations[layer], concepts, similarity=kind) for each in trials]),
            np.stack([products(each.activations[layer].take(traced), concepts) for each in singles]),
        )
    return layers, stack_of([tallies[0].sums.mean(PIXELS)]).averaged(weights).gram(0)


def _identification(singles: Sequence[Patterns], kind: str) -> Array:
    """Share of images that are recognised among all clean ones, by condition."""
    near = [closeness(singles[0], each, similarity=kind) for each in singles]
    told = [len(each) > 1 and bool(np.isfinite(each).all()) for each in near]
    return np.array([identified(each).accuracy if sound else np.nan for each, sound in zip(near, told, strict=True)])


def _trials(trials: Sequence[Trial], known: Vocabulary, kind: str) -> Trials:
    rivals = np.concatenate([each.rival for each in trials])
    return Trials(
        condition=np.repeat(np.arange(len(trials)), [len(each.truth) for each in trials]),
        truth=np.concatenate([each.truth for each in trials]),
        wrong=known.places(rivals),
        profile=known.profiles(rivals, similarity=kind),
    )


def _examples(singles: Example) -> Examples:
    traced = spread_out(np.arange(len(singles.places)), MOST_EXAMPLES)
    return Examples(singles.places[traced], singles.truth[traced])


def _sum(one: Tally, other: Tally, seen: int) -> Tally:
    both = Tally(len(one.sums.counts))
    both.merge(one)
    both.merge(other, seen=seen)
    return both


def _keep(kept: list[Shot] | None, shot: Shot) -> list[Shot] | None:
    if kept is None or sum(each.size for each in kept) + shot.size > KEPT_BYTES:
        return None
    return [*kept, shot]


def _short(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return text if len(text) < 80 else text[:77] + "..."
