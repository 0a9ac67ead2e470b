"""Private random streams, keyed by what they are for and never by what ran before.

A sample's stream depends on (seed, purpose, sample id, ...) alone, so the same sample draws the same numbers by itself,
in any batch and in any order, and the global random state of Python, NumPy and torch is never touched.
"""

from __future__ import annotations

import hashlib

import numpy as np


def stream(seed: int, *key: str | int) -> np.random.Generator:
    """A generator of its own for ``(seed, *key)``.

    Philox is counter-based: its output is specified bit by bit, so a stream is the same on every platform.

    Args:
        seed: the user's seed, any integer.
        key: what the stream is for, e.g. ``("pgd", sample_id, restart)``.

    Example:
        >>> bool(stream(0, "pgd", "cat.jpg", 1).random() == stream(0, "pgd", "cat.jpg", 1).random())
        True
    """
    text = "\x1f".join([str(seed), *(f"{type(part).__name__}:{part}" for part in key)])
    digest = hashlib.sha256(text.encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))
