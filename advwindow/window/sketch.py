"""CountSketch: wide layers in few numbers that keep every inner product right on average.

Each feature ``f`` is added, with a random sign ``s_j(f)``, to one random bucket ``h_j(f)`` in each of a few blocks of
buckets (Charikar, Chen & Farach-Colton 2002; the sparse Johnson-Lindenstrauss transform of Kane & Nelson 2014). That is
a linear map ``R`` with ``E[R^T R] = 1``, so inner products and squared distances of sketches have no bias, and the
squared distance of two patterns has a relative standard deviation of about ``sqrt(2 / width)``.

The hash follows from the seed, the layer's name and its number of features alone. All batches, conditions and shards
therefore share one map: sums of sketches are sketches of sums, and the errors of two conditions, which see nearly the
same patterns, agree and cancel in large part from their difference.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from advwindow.errors import UserError
from advwindow.streams import stream

#: Layers of at most this many features are kept exactly.
LIMIT = 16_384

#: Numbers per pattern that stand for a wider layer: squared distances within 1.6 % (one standard deviation).
WIDTH = 8_192

#: Buckets that share one feature. One is the fastest; with several, two dominant features that meet in a bucket spoil
#: a fraction of the estimate instead of all of it.
HASHES = 4

# Features at a time: what is centred stays in the processor's cache until it is added.
_CHUNK = 16_384

# Sketches that stay drawn between batches, 8 bytes a feature each.
_KEPT = 128


class Reduced(NamedTuple):
    """Rows made ready for centred inner products.

    Attributes:
        rows: ``(n, d)`` or, sketched, ``(n, width)``: each row minus its own mean over its features, float64.
        means: ``(n,)`` those means over all ``d`` features, exact, float64.
        features: ``d``, the number of features before any sketch.
    """

    rows: Tensor
    means: Tensor
    features: int


class Sketch:
    """A linear map from `features` to `width` numbers, drawn once and for all by ``(seed, key, features, width)``.

    Args:
        features: ``d``, numbers of a row.
        width: ``k``, numbers of its sketch; a multiple of `hashes`.
        seed: the user's seed.
        key: what is sketched: the name of the layer.
        hashes: blocks of ``k / hashes`` buckets; every feature goes into one bucket of each.

    Raises:
        UserError: the width is no positive multiple of the hashes.

    Example:
        >>> sketch = Sketch(1000, 64, seed=0, key="fc")
        >>> sketch(torch.ones(2, 1000)).shape
        torch.Size([2, 64])
    """

    def __init__(self, features: int, width: int, *, seed: int, key: str, hashes: int = HASHES) -> None:
        if hashes < 1 or width < 1 or width % hashes:
            raise UserError("width of a sketch", got=width, expected=f"a positive multiple of {hashes}")
        self.features = features
        self.width = width
        self.hashes = hashes
        cells = 2 * width // hashes  # bucket and sign in one: the second half is subtracted from the first
        small = np.int16 if cells <= 2**15 else np.int32
        draw = stream(seed, "count sketch", key, features, width, hashes)
        self._cells = torch.from_numpy(draw.integers(0, cells, (hashes, features), dtype=small))

    def __call__(self, rows: Tensor) -> Tensor:
        """Sketches ``(n, width)``, float64, of rows ``(n, d)`` of any floating type, on the device of the rows."""
        return self.centred(rows, torch.zeros(len(rows), device=rows.device))

    def centred(self, rows: Tensor, means: Tensor) -> Tensor:
        """Sketches ``(n, width)``, float64, of rows ``(n, d)`` of which each is first lowered by its mean ``(n,)``.

        Sums of float32 rows are made in float32 on the CPU: rounding is far below the error of the sketch. Elsewhere
        they are made in float64, because a GPU adds in no fixed order.
        """
        assert rows.shape[1] == self.features, "another number of features than the sketch was drawn for"
        quick = rows.device.type == "cpu" and rows.dtype != torch.float64
        precision = torch.float32 if quick else torch.float64
        shift = means[:, None].to(precision)
        half = self.width // self.hashes
        sums = torch.zeros(self.hashes, len(rows), 2 * half, dtype=precision, device=rows.device)
        for start in range(0, self.features, _CHUNK):
            part = rows[:, start : start + _CHUNK].to(precision) - shift
            for hashed, cells in zip(sums, self._cells[:, start : start + _CHUNK], strict=True):
                hashed.index_add_(1, cells.to(rows.device, torch.int64), part)  # narrower indices take a slower path
        signed = sums[..., :half].double() - sums[..., half:]
        return signed.transpose(0, 1).flatten(1) / math.sqrt(self.hashes)


def reduce(rows: Tensor, *, seed: int, key: str, limit: int = LIMIT, width: int = WIDTH) -> Reduced:
    """Centre each row over its features and, where the layer is wide, sketch it.

    Rows are centred before they are sketched. The products that follow from row means and centred rows then hold the
    means exactly, and the error, which grows with the length of what is sketched, does not grow with them.

    Args:
        rows: ``(n, d)``, activations of a batch.
        seed: the user's seed.
        key: name of the layer; all conditions, batches and shards of a layer must give the same.
        limit: layers of at most this many features are centred only, without error.
        width: numbers of a sketch, a multiple of `HASHES`, at most `limit`.

    Returns:
        The rows on the device where they are; the products of rows that were sketched have no bias and, relative to
        the product of the two lengths, a standard deviation of at most ``sqrt(2 / width)``.

    Raises:
        UserError: a width that is no positive multiple of `HASHES`, or is above the limit.

    Example:
        >>> reduced = reduce(torch.tensor([[1.0, 3.0]]), seed=0, key="fc")
        >>> reduced.rows.tolist(), reduced.means.tolist(), reduced.features
        ([[-1.0, 1.0]], [2.0], 2)
    """
    if width > limit:
        raise UserError("a sketch wider than the widest layer that is kept exactly", got=width, expected=f"<= {limit}")
    features = rows.shape[1]
    means = _means(rows)
    if features <= limit:
        return Reduced(rows.double() - means[:, None], means, features)
    return Reduced(_sketch(features, width, seed, key).centred(rows, means), means, features)


def _means(rows: Tensor) -> Tensor:
    """Means ``(n,)`` over the features, in float64, without a float64 copy of all rows."""
    parts = [part.sum(1, dtype=torch.float64) for part in torch.split(rows, _CHUNK, dim=1)]
    return torch.stack(parts).sum(0) / rows.shape[1]


@lru_cache(maxsize=_KEPT)
def _sketch(features: int, width: int, seed: int, key: str) -> Sketch:
    return Sketch(features, width, seed=seed, key=key)
