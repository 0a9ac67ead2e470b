"""The semantic half-life: the budget at which half of a layer's alignment with words is gone (window.md 12.8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats
from scipy.optimize import isotonic_regression

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from advwindow.window.dyadic import Covariance

    Array = NDArray[np.float64]

#: With fewer concepts the interval is not said to hold.
INTERVAL_CONCEPTS = 20


@dataclass(frozen=True)
class HalfLife:
    """The budget at which alignment has fallen to half its clean value.

    Attributes:
        estimate: in the unit of the budgets; None where it lies outside those measured or there is none.
        low: lower end of the 95 % interval; 0 where it may lie below the smallest budget. None if there is none.
        high: upper end, inf where it may lie beyond the largest budget. None if there is none.
        text: the same in words, such as ``"3.2/255 (95 %: 2.1/255 to 4.8/255)"`` or ``"> 8/255"``.
        note: what must be said beside it, in plain words; empty otherwise.
    """

    estimate: float | None
    low: float | None
    high: float | None
    text: str
    note: str


def pixel_levels(budget: float) -> str:
    """A budget in 255ths, the unit of the l-infinity literature.

    Example:
        >>> pixel_levels(8 / 255)
        '8/255'
    """
    return f"{budget * 255:.3g}/255"


def half_life(
    budgets: Array, alignments: Array, *, covariance: Covariance, show: Callable[[float], str] = pixel_levels
) -> HalfLife:
    """The budget at which half of the clean alignment is gone, with a 95 % interval.

    The estimate is where the curve through (0, clean) and the budgets, made non-increasing (isotonic least squares) and
    interpolated linearly, first reaches half the clean alignment. The interval inverts a test: it spans the budgets e
    at which ``b(e) - a / 2`` does not differ from 0 (t with C - 1 degrees of freedom, dyadic-robust standard error), b
    interpolated likewise. A budget is tested at 5 %, so for a curve that falls, and linearly between budgets, the true
    half-life is left out in 5 % of samples. (Draws from the joint covariance would need a seed, and those without a
    crossing a rule of their own; the test says by itself that the data do not bound the half-life.)

    Nothing is claimed between 0 and the smallest budget, where no measurement is: what falls there is "< smallest".

    Args:
        budgets: ``(K,)`` increasing, above 0.
        alignments: ``(1 + K,)``, clean, then at each budget.
        covariance: of these 1 + K alignments (`Covariance.select`).
        show: writes a budget.
    """
    assert len(alignments) == len(budgets) + 1 == len(covariance.robust)
    assert budgets[0] > 0
    assert (np.diff(budgets) > 0).all()
    if not alignments[0] > 0:
        note = "The clean layer is not aligned with words, so there is no half of it to lose."
        return HalfLife(None, None, None, "none", note)
    if not np.isfinite(alignments).all():
        return HalfLife(None, None, None, "none", "The layer has no geometry at some budget.")
    curve = isotonic_regression(alignments, increasing=False).x
    estimate, place = _crossing(np.concatenate([[0.0], budgets]), curve, alignments[0] / 2, show)
    low, high = _interval(budgets, alignments, covariance)
    if estimate is not None:
        low, high = min(low, estimate), max(high, estimate)
    text = f"{place} (95 %: {_span(low, high, budgets, show)})"
    return HalfLife(estimate, low, high, text, _note(budgets, alignments, covariance))


def _crossing(at: Array, curve: Array, half: float, show: Callable[[float], str]) -> tuple[float | None, str]:
    reached = np.flatnonzero(curve <= half)
    if not len(reached):
        return None, f"> {show(at[-1])}"
    k = int(reached[0])
    if k == 1 and curve[1] < half:
        return None, f"< {show(at[1])}"
    share = (curve[k - 1] - half) / (curve[k - 1] - curve[k])
    found = float(at[k - 1] + share * (at[k] - at[k - 1]))
    return found, show(found)


def _interval(budgets: Array, alignments: Array, covariance: Covariance) -> tuple[float, float]:
    """The span of budgets at which alignment may be half of the clean one; 0 and inf stand for all that is beyond."""
    reach = float(stats.t.ppf(0.975, covariance.concepts - 1))
    contrasts = np.eye(len(alignments))[1:]
    contrasts[:, 0] -= 0.5
    gap = contrasts @ alignments
    margin = reach * np.sqrt(np.diag(covariance.of(contrasts)).clip(0))
    found: list[float] = []
    if gap[0] <= margin[0]:
        found += [0.0, float(budgets[0])]
    if gap[-1] >= -margin[-1]:
        found += [float(budgets[-1]), np.inf]
    for matrix in (covariance.robust, covariance.pairs):
        form = np.outer(gap, gap) - reach**2 * (contrasts @ matrix @ contrasts.T)
        for k, step in enumerate(np.diff(budgets)):
            found += [float(budgets[k] + share * step) for share in _not_rejected(form[k : k + 2, k : k + 2])]
    turns = np.flatnonzero(np.sign(gap[1:]) != np.sign(gap[:-1]))
    found += (
        budgets[turns] + gap[turns] / (gap[turns] - gap[turns + 1]) * (budgets[turns + 1] - budgets[turns])
    ).tolist()
    return min(found), max(found)


def _not_rejected(form: Array) -> list[float]:
    """Ends of the set of shares x in [0, 1] at which the quadratic form of ``(1 - x, x)`` is not above 0."""
    square = form[0, 0] - 2 * form[0, 1] + form[1, 1]
    roots = np.roots([square, 2 * (form[0, 1] - form[0, 0]), form[0, 0]])
    crossings = [float(x) for x in roots[np.isreal(roots)].real if 0 <= x <= 1]
    return crossings + [end for end, value in ((0.0, form[0, 0]), (1.0, form[1, 1])) if value <= 0]


def _span(low: float, high: float, budgets: Array, show: Callable[[float], str]) -> str:
    if low == 0:
        if high <= budgets[0]:
            return f"< {show(budgets[0])}"
        return f"up to {show(high)}" if np.isfinite(high) else "anywhere"
    if np.isfinite(high):
        return f"{show(low)} to {show(high)}"
    return f"{show(low)} or more" if low < budgets[-1] else f"> {show(budgets[-1])}"


def _note(budgets: Array, alignments: Array, covariance: Covariance) -> str:
    concepts = covariance.concepts
    se = float(np.sqrt(covariance.of(np.eye(len(alignments))[:1])[0, 0].clip(0)))
    said = {
        "One budget was measured: only on which side of it the half-life lies can be said.": len(budgets) == 1,
        f"With {concepts} concepts the interval is a rough one.": concepts < INTERVAL_CONCEPTS,
        "The clean alignment itself is not surely above zero.": (
            alignments[0] <= float(stats.t.ppf(0.95, concepts - 1)) * se
        ),
    }
    return " ".join(sentence for sentence, applies in said.items() if applies)
