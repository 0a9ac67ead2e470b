"""Nearest points: of L1 and L0 balls cut by the pixel box, and of hyperplanes in the box.

Each of these points is known but for one number per sample, the root of a monotone piecewise linear function whose
breakpoints are known. Instead of sorting hundreds of thousands of breakpoints it is found by bisection over the bits of
a float32: 31 evaluations, whatever the numbers are, and afterwards no breakpoint is left between two neighbouring
floats, so the last linear piece can be solved exactly. Nothing here makes the host wait for a device; where it need not
wait, hyperplanes are found by Newton's method, which takes two to seven such pieces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from advwindow.attacks.budget import Norm

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

#: Devices whose numbers the host sees without waiting.
AT_HAND = frozenset({"cpu"})
#: Share of the radius that is left free, so that adding up the changes in another order does not exceed it.
_SLACK = 1e-9


def onto_l1_ball(images: Tensor, centre: Tensor, radius: Tensor) -> Tensor:
    """The nearest points, in Euclidean distance, of L1 balls cut by the pixel box.

    Croce, Hein 2021, arXiv 2103.01208, section 3.1: every change shrinks by the same amount, but not below 0, and not
    above what the box leaves room for. Changes are rounded toward the centre.

    Args:
        images: ``(N, ...)`` finite points anywhere.
        centre: ``(N, ...)`` centres in [0, 1].
        radius: ``(N,)`` float64 radii, not negative.

    Returns:
        ``(N, ...)`` in [0, 1], within the radius when the changes are added up in float64; points that were there
        already come back as they are.
    """
    inside = images.clamp(0, 1)
    kept = (inside - centre).abs().flatten(1)
    fits = (inside.double() - centre.double()).abs().flatten(1).sum(1) <= radius
    change = (images - centre).flatten(1)
    size, reach = change.abs(), radius[:, None]
    rest = torch.empty_like(size)

    def too_far(less: Tensor) -> Tensor:
        torch.sub(size, less[:, None], out=rest)
        return torch.minimum(rest, kept, out=rest).clamp_min_(0).sum(1) > radius

    less = largest_where(too_far, radius).double()[:, None]
    exact, kept = size.double(), kept.double()
    full = exact - less >= kept
    shrinking = (exact > less) & ~full
    total = torch.where(full, kept, torch.where(shrinking, exact, 0)).sum(1, keepdim=True)
    less = torch.maximum(less, (total - reach) / shrinking.sum(1, keepdim=True).clamp_min(1))
    kept = torch.minimum(exact - less, kept).clamp_min_(0)
    kept *= (reach * (1 - _SLACK) / kept.sum(1, keepdim=True).clamp_min(1e-300)).clamp(max=1)
    shrunk = _rounded_inward(centre, (change.sign() * kept).view_as(images))
    return torch.where(fits.reshape(-1, *[1] * (images.dim() - 1)), inside, shrunk)


def onto_l0_ball(images: Tensor, centre: Tensor, radius: Tensor) -> Tensor:
    """The nearest points, in Euclidean distance, of L0 balls cut by the pixel box: the largest changes stay.

    Inside the box the changes themselves are compared; outside it, how much nearer to the point a change leads.

    Args:
        images: ``(N, ...)`` finite points anywhere.
        centre: ``(N, ...)`` centres in [0, 1].
        radius: ``(N,)`` how many values may change; of equal changes the first ones stay.

    Returns:
        ``(N, ...)`` in [0, 1].
    """
    inside = images.clamp(0, 1)
    gain = ((images - centre).square() - (images - inside).square()).flatten(1).clamp_min_(0)
    count = radius.floor()[:, None]

    def enough(least: Tensor) -> Tensor:
        return (gain >= least[:, None]).sum(1) >= radius.floor().clamp_min(1)

    least = largest_where(enough, radius)[:, None]
    above, equal = gain > least, gain == least
    stays = above | (equal & (equal.cumsum(1) <= count - above.sum(1, keepdim=True)))
    return torch.where((stays & (count > 0)).view_as(images), inside, centre)


def to_hyperplane(points: Tensor, normals: Tensor, values: Tensor, norm: Norm) -> Tensor:
    """The smallest shifts to hyperplanes that do not leave the pixel box.

    Croce, Hein 2020, arXiv 1907.02044, section 3.1: minimise ``||shift||`` such that ``normal . shift + value = 0`` and
    ``point + shift`` lies in [0, 1]. Of equally small shifts in L1 the one is taken that spreads evenly.

    Args:
        points: ``(N, ...)`` in [0, 1].
        normals: ``(N, ...)`` normals of the hyperplanes, of any length; where one is 0 there is no shift.
        values: ``(N,)`` what is to be made up for: the linear function at the point.
        norm: Linf, L2 or L1.

    Returns:
        ``(N, ...)`` the shifts; where the box does not reach its hyperplane, to the nearest corner.
    """
    assert norm is not Norm.L0
    strength = normals.flatten(1).abs()
    largest = strength.amax(1)
    scale = torch.where(largest > 0, largest, 1)
    strength = strength / scale[:, None]
    need = (values.abs() / scale).nan_to_num()
    sign = (normals.flatten(1) * -values.sign()[:, None]).sign()
    start = points.flatten(1)
    room = torch.where(sign > 0, 1 - start, start) * sign.abs()
    match norm:
        case Norm.LINF:
            length = _all_together(strength, torch.ones_like(strength), room, need)
        case Norm.L2:
            length = _all_together(strength, strength, room, need)
        case _:
            length = _strongest_first(strength, room, need)
    return (sign * length).view_as(points)


def _all_together(strength: Tensor, unit: Tensor, room: Tensor, need: Tensor) -> Tensor:
    """Lengths ``min(t unit, room)`` with ``strength . lengths = need``: a concave function of t."""
    pace, most = strength * unit, strength * room
    goal = need.double()[:, None]
    done = torch.empty_like(pace)

    def short(time: Tensor) -> Tensor:
        torch.mul(pace, time[:, None], out=done)
        return torch.minimum(done, most, out=done).sum(1) < need

    def later(time: Tensor) -> Tensor:
        """The root of the linear piece at this time; a concave function's is nowhere later than its own."""
        free = torch.mul(pace, time, out=done) < most
        filled = torch.where(free, 0, most).sum(1, keepdim=True, dtype=torch.float64)
        speed = torch.where(free, pace, 0).sum(1, keepdim=True, dtype=torch.float64)
        root = ((goal - filled) / speed.clamp_min(1e-300)).clamp(max=torch.finfo(torch.float32).max).float()
        return torch.where(speed > 0, torch.maximum(time, root), time)

    if need.device.type in AT_HAND:
        time = _settled(later, torch.zeros_like(need)[:, None])
    else:
        time = later(largest_where(short, need)[:, None])
    return torch.minimum(unit * time, room)


