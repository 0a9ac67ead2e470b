"""The window: words, seen through every layer of a network, before and after an attack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from advwindow.attacks import default_lanes
from advwindow.errors import UserError, did_you_mean
from advwindow.models import in_fast_format
from advwindow.models.layers import default_layers, select_layers
from advwindow.window.capture import POOLINGS
from advwindow.window.evidence import CLEAN, NOISE
from advwindow.window.folds import Dealing, draw_lots, in_order
from advwindow.window.gathering import Cast, Gathered, Observation, look_again, look_clean
from advwindow.window.observation import MOST_SINGLES, Batched, Camera, batches, spread_out
from advwindow.window.options import Options
from advwindow.window.report import WindowReport, analyse
from advwindow.window.similarity import SIMILARITIES
from advwindow.window.vocabulary import check_spaces, vocabulary
from advwindow.words.space import WordSpace

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from advwindow.models.classifier import Classifier

#: Name of the condition that is compared with clean and noise.
ATTACK = "attack"

#: Images after an attack, or several such sets by name.
Conditions = Tensor | Batched | Mapping[str, "Tensor | Batched"]

#: Classes to hold against the true ones, for several attacked sets by name.
Predictions = Sequence[int] | Tensor | Mapping[str, "Sequence[int] | Tensor"]


@dataclass(frozen=True)
class Window:
    """Compares the geometry of every layer with that of words, before and after an attack.

    Attributes:
        model: the network.
        words: the word space; or several, the first of which the verdicts are about.
        layers: names or shell patterns of layers; the network's own choice (`default_layers`) if None.
        pooling: how maps and tokens become vectors, a key of `POOLINGS`.
        similarity: ``"pearson"`` (over features, as in Words as a Window) or ``"cosine"``.
        measure: ``"pearson"`` or ``"spearman"``: the alignment behind drift and verdicts.
        folds: image sets into which the images of every concept are dealt, for noise ceilings and cross-validation;
            None for as many as the rarest concept has images, at most 4 (with `image_sets` limited by memory only, to
            1,200 folds times concepts).
        ties: what a tie counts in 2 vs 2 and 1 vs 2; ``"fail"`` reproduces BrainBench.
        image_sets: whether every fold has exactly one image of each concept and is scored by itself, too, and the
            scores averaged (Words as a Window); images beyond the ``folds``-th of their concept are left out.
        correction: how p-values are adjusted over layers: ``"max-t"``, ``"bh"`` or ``"by"``.
        permutations: number of relabellings and of swaps.
        seed: of all random streams.
        batch_size: images per forward pass at most, None for what suits their size; the results do not depend on it
            but for rounding.

    Raises:
        UserError: an unknown name, or too few permutations.

    Example:
        ::

            window = Window(model, words)
            report = window.compare(images, attacked, labels=labels, noise=noise)
            report.layers.select("layer", "condition", "alignment", "drift", "display")
    """

    model: Classifier
    words: WordSpace | Sequence[WordSpace]
    _: KW_ONLY
    layers: Sequence[str] | None = None
    pooling: str = "mean"
    similarity: str = "pearson"
    measure: str = "pearson"
    folds: int | None = None
    ties: str = "half"
    image_sets: bool = False
    correction: str = "max-t"
    permutations: int = 2000
    seed: int = 0
    batch_size: int | None = None

    def __post_init__(self) -> None:
        for what, name, known in (("pooling", self.pooling, POOLINGS), ("similarity", self.similarity, SIMILARITIES)):
            if name not in known:
                raise UserError(f"unknown {what}", got=name, fix=did_you_mean(name, known))
        if self.batch_size is not None and self.batch_size < 1:
            raise UserError("the batch size must be positive", got=self.batch_size)
        if self.folds is not None and (not isinstance(self.folds, int) or self.folds < 1):
            raise UserError("the number of folds must be a positive integer", got=self.folds)
        check_spaces(self.spaces)
        _ = self.options

    @property
    def spaces(self) -> tuple[WordSpace, ...]:
        """The word spaces, the main one first."""
        return (self.words,) if isinstance(self.words, WordSpace) else tuple(self.words)

    @property
    def options(self) -> Options:
        """The analysis this window makes."""
        return Options(
            measure=self.measure,
            ties=self.ties,
            permutations=self.permutations,
            two_vs_two_permutations=self.permutations if self.image_sets else None,
            image_sets=self.image_sets,
            correction=self.correction,
            seed=self.seed,
        )

    def observe(
        self,
        images: Tensor | Batched,
        labels: Sequence[int] | Tensor | None = None,
        *,
        classes: Sequence[int] | None = None,
        before: Gathered | None = None,
    ) -> Observation:
        """Look at clean images once; pass the result to `compare` instead of the images for each attack on them.

        Args:
            images: ``(N, C, H, W)`` in [0, 1], or an object with ``batches(size)``.
            labels: ``N`` class indices; taken from ``images.labels`` if None.
            classes: all classes of the data set, where these images are a shard of it; if None, those of `before`, or
                their own.
            before: what was gathered of all earlier shards, which these images follow: then they are dealt out to
                folds as they would be in the whole. Its folds are taken unless this window has its own.

        Raises:
            UserError: labels missing or not fitting, too few concepts or images, concepts other than those of `before`,
                or layers unknown or impossible to capture.
        """
        own = _classes(images, labels)
        if classes is None and before is not None:
            classes = [row.index for row in before.vocabulary.resolution.rows]
        present = own.tolist() if classes is None else [*classes, *own.tolist()]
        known = vocabulary(present, self.model.label_names, self.spaces)
        if before is not None and before.vocabulary.concepts != known.concepts:
            fix = "name all classes of the data set in classes= from the first shard on"
            got, expected = (f"{len(each.concepts)} concepts" for each in (known, before.vocabulary))
            raise UserError("these images and those before differ in concepts", got=got, expected=expected, fix=fix)
        concepts = known.places(own)
        order, seen = in_order(concepts, np.zeros(len(known.classes), np.int64) if before is None else before.seen)
        wanted = before.folds if self.folds is None and before is not None else self.folds
        folds, patterns = Dealing(wanted, self.image_sets, classes is not None).deal(concepts, order, seen=seen)
        lots = draw_lots(own, order, seed=self.seed)
        example = next(batches(images, 2), None)
        if example is None:
            raise UserError("no images", expected="at least one batch")
        example = example.to(self.model.device)
        camera = Camera(
            in_fast_format(self.model, example),
            self._layers(example),
            self.pooling,
            self.batch_size or default_lanes(example),
            self.seed,
            patterns >= 0,
        )
        shown = spread_out(np.flatnonzero(patterns >= 0), MOST_SINGLES)
        return look_clean(self, Cast(known, own, folds, patterns, lots, shown), camera, images)

    def gather(
        self,
        images: Tensor | Batched | Observation,
        attacked: Conditions,
        *,
        labels: Sequence[int] | Tensor | None = None,
        noise: Tensor | Batched | None = None,
        predictions: Predictions | None = None,
        classes: Sequence[int] | None = None,
        before: Gathered | None = None,
    ) -> Gathered:
        """Look at images under all conditions; what is gathered of shards adds up.

        The sum has the folds, and so the numbers, of the whole set if each shard was gathered with `before` the sum of
        the earlier ones and the same number of folds; otherwise the images of every shard are dealt out by themselves.

        The arguments are those of `compare` and `observe`.
        """
        if not isinstance(images, Observation):
            clean = self.observe(images, labels, classes=classes, before=before)
        elif labels is not None or classes is not None or before is not None:
            given = {"labels": labels, "classes": classes, "before": before}
            got = ", ".join(f"{name}=" for name, each in given.items() if each is not None)
            fix = "pass them to observe()"
            raise UserError("an observation has its own labels and classes", got=got, fix=fix)
        else:
            clean = self._checked(images)
        cast = clean.cast
        named = attacked if isinstance(attacked, Mapping) else {ATTACK: attacked}
        rivals = _rivals(predictions, tuple(named), len(cast.labels))
        tallies = {CLEAN: clean.tally}
        if noise is not None:
            _check_control(noise)
            tallies[NOISE] = look_again(clean, noise)
        for name, moved in named.items():
            tallies[name] = look_again(clean, moved, rivals.get(name))
        look = {
            "model": clean.model_sha256,
            "layers": clean.camera.layers,
            "pooling": clean.camera.pooling,
            "seed": clean.camera.seed,
            "word spaces": tuple(f"{space.name} {space.sha256[:8]}" for space in self.spaces),
        }
        return Gathered(
            cast.vocabulary,
            cast.folds,
            tallies,
            self.similarity,
            wordless=cast.wordless,
            beyond=int((~clean.camera.wanted).sum()) - cast.wordless,
            image_sets=self.image_sets,
            folds_asked=self.folds is not None,
            look=look,
        )

    def conclude(self, gathered: Gathered) -> WindowReport:
        """Measures, tests, intervals and verdicts from what was gathered."""
        found = analyse(gathered.evidence(), self.options)
        parts = vars(found) | {"caveats": (*found.caveats, *gathered.caveats())}
        return WindowReport(**parts, words=gathered.vocabulary.resolutions)

    def compare(
        self,
        images: Tensor | Batched | Observation,
        attacked: Conditions,
        *,
        labels: Sequence[int] | Tensor | None = None,
        noise: Tensor | Batched | None = None,
        predictions: Predictions | None = None,
    ) -> WindowReport:
        """Alignment of every layer with words on clean, noisy and attacked images, with tests, intervals and verdicts.

        Images of one class are averaged into its concept; images of classes without a word are left out and named.

        Args:
            images: ``N`` clean images as for `observe`, or what `observe` returned.
            attacked: the same images after the attack, in the same order; or several such sets by name, any but
                ``"clean"`` and ``"noise"``.
            labels: as for `observe`; None beside an observation.
            noise: the same images with random noise of the attack's size (`advwindow.attacks.noise.matched_noise`);
                one control, which beside several attacked sets fits those of its own size only.
            predictions: ``N`` classes whose words the 1 vs 2 test holds against the true ones (targets, say); those
                that the model predicts if None. Images of that very class are left out of that test. With several
                attacked sets a mapping by their names; those that it lacks take what the model predicts.

        Raises:
            UserError: as `observe`; labels beside an observation; names or predictions that do not fit; or the
                conditions differ in number or size of batches, or the observation was made by a window that looks in
                another way.
        """
        return self.conclude(self.gather(images, attacked, labels=labels, noise=noise, predictions=predictions))

    def _checked(self, clean: Observation) -> Observation:
        other = clean.window
        if other is self:
            return clean
        same_words = [id(space) for space in other.spaces] == [id(space) for space in self.spaces]
        same_parts = other.model is self.model and same_words
        made, mine = ((w.layers, w.pooling, w.folds, w.seed, w.image_sets) for w in (other, self))
        if not same_parts or made != mine:
            fix = "observe with this window"
            raise UserError("the observation was made by another window", got=str(made), expected=str(mine), fix=fix)
        return clean

    def _layers(self, example: Tensor) -> tuple[str, ...]:
        if self.layers is None:
            return default_layers(self.model, example)
        return select_layers(self.model, example, self.layers)


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


def _check_control(noise: object) -> None:
    if isinstance(noise, Mapping):
        fix = "compare each attack with its own noise by itself; one observation serves them all"
        raise UserError("several noise controls", got=", ".join(map(str, noise)), expected="one", fix=fix)


def _rivals(predictions: Predictions | None, names: tuple[str, ...], images: int) -> dict[str, NDArray[np.int64]]:
    """Classes to hold against the true ones, by attacked set; checks the names of the sets, too."""
    taken = [name for name in names if name in (CLEAN, NOISE)]
    if taken:
        raise UserError("an attacked set cannot be called so", got=taken[0], fix="call the attack otherwise")
    if predictions is None:
        return {}
    if not isinstance(predictions, Mapping):
        if len(names) > 1:
            fix = "predictions={" + ", ".join(f"{name!r}: [...]" for name in names) + "}"
            what = "one list of predictions for several attacked sets"
            raise UserError(what, got=", ".join(names), expected="a mapping by name", fix=fix)
        predictions = dict.fromkeys(names, predictions)
    for name in predictions:
        if name not in names:
            raise UserError("predictions for no attacked set", got=name, fix=did_you_mean(name, names))
    found = {name: _integers(each) for name, each in predictions.items()}
    for each in found.values():
        if len(each) != images:
            raise UserError("predictions and images differ in number", got=f"{len(each)} for {images} images")
    return found
