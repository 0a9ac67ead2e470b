"""The scale of the collapse map: round steps of loss, each with a colour of its own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_hex, to_rgb
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from advwindow.reports.style import ATTACK, INK
from advwindow.reports.text import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from numpy.typing import NDArray

#: What was not measured.
UNKNOWN = "#E4E4E4"

_SCALE = LinearSegmentedColormap.from_list("lost", ["#FFF7F0", "#FBC9A0", ATTACK, "#7A2E00", "#2B0F00"])
#: Nothing beyond noise was lost.
_NONE = "#FFFFFF"
_LEVELS, _LEAST = 7, 0.05


class LossScale(NamedTuple):
    """Steps of loss and their colours."""

    bounds: NDArray[np.float64]
    colors: tuple[str, ...]

    def color(self, lost: float) -> str:
        """The colour of a cell."""
        if math.isnan(lost):
            return UNKNOWN
        place = int(np.searchsorted(self.bounds, lost, side="left")) - 1
        return self.colors[min(place, len(self.colors) - 1)] if place >= 0 else _NONE

    @property
    def keys(self) -> dict[str, Artist]:
        """A patch for each step."""
        digits = max(1, *(len(f"{bound:.6g}".partition(".")[2]) for bound in self.bounds))
        texts = [number(bound, digits=digits) for bound in self.bounds]
        names = [f"≤ {texts[0]}", *(f"to {text}" for text in texts[1:])]
        edge: dict[str, Any] = {"edgecolor": "#BBBBBB", "linewidth": 0.5}
        return {name: Patch(facecolor=color, **edge) for name, color in zip(names, (_NONE, *self.colors), strict=True)}


def loss_scale(lost: NDArray[np.float64], ends: Sequence[float] | None = None) -> LossScale:
    """Round steps from nothing to the largest loss.

    Args:
        lost: losses, NaN where none is known.
        ends: smallest and largest loss of the scale; those of ``lost`` if None.
    """
    most = max(_LEAST, ends[1] if ends else float(np.nanmax(lost, initial=0)))
    bounds = np.asarray(MaxNLocator(_LEVELS, steps=[1, 2, 2.5, 5, 10]).tick_values(0, most))
    bounds = bounds[bounds >= 0]
    bounds = np.append(bounds, 2 * bounds[-1] - bounds[-2]) if bounds[-1] < most else bounds
    places = np.linspace(0.08, 1, len(bounds) - 1)
    return LossScale(bounds, tuple(to_hex(_SCALE(place)) for place in places))


def ink_on(color: str) -> str:
    """Black on light cells, white on dark ones."""
    return INK if float(np.dot(to_rgb(color), (0.2126, 0.7152, 0.0722))) > 0.5 else "#FFFFFF"
