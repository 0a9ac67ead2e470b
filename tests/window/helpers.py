"""Synthetic spaces, networks and brute-force references for the tests of the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from advwindow.models.classifier import Classifier
from advwindow.window.evidence import Evidence, Examples, LayerEvidence, Trials, WordEvidence
from advwindow.window.grams import gram_of, stack_of
from advwindow.window.sums import Patterns
from advwindow.words.space import WordSpace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

FACTORS = 8


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def correlations(concepts: int, *, seed: int = 0, features: int = 30) -> Array:
    """A random correlation matrix."""
    return np.asarray(np.corrcoef(rng(seed).normal(size=(concepts, features))), np.float64)


def slow_two_vs_two(a: Array, b: Array, *, tie: float = 0.5) -> Array:
    """Win matrix by the loop of the paper."""
    concepts = len(a)
    wins = np.zeros((concepts, concepts))
    for i in range(concepts):
        for j in range(i + 1, concepts):
            m = [k for k in range(concepts) if k not in (i, j)]
            right = np.corrcoef(a[i, m], b[i, m])[0, 1] + np.corrcoef(a[j, m], b[j, m])[0, 1]
            crossed = np.corrcoef(a[i, m], b[j, m])[0, 1] + np.corrcoef(a[j, m], b[i, m])[0, 1]
            wins[i, j] = wins[j, i] = tie if abs(right - crossed) < 1e-9 else float(right > crossed)
    return wins


def shared_factors(concepts: int, *, seed: int = 0, noise: float = 1.0) -> tuple[Array, Array, Array]:
    """Words ``(C, 40)`` and the clean and the attacked activations ``(C, 60)`` of exchangeable conditions."""
    draw = rng(seed)
    factors = draw.normal(size=(concepts, FACTORS))
    words = factors @ draw.normal(size=(FACTORS, 40)) + noise * draw.normal(size=(concepts, 40))
    signal = factors @ draw.normal(size=(FACTORS, 60))
    first, second = (signal + 2 * noise * draw.normal(size=(concepts, 60)) for _ in range(2))
    return words, first, second


def patterns_of(activations: Array) -> Patterns:
    """Activations ``(n, d)`` as the window keeps them."""
    mean = activations.mean(1)
    return Patterns(activations - mean[:, None], mean, activations.shape[1])


def layer_of(parts: Sequence[Array], *, folds: int = 1) -> LayerEvidence:
    """A layer's evidence from activations ``(M * C, d)`` by condition, without trials and examples."""
    concepts = len(parts[0]) // folds
    stack = stack_of([patterns_of(part) for part in parts])
    none, one = np.zeros((0, concepts)), np.ones(len(parts))
    return LayerEvidence(stack, np.zeros(len(parts)), one, none, np.zeros((len(parts), 0, concepts)))


def evidence_of(
    words: Array,
    layers: dict[str, Sequence[Array]],
    *,
    conditions: Sequence[str] = ("clean", "attack"),
    folds: int = 1,
    others: dict[str, Array] | None = None,
    pixels: Array | None = None,
) -> Evidence:
    """Evidence from activations ``(M * C, d)`` by layer and condition, without trials and examples."""
    concepts = len(words)
    none = np.zeros(0, np.int64)
    names = tuple(f"word{i}" for i in range(concepts))
    spaces = {"toy": words, **(others or {})}
    return Evidence(
        conditions=tuple(conditions),
        concepts=tuple(f"concept {i}" for i in range(concepts)),
        counts=np.ones((folds, concepts), np.int64),
        similarity="pearson",
        spaces={name: WordEvidence(names, gram_of(vectors)) for name, vectors in spaces.items()},
        pixels=gram_of(rng(77).normal(size=(concepts, 50)) if pixels is None else pixels),
        layers={name: layer_of(parts, folds=folds) for name, parts in layers.items()},
        trials=Trials(none, none, none, np.zeros((0, concepts))),
        examples=Examples(none, none),
    )


class Planted(nn.Module):
    """A network whose `late` layer follows other factors than the image's own as far as the last pixel says so.

    Images are ``(N, 17, 1, 1)``: 8 own factors, 8 other factors, and the share of the others.
    """

    def __init__(self, factors: Array) -> None:
        super().__init__()
        draw = rng(99)
        self.early = nn.Linear(FACTORS, 30)
        self.late = nn.Linear(FACTORS, 40)
        self.head = nn.Linear(40, len(factors), bias=False)
        with torch.no_grad():
            for layer in (self.early, self.late):
                layer.weight.copy_(torch.from_numpy(draw.normal(size=tuple(layer.weight.shape))))
                layer.bias.zero_()
            patterns = torch.from_numpy(factors).float() @ self.late.weight.T
            self.head.weight.copy_(patterns / patterns.norm(dim=1, keepdim=True))

    def forward(self, images: Tensor) -> Tensor:
        flat = images.flatten(1) * 8 - 4
        own, other, share = flat[:, :FACTORS], flat[:, FACTORS : 2 * FACTORS], (flat[:, -1:] + 4) / 8
        self.early(own)
        late = self.late((1 - share) * own + share * other)
        logits: Tensor = self.head(late)
        return logits


class World:
    """Classes with words, images and a planted network; the attack writes another class's factors into each image."""

    def __init__(self, concepts: int = 40, *, per_class: int = 2, seed: int = 0) -> None:
        draw = rng(seed)
        self.factors = draw.normal(size=(concepts, FACTORS)).clip(-3.9, 3.9)
        names = [f"thing{i}" for i in range(concepts)]
        vectors = self.factors @ draw.normal(size=(FACTORS, 50)) + 0.3 * draw.normal(size=(concepts, 50))
        self.vectors = dict(zip(names, vectors, strict=True))
        self.words = word_space(self.vectors)
        self.model = Classifier(Planted(self.factors), label_names=names)
        self.labels = torch.arange(concepts).repeat(per_class)
        cycle = draw.permutation(concepts)
        self.targets = torch.empty(concepts, dtype=torch.int64)
        self.targets[cycle] = torch.from_numpy(np.roll(cycle, 1))
        own = self.factors[self.labels.numpy()] + 0.05 * draw.normal(size=(len(self.labels), FACTORS))
        other = self.factors[self.targets.numpy()][self.labels.numpy()]
        zero, one = np.zeros((len(own), 1)), np.ones((len(own), 1))
        self.images = _pixels(np.hstack([own, other, zero]))
        self.attacked = _pixels(np.hstack([own, other, one]))
        self.noise = _pixels(np.hstack([own + 0.01 * draw.normal(size=own.shape), other, zero]))


def word_space(vectors: dict[str, Array]) -> WordSpace:
    dim = len(next(iter(vectors.values())))
    return WordSpace("toy", dim, "0", lambda wanted: {word: vectors[word] for word in wanted if word in vectors})


def _pixels(values: Array) -> Tensor:
    factors = (values[:, :-1] + 4) / 8
    return torch.from_numpy(np.hstack([factors, values[:, -1:]]).clip(0, 1)).float().reshape(len(values), -1, 1, 1)
