"""Families of layers and conditions: which combinations are compared, and p-values corrected within a condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from advwindow.window.multiplicity import resampled_p

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def upper_p(name: str, estimate: Array, null: Array, *, correction: str) -> dict[str, Array]:
    """p-values for large values; each condition is a family of its layers.

    Args:
        name: of the estimate.
        estimate: ``(L, S)``.
        null: ``(B, L, S)``, resamples.
        correction: how p-values are adjusted over layers.

    Returns:
        ``name_p`` and ``name_p_adjusted``, each ``(L, S)``.
    """
    tests = [
        resampled_p(estimate[:, s], null[:, :, s], tail="upper", correction=correction)
        for s in range(estimate.shape[1])
    ]
    return {
        f"{name}_p": np.stack([test.raw for test in tests], axis=1),
        f"{name}_p_adjusted": np.stack([test.adjusted for test in tests], axis=1),
    }


def contrasts(shape: tuple[int, ...], plus: int, minus: int | None = None) -> Array:
    """Combinations ``(L, L * S)`` of the alignments: condition `plus`, less condition `minus`, layer by layer."""
    each = np.eye(shape[0] * shape[1]).reshape(*shape, -1)
    return each[:, plus] if minus is None else each[:, plus] - each[:, minus]
