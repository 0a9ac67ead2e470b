"""All that the analysis needs of a network and its images: Grams and a few numbers per image, no activations."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from advwindow.window.grams import Gram

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
class LayerEvidence:
    """What is kept of one layer.

    Attributes:
        gram: of the concept means of all conditions, ``S * C`` patterns, condition by condition.
        displacement: ``(S,)``, mean over images of ``||activation - clean|| / ||clean||``; NaN if never defined.
        closeness: ``(T, C)``, for each trial the similarity of its activation to the clean concept means.
    """

    gram: Gram
    displacement: Array
    closeness: Array


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
class Evidence:
    """Everything that `analyse` needs; a few megabytes that stand for a forward pass over all images.

    Attributes:
        conditions: ``S`` names; the first is `CLEAN`, the control is called `NOISE`.
        concepts: ``C`` class labels.
        words: the word of each concept.
        images: number of images behind the concept means of each condition.
        similarity: one of `advwindow.window.similarity.SIMILARITIES`, for layers and words alike.
        word_gram: of the ``C`` word vectors.
        layers: by name, in the order of the network.
        trials: for the 1 vs 2 test, of all conditions.
    """

    conditions: tuple[str, ...]
    concepts: tuple[str, ...]
    words: tuple[str, ...]
    images: int
    similarity: str
    word_gram: Gram
    layers: Mapping[str, LayerEvidence]
    trials: Trials

    def arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
        """Arrays by name and text metadata, as a safetensors file holds them; `from_arrays` reads both back."""
        arrays = _gram_arrays("words", self.word_gram)
        for name, layer in self.layers.items():
            arrays |= _gram_arrays(f"layers/{name}", layer.gram)
            arrays[f"layers/{name}/displacement"] = layer.displacement
            arrays[f"layers/{name}/closeness"] = layer.closeness
        arrays |= {f"trials/{field}": getattr(self.trials, field) for field in _TRIALS}
        told = {field: getattr(self, field) for field in _TOLD} | {"layers": list(self.layers)}
        return arrays, {"evidence": json.dumps(told, ensure_ascii=False)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> Evidence:
        """The evidence that `arrays` described."""
        told = json.loads(metadata["evidence"])
        layers = {
            name: LayerEvidence(
                _gram_from(arrays, f"layers/{name}"),
                arrays[f"layers/{name}/displacement"],
                arrays[f"layers/{name}/closeness"],
            )
            for name in told["layers"]
        }
        return cls(
            tuple(told["conditions"]),
            tuple(told["concepts"]),
            tuple(told["words"]),
            told["images"],
            told["similarity"],
            _gram_from(arrays, "words"),
            layers,
            Trials(*(arrays[f"trials/{field}"] for field in _TRIALS)),
        )


_TRIALS = ("condition", "truth", "wrong", "profile")
_TOLD = ("conditions", "concepts", "words", "images", "similarity")


def _gram_arrays(name: str, gram: Gram) -> dict[str, NDArray[Any]]:
    return {
        f"{name}/gram": gram.centred,
        f"{name}/mean": gram.mean,
        f"{name}/features": np.array([gram.features], np.int64),
    }


def _gram_from(arrays: Mapping[str, NDArray[Any]], name: str) -> Gram:
    return Gram(arrays[f"{name}/gram"], arrays[f"{name}/mean"], int(arrays[f"{name}/features"][0]))
