"""All that the analysis needs of a network and its images: Grams and a few numbers per image, no activations."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from advwindow.window.grams import Gram, Stack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]

#: The condition before any attack; always the first.
CLEAN = "clean"

#: The control: random noise of the attack's own size.
NOISE = "noise"


@dataclass(frozen=True, eq=False)
class WordEvidence:
    """What is kept of one word space.

    Attributes:
        words: the word of each concept.
        gram: of the ``C`` word vectors.
    """

    words: tuple[str, ...]
    gram: Gram

    @property
    def of_vectors(self) -> bool:
        """Whether the words have vectors, or only similarities (`advwindow.window.vocabulary.word_gram`)."""
        return self.gram.features > 1


@dataclass(frozen=True, eq=False)
class LayerEvidence:
    """What is kept of one layer.

    Attributes:
        stack: products of the means of every concept's images in every fold, ``M * C`` patterns, fold by fold, under
            all conditions.
        displacement: ``(S,)``, mean over images of ``||activation - clean|| / ||clean||``; NaN if never defined.
        identification: ``(S,)``, share of single images (up to 250) whose activation is nearest to that of the same
            image before the attack; NaN where it cannot be told.
        closeness: ``(T, C)``, for each trial the similarity of its activation to the clean concept means.
        examples: ``(S, E, C)``, raw products of single images' activations with the clean concept means.
    """

    stack: Stack
    displacement: Array
    identification: Array
    closeness: Array
    examples: Array


@dataclass(frozen=True, eq=False)
class Trials:
    """Images that the network got wrong, one row each, for the 1 vs 2 test.

    Attributes:
        condition: ``(T,)`` int64, index of the condition.
        truth: ``(T,)`` int64, the image's concept.
        wrong: ``(T,)`` int64, the concept that was predicted; -1 if that word is not among the concepts.
        profile: ``(T, C)``, similarity of the predicted word to the words of the concepts.
    """

    condition: Integers
    truth: Integers
    wrong: Integers
    profile: Array


@dataclass(frozen=True, eq=False)
class Examples:
    """Images that are looked at one by one, the same under all conditions.

    Attributes:
        place: ``(E,)`` int64, position of each among the images.
        truth: ``(E,)`` int64, its concept.
    """

    place: Integers
    truth: Integers


@dataclass(frozen=True, eq=False)
class Evidence:
    """Everything that `analyse` needs; its size does not depend on the number of images.

    Attributes:
        conditions: ``S`` names; the first is `CLEAN`, the control is called `NOISE`.
        concepts: ``C`` class labels.
        counts: ``(M, C)`` int64, images of each concept in each fold.
        similarity: one of `advwindow.window.similarity.SIMILARITIES`, for layers and words alike.
        spaces: word spaces by name; the first is the one that verdicts are about.
        pixels: of the concepts' clean images themselves, averaged over the images of each.
        layers: by name, in the order of the network.
        trials: for the 1 vs 2 test, of all conditions.
        examples: images that are looked at one by one.
    """

    conditions: tuple[str, ...]
    concepts: tuple[str, ...]
    counts: Integers
    similarity: str
    spaces: Mapping[str, WordEvidence]
    pixels: Gram
    layers: Mapping[str, LayerEvidence]
    trials: Trials
    examples: Examples

    @property
    def words(self) -> tuple[str, ...]:
        """The word of each concept in the first space."""
        return next(iter(self.spaces.values())).words

    @property
    def images(self) -> int:
        """Number of images under each condition."""
        return int(self.counts.sum())

    @property
    def weights(self) -> Array:
        """``(C, M * C)``, what makes concept means of the patterns of all folds."""
        return fold_weights(self.counts)

    def arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
        """Arrays by name and text metadata, as a safetensors file holds them; `from_arrays` reads both back."""
        arrays: dict[str, NDArray[Any]] = {"counts": self.counts, **_gram_arrays("pixels", self.pixels)}
        for name, space in self.spaces.items():
            arrays |= _gram_arrays(f"words/{name}", space.gram)
        for name, layer in self.layers.items():
            arrays |= {f"layers/{name}/{part}": array for part, array in layer.stack.arrays().items()}
            arrays |= {f"layers/{name}/{field}": getattr(layer, field) for field in _PER_LAYER}
        arrays |= {f"trials/{field}": getattr(self.trials, field) for field in _TRIALS}
        arrays |= {"examples/place": self.examples.place, "examples/truth": self.examples.truth}
        told = {field: getattr(self, field) for field in _TOLD} | {
            "layers": list(self.layers),
            "words": {name: space.words for name, space in self.spaces.items()},
        }
        return arrays, {"evidence": json.dumps(told, ensure_ascii=False)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> Evidence:
        """The evidence that `arrays` described."""
        told = json.loads(metadata["evidence"])
        return cls(
            conditions=tuple(told["conditions"]),
            concepts=tuple(told["concepts"]),
            counts=arrays["counts"],
            similarity=told["similarity"],
            spaces={
                name: WordEvidence(tuple(words), _gram_from(arrays, f"words/{name}"))
                for name, words in told["words"].items()
            },
            pixels=_gram_from(arrays, "pixels"),
            layers={name: _layer_from(arrays, f"layers/{name}") for name in told["layers"]},
            trials=Trials(*(arrays[f"trials/{field}"] for field in _TRIALS)),
            examples=Examples(arrays["examples/place"], arrays["examples/truth"]),
        )


_TRIALS = ("condition", "truth", "wrong", "profile")
_TOLD = ("conditions", "concepts", "similarity")
_PER_LAYER = ("displacement", "identification", "closeness", "examples")
_STACK = ("own", "cross", "mean", "features")


def fold_weights(counts: Integers) -> Array:
    """``(C, M * C)`` weights that average the patterns of all folds (fold by fold), by their numbers of images.

    Args:
        counts: ``(M, C)``.
    """
    folds, concepts = counts.shape
    shares = counts / counts.sum(0)
    weights = np.zeros((concepts, folds, concepts))
    places = np.arange(concepts)
    weights[places, :, places] = shares.T
    return weights.reshape(concepts, folds * concepts)


def _layer_from(arrays: Mapping[str, NDArray[Any]], name: str) -> LayerEvidence:
    stack = Stack.from_arrays({part: arrays[f"{name}/{part}"] for part in _STACK})
    return LayerEvidence(stack, *(arrays[f"{name}/{field}"] for field in _PER_LAYER))


def _gram_arrays(name: str, gram: Gram) -> dict[str, NDArray[Any]]:
    return {
        f"{name}/gram": gram.centred,
        f"{name}/mean": gram.mean,
        f"{name}/features": np.array([gram.features], np.int64),
    }


def _gram_from(arrays: Mapping[str, NDArray[Any]], name: str) -> Gram:
    return Gram(arrays[f"{name}/gram"], arrays[f"{name}/mean"], int(arrays[f"{name}/features"][0]))
