"""How many matrices of concepts are drawn: where colours end, how pairs are pooled, which clusters are set off."""

from __future__ import annotations

import math

#: Where there are more concepts than this, colours end at percentiles; else single pairs would bleach the rest.
MANY = 40
#: More cells beside each other are smaller than what is printed; means of them make files a tenth as large.
_FINEST = 200
#: A cluster of words is set off by lines from this share of the concepts on.
_LARGE = 0.04

KINDS = {"pearson": "Pearson correlation", "cosine": "cosine similarity"}


def pooled_pairs(concepts: int) -> int:
    """Concepts whose pairs share a cell, so that not too many cells stand beside each other; 1 where all have room."""
    return -(-concepts // _FINEST)


def least_cluster(concepts: int) -> int:
    """Concepts of the smallest cluster that lines set off."""
    return math.ceil(_LARGE * concepts)