def _settled(later: Callable[[Tensor], Tensor], time: Tensor) -> Tensor:
    """Newton's method from the left: few steps, at most one for each breakpoint, but the host must look after each.

    Cominetti, Mascarenhas, Silva 2014, Mathematical Programming Computation 6.
    """
    while not torch.equal(after := later(time), time):
        time = after
    return time


def _strongest_first(strength: Tensor, room: Tensor, need: Tensor) -> Tensor:
    """Lengths with ``strength . lengths = need``: the whole room of the strongest entries, a share of the last ones."""
    most = strength * room
    wanted = need.clamp_min(torch.finfo(torch.float32).tiny)
    used = torch.empty_like(most)

    def enough(least: Tensor) -> Tensor:
        return torch.mul(most, strength >= least[:, None], out=used).sum(1) >= wanted

    least = largest_where(enough, need)[:, None]
    above, equal = strength > least, strength == least
    missing = need - torch.where(above, most, 0).sum(1, dtype=torch.float64)
    share = (missing / torch.where(equal, most, 0).sum(1, dtype=torch.float64).clamp_min(1e-300)).clamp(0, 1).float()
    return torch.where(above, room, torch.where(equal, room * share[:, None], 0))


def largest_where(holds: Callable[[Tensor], Tensor], like: Tensor) -> Tensor:
    """The largest float32 for which a condition holds, for each sample; 0 where it holds for no positive number.

    Floats that are not negative are ordered like their bits.

    Args:
        holds: ``(N,)`` float32 to ``(N,)`` bool; true up to some number and false from there on, and for NaN.
        like: a tensor ``(N,)`` on the device.
    """
    bits = torch.zeros(like.shape, dtype=torch.int32, device=like.device)
    for place in reversed(range(31)):
        trial = bits | (1 << place)
        bits = torch.where(holds(trial.view(torch.float32)), trial, bits)
    return bits.view(torch.float32)


def _rounded_inward(centre: Tensor, change: Tensor) -> Tensor:
    """``centre + change`` in the dtype of the centre, never further from it than the float64 changes say."""
    exact = centre.double()
    moved = (exact + change).clamp(0, 1)
    rounded = moved.to(centre.dtype)
    return torch.where(
        (rounded.double() - exact).abs() > (moved - exact).abs(), torch.nextafter(rounded, centre), rounded
    )
