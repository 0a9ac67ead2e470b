"""What a cell works on: a model, images and words that fit together, loaded once."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from advwindow.attacks import (
    RANDOM_DRAWS,
    RANDOM_PASSES,
    Cost,
    Goal,
    default_lanes,
    judged_logits,
    private_randomness,
    probe_traits,
    slope_at,
)
from advwindow.data import load_images, match_labels
from advwindow.defenses import defend, single_pass, traits
from advwindow.errors import UserError, did_you_mean
from advwindow.models import load_model, prepare
from advwindow.sweep.targets import WordOrder
from advwindow.window import check_spaces, similarity, vocabulary
from advwindow.words import load_words, resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from advwindow.data import LabelledImages
    from advwindow.models import Classifier
    from advwindow.window import Observation, Window
    from advwindow.words import WordSpace

#: Fewer concepts than this have no concept geometry that a test could be run on.
FEWEST_CONCEPTS = 5


@dataclass(frozen=True, eq=False)
class Study:
    """A model, images and words that fit together.

    Attributes:
        model: on its device; its outputs have names.
        images: fitted to the model's input size.
        words: the word spaces, the main one first.
        pixels: ``(N, C, H, W)`` on the model's device.
        labels: ``(N,)`` int64: the model's output for each image's true class.
        clean_logits: ``(N, K)``.
        model_sha256: identity of the model.
        images_sha256: identity of the images.
        random: whether the model draws at random.
        draws: passes that its defence wants averaged for a gradient; 1 where it does not draw.
        surrogate: what the defence's gradient is replaced by, in words; empty where it is exact.
        undefended: the model without its defence; None where it has none.
    """

    model: Classifier
    images: LabelledImages
    words: tuple[WordSpace, ...]
    pixels: Tensor
    labels: Tensor
    clean_logits: Tensor
    model_sha256: str
    images_sha256: str
    random: bool = False
    draws: int = 1
    surrogate: str = ""
    undefended: Classifier | None = None
    _observations: dict[tuple[object, ...], Observation] = field(default_factory=dict)

    @cached_property
    def seen(self) -> Classifier:
        """The model whose layers are looked at: one activation for each image, also where it averages copies."""
        return single_pass(self.model)

    @property
    def correct(self) -> Tensor:
        """``(N,)`` bool: classified correctly, hence worth attacking."""
        return self.clean_logits.argmax(1) == self.labels

    def observed(self, window: Window, tried: Tensor) -> Observation:
        """The window's look at the clean images that are attacked, taken once for all attacks."""
        key = (window.layers, window.pooling, window.folds, window.image_sets, window.seed, tuple(tried.tolist()))
        if key not in self._observations:
            with private_randomness(window.seed, "observed"):
                self._observations[key] = window.observe(self.pixels[tried], self.labels[tried])
        return self._observations[key]

    def word_order(self, kind: str) -> WordOrder:
        """How alike the words of the correctly classified images' classes are, by `similarity` of this kind."""
        known = vocabulary(self.labels[self.correct].tolist(), self.model.label_names, self.words)
        return WordOrder(np.array(known.classes), similarity(known.gram(), kind))

    def count_gradients(self, per_sample: Cost | None) -> int:
        """Most gradients an attack can spend here, a lone forward pass for half of one; 0 if it does not tell."""
        if per_sample is None:
            return 0
        lone = max(0, per_sample.forwards - per_sample.backwards)
        return (per_sample.backwards + lone // 2) * int(self.correct.sum())


def load_study(model_ref: str, images_ref: str, words_refs: Sequence[str], *, device: torch.device) -> Study:
    """Load them, check that they fit, and look at the clean images once.

    Raises:
        UserError: a part cannot be loaded, classes do not match, or too few concepts are left for any geometry.
    """
    words = tuple(load_words(ref) for ref in words_refs)
    check_spaces(words)
    model = load_model(model_ref).to(device).eval()
    images = load_images(images_ref, size=model.input_size, crop=model.crop)
    pixels = images.pixels().to(device)
    random, clean = _answers(model, pixels, model_ref)
    labels = torch.tensor(match_labels(images, model.label_names, clean.shape[1]), device=device)
    model_sha256 = model.sha256()
    model.label_names = model.label_names or images.label_names
    study = Study(
        model=model,
        images=images,
        words=words,
        pixels=pixels,
        labels=labels,
        clean_logits=clean,
        model_sha256=model_sha256,
        images_sha256=images.sha256(),
        random=random,
        draws=RANDOM_DRAWS if random else 1,
    )
    _check_concepts(study)
    return study


def defended(study: Study, defense: str) -> Study:
    """The same study of the model with a defence around it.

    Raises:
        UserError: the defence cannot be used, or leaves too few concepts.
    """
    model = defend(study.model, defense).to(study.pixels.device).eval()
    facts = traits(model)
    random, clean = _answers(model, study.pixels, model.name, random=facts.random)
    protected = replace(
        study,
        model=model,
        clean_logits=clean,
        model_sha256=model.sha256(),
        random=random,
        draws=(facts.draws if facts.random else RANDOM_DRAWS) if random else 1,
        surrogate=facts.surrogate,
        undefended=study.model,
        _observations={},
    )
    _check_concepts(protected)
    return protected


def _answers(model: Classifier, pixels: Tensor, model_ref: str, *, random: bool = False) -> tuple[bool, Tensor]:
    """Whether the network draws at random, and its logits, the mean of several passes where it does."""
    try:
        random = random or probe_traits(model, pixels).random
        with private_randomness(0, "clean"):
            return random, judged_logits(model, pixels, passes=RANDOM_PASSES if random else 1)
    except RuntimeError as error:
        raise UserError(
            f"the network {model_ref} cannot take these images",
            got=f"images of shape {tuple(pixels.shape[1:])}; {str(error).splitlines()[0]}",
            fix="check channels and size; give the classifier an input_size",
        ) from error


def _check_concepts(study: Study) -> None:
    right = sorted(set(study.labels[study.correct].tolist()))
    names = [study.model.label_names[label] for label in right]
    found = [set(resolve(names, space).indices) for space in study.words] if names else [set()]
    concepts = len(set.intersection(*found))
    if concepts < FEWEST_CONCEPTS:
        raise UserError(
            "too few concepts for a geometry",
            got=f"{concepts} classes with a word vector among {int(study.correct.sum())} correctly classified of "
            f"{len(study.images)} images",
            expected=f"at least {FEWEST_CONCEPTS}, better 20",
            fix="give images of more classes, or words that know their names",
        )


def probe_speed(study: Study) -> float:
    """Gradients per second on this machine, from one batch after a warm-up; for estimates only."""
    batch = study.pixels[: default_lanes(study.pixels)]
    goal = Goal(study.labels[: len(batch)])
    model = prepare(study.model, batch)
    seconds = math.inf
    for _ in range(2):
        started = time.perf_counter()
        slope_at(model, batch, lambda logits: goal.loss(logits, "ce"))
        seconds = min(seconds, time.perf_counter() - started)
    return len(batch) / seconds


def parse_device(text: str) -> torch.device:
    """``"auto"`` is the accelerator where there is one; raises `UserError` for a device that is not there."""
    if text == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(text)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        fix = did_you_mean(text, ["auto", "cpu", "cuda", "mps"])
        raise UserError("cannot use this device", got=text, fix=fix) from error
    return device
