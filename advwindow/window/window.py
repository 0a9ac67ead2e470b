"""The window: words, seen through every layer of a network, before and after an attack."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from advwindow.errors import UserError, did_you_mean
from advwindow.models.layers import default_layers, select_layers
from advwindow.window.capture import POOLINGS
from advwindow.window.evidence import CLEAN, NOISE, Evidence, LayerEvidence, Trials
from advwindow.window.grams import ConceptSums, gram_of
from advwindow.window.observation import Camera, Look, batches
from advwindow.window.options import Options
from advwindow.window.report import WindowReport, analyse
from advwindow.window.similarity import SIMILARITIES
from advwindow.window.vocabulary import vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from advwindow.models.classifier import Classifier
    from advwindow.window.observation import Batched, Shot, Sight
    from advwindow.window.vocabulary import Vocabulary
    from advwindow.words.space import WordSpace

#: Name of the condition that is compared with clean and noise.
ATTACK = "attack"

# Clean activations up to this size are kept for the next comparison; beyond it they are computed again.
_KEPT_BYTES = 2**28


@dataclass(frozen=True, eq=False)
class Observation:
    """A look at the clean images, to be compared with any number of attacks.

    Attributes:
        window: that made it.
        vocabulary: concepts and words.
        labels: ``(N,)`` int64, class of every image.
        camera: how the images were looked at.
        sight: what was kept of the clean condition.
        images: the images themselves.
        kept: the clean activations, None where they are too large to keep.
    """

    window: Window
    vocabulary: Vocabulary
    labels: NDArray[np.int64]
    camera: Camera
    sight: Sight
    images: Tensor | Batched
    kept: tuple[Shot, ...] | None

    def shots(self) -> Iterator[Shot]:
        """The clean activations again, batch by batch."""
        return self.camera.shots(self.images) if self.kept is None else iter(self.kept)


@dataclass(frozen=True)
class Window:
    """Compares the geometry of every layer with that of words, before and after an attack.

    Attributes:
        model: the network.
        words: the word space.
        layers: names or shell patterns of layers; the network's own choice (`default_layers`) if None.
        pooling: how maps and tokens become vectors, a key of `POOLINGS`.
        similarity: ``"pearson"`` (over features, as in Words as a Window) or ``"cosine"``.
        measure: ``"pearson"`` or ``"spearman"``: the alignment behind drift and verdicts.
        ties: what a tie counts in 2 vs 2 and 1 vs 2; ``"fail"`` reproduces BrainBench.
        permutations: number of relabellings and of swaps.
        seed: of all random streams.
        batch_size: images per forward pass at most; the results do not depend on it but for rounding.

    Raises:
        UserError: an unknown name, or too few permutations.

    Example:
        ::

            window = Window(model, words)
            report = window.compare(images, attacked, labels=labels, noise=noise)
            report.layers.select("layer", "condition", "alignment", "drift", "display")
    """

    model: Classifier
    words: WordSpace
    _: KW_ONLY
    layers: Sequence[str] | None = None
    pooling: str = "mean"
    similarity: str = "pearson"
    measure: str = "pearson"
    ties: str = "half"
    permutations: int = 2000
    seed: int = 0
    batch_size: int = 16

    def __post_init__(self) -> None:
        for what, name, known in (("pooling", self.pooling, POOLINGS), ("similarity", self.similarity, SIMILARITIES)):
            if name not in known:
                raise UserError(f"unknown {what}", got=name, fix=did_you_mean(name, known))
        if self.batch_size < 1:
            raise UserError("the batch size must be positive", got=self.batch_size)
        _ = self.options

    @property
    def options(self) -> Options:
        """The analysis this window makes."""
        return Options(measure=self.measure, ties=self.ties, permutations=self.permutations, seed=self.seed)

    def observe(self, images: Tensor | Batched, labels: Sequence[int] | Tensor | None = None) -> Observation:
        """Look at clean images once; pass the result to `compare` instead of the images for each attack on them.

        Args:
            images: ``(N, C, H, W)`` in [0, 1], or an object with ``batches(size)``.
            labels: ``N`` class indices; taken from ``images.labels`` if None.

        Raises:
            UserError: labels missing or not fitting, too few concepts, or layers unknown or impossible to capture.
        """
        classes = _classes(images, labels)
        known = vocabulary(classes.tolist(), self.model.label_names, self.words)
        concepts = known.places(classes)
        camera = Camera(self.model, self._layers(images), self.pooling, self.batch_size, concepts >= 0)
        sums = ConceptSums(len(known.classes))
        kept: list[Shot] | None = []
        for shot in camera.shots(images):
            sums.add(shot.activations, torch.from_numpy(concepts[shot.places]))
            kept = _keep(kept, shot)
        look = Look(known, classes, reference=sums.means(), similarity=self.similarity)
        for shot in camera.shots(images) if kept is None else kept:
            look.add(shot, shot.activations)
        shots = None if kept is None else tuple(kept)
        return Observation(self, known, classes, camera, look.sight(), images, shots)

    def compare(
        self,
        images: Tensor | Batched | Observation,
        attacked: Tensor | Batched,
        *,
        labels: Sequence[int] | Tensor | None = None,
        noise: Tensor | Batched | None = None,
        predictions: Sequence[int] | Tensor | None = None,
    ) -> WindowReport:
        """Alignment of every layer with words on clean, noisy and attacked images, with tests, intervals and verdicts.

        Images of one class are averaged into its concept; images of classes without a word are left out and named.

        Args:
            images: ``N`` clean images as for `observe`, or what `observe` returned.
            attacked: the same images after the attack, in the same order.
            labels: as for `observe`.
            noise: the same images with random noise of the attack's size (`advwindow.attacks.noise.matched_noise`).
            predictions: ``N`` classes whose words the 1 vs 2 test holds against the true ones (targets, say); those
                that the model predicts if None. Images of that very class are left out of that test.

        Raises:
            UserError: as `observe`; or the conditions differ in number or size of batches, or the observation was made
                by a window that looks in another way.
        """
        clean = self._checked(images) if isinstance(images, Observation) else self.observe(images, labels)
        sights = {CLEAN: clean.sight}
        if noise is not None:
            sights[NOISE] = self._sight(clean, noise, None)
        sights[ATTACK] = self._sight(clean, attacked, _predictions(predictions, len(clean.labels)))
        found = analyse(_evidence(clean, sights), self.options)
        caveats = (*found.caveats, *_caveats(clean, sights))
        words = clean.vocabulary.resolution
        return WindowReport(found.layers, found.concepts, caveats, found.evidence, found.options, words)

    def _checked(self, clean: Observation) -> Observation:
        other = clean.window
        same_parts = other.model is self.model and other.words is self.words
        made, mine = ((w.layers, w.pooling, w.similarity) for w in (other, self))
        if not same_parts or made != mine:
            fix = "observe with this window"
            raise UserError("the observation was made by another window", got=str(made), expected=str(mine), fix=fix)
        return clean

    def _layers(self, images: Tensor | Batched) -> tuple[str, ...]:
        example = next(batches(images, 2))
        if self.layers is None:
            return default_layers(self.model, example.to(self.model.device))
        return select_layers(self.model, example.to(self.model.device), self.layers)

    def _sight(self, clean: Observation, images: Tensor | Batched, predictions: NDArray[np.int64] | None) -> Sight:
        look = Look(clean.vocabulary, clean.labels, reference=clean.sight.means, similarity=self.similarity)
        for before, after in zip(clean.shots(), clean.camera.shots(images), strict=True):
            if not np.array_equal(before.places, after.places):
                raise UserError("conditions differ in their images", expected="the same images in the same batches")
            look.add(after, before.activations, predictions=predictions)
        return look.sight()


def _keep(kept: list[Shot] | None, shot: Shot) -> list[Shot] | None:
    if kept is None or sum(each.size for each in kept) + shot.size > _KEPT_BYTES:
        return None
    return [*kept, shot]


def _classes(images: Tensor | Batched, labels: Sequence[int] | Tensor | None) -> NDArray[np.int64]:
    found = getattr(images, "labels", None) if labels is None else labels
    if found is None:
        raise UserError("the images carry no labels", fix="pass labels=[...], one class index per image")
    return _integers(found)


def _integers(values: Sequence[int] | Tensor) -> NDArray[np.int64]:
    classes = np.asarray(values.cpu() if isinstance(values, Tensor) else values)
    if classes.ndim != 1 or not np.issubdtype(classes.dtype, np.integer) or not len(classes):
        got = f"{classes.dtype} of shape {classes.shape}"
        raise UserError("not class indices", got=got, expected="one class index per image")
    return classes.astype(np.int64)


def _predictions(predictions: Sequence[int] | Tensor | None, images: int) -> NDArray[np.int64] | None:
    if predictions is None:
        return None
    found = _integers(predictions)
    if len(found) != images:
        raise UserError("predictions and images differ in number", got=f"{len(found)} for {images} images")
    return found


def _evidence(clean: Observation, sights: Mapping[str, Sight]) -> Evidence:
    looks = list(sights.values())
    layers = {
        layer: LayerEvidence(
            gram_of(np.concatenate([look.means[layer] for look in looks])),
            np.array([look.displacement[layer] for look in looks]),
            np.concatenate([look.closeness[layer] for look in looks]),
        )
        for layer in clean.sight.means
    }
    trials = Trials(
        np.repeat(np.arange(len(looks)), [len(look.truth) for look in looks]),
        np.concatenate([look.truth for look in looks]),
        np.concatenate([look.wrong for look in looks]),
        np.concatenate([look.profile for look in looks]),
    )
    known = clean.vocabulary
    return Evidence(
        conditions=tuple(sights),
        concepts=known.concepts,
        words=known.resolution.words,
        images=int(clean.camera.wanted.sum()),
        similarity=clean.window.similarity,
        word_gram=gram_of(known.vectors),
        layers=layers,
        trials=trials,
    )


def _caveats(clean: Observation, sights: Mapping[str, Sight]) -> list[str]:
    said = []
    dropped = [row.label for row in clean.vocabulary.resolution.rows if not row.words]
    if dropped:
        left = int((~clean.camera.wanted).sum())
        names = "; ".join(label.partition(",")[0] for label in dropped)
        said.append(f"Classes without a word: {names}. Their images ({left}) are left out.")
    for condition, look in sights.items():
        if look.wordless:
            said.append(
                f"Wrong predictions without a word ({condition}): {look.wordless}, left out of the 1 vs 2 test."
            )
    return said
