"""The 2 vs 2 test by decoding: can words be predicted from activations that the predictor has never seen?

Mitchell et al. 2008: a ridge regression with free intercept learns word vectors from the activations of all concepts
but two, predicts those two, and the pair is correct if the predictions fit their own words better than each other's.

Everything follows from inner products. The residuals of all concepts are ``E = R Y``, R the residual maker of the fit
to all concepts, and the residuals of a pair P that was left out are ``R_PP^{-1} E_P`` (exact for penalised least
squares). Lengths of predictions and their products with words need only ``<y, y>``, ``<y, e>`` and ``<e, e>``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq

from advwindow.errors import UserError
from advwindow.window.grams import double_centred
from advwindow.window.matching import TwoVsTwo, check_matrices, tie_scores
from advwindow.window.profiles import clear_diagonal
from advwindow.window.similarity import ConstantPatternError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Indices = NDArray[np.int64]

#: Share of the features' rank that the default penalty leaves as effective degrees of freedom.
FREEDOM = 0.1

# Eigenvalues below this share of the largest are rounding, and so is power below this share of the mean word's.
_RANK = 1e-12


def decoding_two_vs_two(features: Array, words: Array, *, ties: str = "half", penalty: float | None = None) -> TwoVsTwo:
    """2 vs 2 accuracy of a ridge regression from activations to word vectors, leaving out every pair of concepts.

    Pair (i, j) is correct if ``s(p_i, y_i) + s(p_j, y_j) > s(p_i, y_j) + s(p_j, y_i)``, p the predictions of the model
    that has seen neither and s the similarity: O(C^3) once and O(C^2) for all pairs. It does not change under a shift
    or an orthogonal map of the features (nor, with the default penalty, under a scaling). `TwoVsTwo.se` is a lower
    bound here, too: every model has learnt from all the other concepts.

    Args:
        features: ``(C, C)`` products of the concepts' activations (`Gram.raw`; `Gram.centred` takes each pattern's
            mean away first), C at least 5.
        words: ``(C, C)`` products of the word vectors. They decide the similarity: `Gram.raw` for the cosine,
            `Gram.centred` for Pearson over the dimensions (regression is linear in the words, so the prediction of
            centred vectors is the centred prediction).
        ties: what a tie counts, a key of `advwindow.window.matching.TIES`.
        penalty: lambda in ``||Y - 1 b - X W||^2 + lambda ||W||^2``, positive; None for `ridge_penalty`.

    Raises:
        UserError: shapes differ, fewer than 5 concepts, products not finite, a penalty that is not positive, an
            unknown tie rule.
        ConstantPatternError: all activations are the same, or a word vector or a prediction has no length.
    """
    _check(features, words)
    residual = _residual_maker(features, penalty)
    errors = words @ residual
    wins = clear_diagonal(tie_scores(_margins(residual, words, errors, residual @ errors), ties))
    concepts = len(wins)
    correct, pairs = float(wins.sum() / 2), concepts * (concepts - 1) // 2
    return TwoVsTwo(correct / pairs, correct, pairs, wins.sum(1) / (concepts - 1), wins)


def decoding_null(
    features: Array, words: Array, permutations: Indices, *, ties: str = "half", penalty: float | None = None
) -> Array:
    """Accuracies of `decoding_two_vs_two` when the word vectors are dealt out at random; mean 1/2 when ties count half.

    The regression of the features is worked out once. A relabelling costs ``O(C^2 r)``, r the rank of `words`.

    Args:
        features: as `decoding_two_vs_two`.
        words: as `decoding_two_vs_two`.
        permutations: ``(B, C)``, from `advwindow.window.permutation.label_permutations`.
        ties: as `decoding_two_vs_two`.
        penalty: as `decoding_two_vs_two`.

    Returns:
        ``(B,)`` in [0, 1].

    Raises:
        UserError: as `decoding_two_vs_two`.
        ConstantPatternError: likewise.
    """
    _check(features, words)
    residual = _residual_maker(features, penalty)
    vectors = _factor(words)
    pairs = np.triu_indices(len(words), 1)
    null = np.empty(len(permutations))
    for draw, order in enumerate(permutations):
        dealt = vectors[order]
        errors = residual @ dealt
        margins = _margins(residual, words[np.ix_(order, order)], dealt @ errors.T, errors @ errors.T)
        null[draw] = tie_scores(margins[pairs], ties).mean()
    return null


def ridge_penalty(features: Array) -> float:
    """The default penalty: a tenth of the features' rank is left as effective degrees of freedom.

    The effective degrees of freedom ``sum s / (s + lambda)`` over the eigenvalues s of the centred products fall with
    lambda, so there is one solution. It depends on the activations alone. No word is looked at, whether of a pair that
    is left out or not, so nothing leaks, relabelling the words leaves it as it is, and the permutation test stays
    exact. Without a penalty, features that outnumber concepts would fit every training word perfectly.

    A tenth is a convention that serves few and many concepts: for EfficientNet-Lite0 and GloVe with 488 classes, a half
    scored 0.02 to 0.05 less in the nine last layers, and with 18 classes at most 0.02 less in any layer.

    Args:
        features: ``(C, C)`` products of the concepts' activations.

    Returns:
        lambda > 0, in the units of the products.

    Raises:
        ConstantPatternError: all activations are the same.
    """
    return _penalty(_spectrum(features)[0])


def _penalty(values: Array) -> float:
    kept = values[values > 0]
    free = FREEDOM * len(kept)
    # At the lower end every term is at least FREEDOM, at the upper end their sum is at most `free`; 2 allows rounding.
    lower, upper = kept.min() * (1 / FREEDOM - 1) / 2, 2 * kept.sum() / free
    found = brentq(lambda log: float((kept / (kept + np.exp(log))).sum()) - free, np.log(lower), np.log(upper))
    return float(np.exp(found))


def _spectrum(features: Array) -> tuple[Array, Array]:
    """Eigenvalues ``(C - 1,)`` (0 where rounding) and eigenvectors of the centred products, the constant left out."""
    centred = double_centred(features)
    rounding = len(features) * np.finfo(np.float64).eps * np.abs(features).max()
    # Moved above all others, the constant does not mix with other directions in which nothing varies.
    above = 2 * max(float(np.trace(centred)), rounding)
    values, vectors = np.linalg.eigh(centred + above / len(features))
    values, vectors = values[:-1], vectors[:, :-1]
    if not values[-1] > rounding:
        raise ConstantPatternError("all activations are the same, so no word can be predicted from them")
    return np.where(values > max(rounding, _RANK * values[-1]), values, 0.0), vectors


def _residual_maker(features: Array, penalty: float | None) -> Array:
    values, vectors = _spectrum(features)
    if penalty is None:
        penalty = _penalty(values)
    if not (np.isfinite(penalty) and penalty > 0):
        raise UserError("the penalty of the ridge regression does not fit", got=penalty, expected="a number above 0")
    residual: Array = (vectors * (penalty / (values + penalty))) @ vectors.T
    return residual


def _margins(residual: Array, words: Array, errors: Array, error_products: Array) -> Array:
    """By how much each pair's own words fit better than the swapped ones, ``(C, C)`` in [-4, 4], symmetric.

    Args:
        residual: ``(C, C)``, R.
        words: ``<y_i, y_j>``.
        errors: ``<y_i, e_j>``.
        error_products: ``<e_i, e_j>``.
    """
    leverage, fit, power = np.diag(residual), np.diag(errors), np.diag(words)
    determinant = np.outer(leverage, leverage) - residual * residual
    np.fill_diagonal(determinant, 1)
    # The residual of i with j left out too is `mine e_i - theirs e_j`.
    mine, theirs = leverage / determinant, residual / determinant
    missed = mine * fit[:, None] - theirs * errors
    own = power[:, None] - missed
    other = words - mine * errors.T + theirs * fit
    spread = np.diag(error_products)
    length = own - missed + mine * (mine * spread[:, None] - 2 * theirs * error_products) + theirs * theirs * spread
    np.fill_diagonal(length, 1)
    _check_lengths(power, length)
    word = 1 / np.sqrt(power)
    better = (own * word[:, None] - other * word) / np.sqrt(length)
    margins: Array = better + better.T
    return margins


def _check_lengths(words: Array, predictions: Array) -> None:
    least = _RANK * words.mean()
    if not words.min() > least:
        rows = np.flatnonzero(~(words > least)).tolist()
        raise ConstantPatternError("a word vector has no length, so it is similar to nothing", got=f"rows {rows}")
    if not predictions.min() > least:
        first, second = np.argwhere(~(predictions > least))[0].tolist()
        raise ConstantPatternError(
            "a predicted word vector has no length, so it is similar to nothing",
            got=f"concept {first} predicted without concepts {first} and {second}",
        )


def _factor(products: Array) -> Array:
    """Vectors ``(C, r)`` with these products, r their rank."""
    values, vectors = np.linalg.eigh(products)
    kept = values > len(values) * np.finfo(np.float64).eps * values[-1]
    factor: Array = vectors[:, kept] * np.sqrt(values[kept])
    return factor


def _check(features: Array, words: Array) -> None:
    check_matrices(features, words)
    if not (np.isfinite(np.diag(features)).all() and np.isfinite(np.diag(words)).all()):
        raise UserError("inner products are not finite", fix="leave out the concepts without a pattern or a word")
