"""Global random state: forked and seeded while networks and other libraries run, left as found."""

from __future__ import annotations

import contextlib
import random
from typing import TYPE_CHECKING

import numpy as np
import torch

from advwindow.streams import stream

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def private_randomness(seed: int, *key: str) -> Iterator[None]:
    """Seed Python's, NumPy's and torch's global generators from the key; restore them after, come what may."""
    drawn = int(stream(seed, "global state", *key).integers(2**31))
    state, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002 - the libraries draw from it
    with torch.random.fork_rng():
        torch.manual_seed(drawn)
        random.seed(drawn)
        np.random.seed(drawn)  # noqa: NPY002 - as above
        try:
            yield
        finally:
            random.setstate(state)
            np.random.set_state(legacy)  # noqa: NPY002 - as above
