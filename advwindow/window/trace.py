"""The word trace: what word each layer says of one image, clean and attacked.

A logit lens with words: a ridge regression from a layer's clean concept means to word vectors predicts the image's
word vector, and the concepts' words are ranked by their similarity to it. It is cross-fitted: no word is scored by a
regression that has seen it. The image's own concept is left out throughout, neither its images nor its word are known;
and each other word is scored by the regression without that word's concept, too, or the words of the training set would
always win against the one that is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from advwindow.window.decoding import ridge_penalty
from advwindow.window.grams import double_centred
from advwindow.window.similarity import ConstantPatternError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from advwindow.window.evidence import Evidence

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]

#: Words that a layer may say of an image, best first.
TOP = 3

_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "image": pl.Int64,
    "concept": pl.String,
    "layer": pl.String,
    "condition": pl.String,
    "says": pl.List(pl.String),
    "similarity": pl.List(pl.Float64),
    "rank": pl.Int64,
}


def word_scores(clean: Array, examples: Array, truth: Integers, words: Array) -> Array:
    """How similar each word is to what a layer predicts for each image.

    Similarities are cosines of vectors from which the mean of the training words has been taken: without that, a
    prediction that knows little is closest to whatever word lies in the middle. All regressions follow in closed form
    from one per left-out concept: leaving out one more moves a prediction by the residual of that concept, times its
    weight in the prediction, divided by one minus its leverage.

    Args:
        clean: ``(C, C)`` raw products of the clean concept means.
        examples: ``(E, C)`` raw products of the images' activations with them.
        truth: ``(E,)``, the concept of each image.
        words: ``(C, C)`` products of the word vectors (row-centred for Pearson, else raw).

    Returns:
        ``(E, C)`` in [-1, 1].

    Raises:
        ConstantPatternError: all concepts look the same.
    """
    scores = np.empty(examples.shape)
    for own in np.unique(truth).tolist():
        others = np.flatnonzero(np.arange(len(clean)) != own)
        rows = np.flatnonzero(truth == own)
        weights, smoother = _regression(clean[np.ix_(others, others)], examples[np.ix_(rows, others)])
        scores[np.ix_(rows, others)] = _scores_of_others(weights, smoother, words[np.ix_(others, others)])
        scores[rows, own] = _score_of_own(weights, words, others, own)
    return scores


def word_trace(evidence: Evidence) -> pl.DataFrame:
    """What every layer says of the evidence's examples, in the first word space.

    Returns:
        One row per image, layer and condition: ``image`` (its position), ``concept``, ``layer``, ``condition``,
        ``says`` (the best words, at most three), ``similarity`` (theirs, in [-1, 1]), ``rank`` of the true word among
        all concepts, from 1. Layers in which all concepts look the same are left out.
    """
    space = next(iter(evidence.spaces.values()))
    words = space.gram.centred if evidence.similarity == "pearson" else space.gram.raw
    truth = evidence.examples.truth
    rows: list[tuple[object, ...]] = []
    for name, layer in evidence.layers.items():
        clean = layer.stack.averaged(evidence.weights).gram(0).raw
        for condition, products in zip(evidence.conditions, layer.examples, strict=True):
            try:
                scores = word_scores(clean, products, truth, words)
            except ConstantPatternError:
                continue
            rows += [
                (place, evidence.concepts[own], name, condition, *_said(row, own, space.words))
                for place, own, row in zip(evidence.examples.place.tolist(), truth.tolist(), scores, strict=True)
            ]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row").sort("image", maintain_order=True)


def _said(scores: Array, own: int, words: tuple[str, ...]) -> tuple[list[str], list[float], int]:
    best = np.argsort(-scores, kind="stable")[:TOP]
    return [words[place] for place in best], scores[best].tolist(), 1 + int((scores > scores[own]).sum())


def _regression(clean: Array, examples: Array) -> tuple[Array, Array]:
    """Weights of the training words in the predictions for the images ``(e, n)``, and for the training set ``(n, n)``.

    The rows of both add up to 1: the intercept is free.
    """
    mean = clean.mean(0)
    centred = double_centred(clean)
    if not np.trace(centred) > 1e-14 * np.trace(clean):
        raise ConstantPatternError("all activations are the same, so no word can be predicted from them")
    moved = examples - mean
    moved -= moved.mean(1, keepdims=True)
    penalised = centred + ridge_penalty(clean) * np.eye(len(centred))
    weights = np.linalg.solve(penalised, np.vstack([moved, centred]).T).T + 1 / len(clean)
    return weights[: len(examples)], weights[len(examples) :]


def _scores_of_others(weights: Array, smoother: Array, words: Array) -> Array:
    """Scores ``(e, n)`` of the training words, each by the regression without it."""
    n = len(words)
    same = np.eye(n)
    residual = same - smoother
    residual_products = residual @ words
    mean = (1 - same) / (n - 1)
    mean_products = (words.sum(0) - words) / (n - 1)
    target, target_products = same - mean, words - mean_products
    spread = (target_products * target).sum(1)
    scores = np.empty(weights.shape)
    for place, weight in enumerate(weights):
        share = (weight / np.diag(residual))[:, None]
        products = weight @ words - share * residual_products - mean_products
        power = (products * (weight - share * residual - mean)).sum(1)
        scores[place] = _cosine((products * target).sum(1), power, spread)
    return scores


def _score_of_own(weights: Array, words: Array, others: NDArray[np.int64], own: int) -> Array:
    """Scores ``(e,)`` of the word that no regression has seen."""
    known, column = words[np.ix_(others, others)], words[others, own]
    moved = weights - 1 / len(others)
    products = moved @ known
    spread = words[own, own] - 2 * column.mean() + known.mean()
    return _cosine(moved @ column - products.mean(1), (products * moved).sum(1), spread)


def _cosine(products: Array, power: Array, spread: Array | float) -> Array:
    scale = np.sqrt(np.clip(power, 0, None) * np.clip(spread, 0, None))
    cosine: Array = np.clip(np.divide(products, scale, out=np.zeros_like(products), where=scale > 0), -1, 1)
    return cosine
