"""Random search with squares, vectorised over lanes: what Square Attack proposes, and what it keeps."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Protocol

import torch

from advwindow.attacks.ball import Ball
from advwindow.attacks.budget import Norm
from advwindow.attacks.goal import Goal
from advwindow.attacks.lanes import common_rows
from advwindow.attacks.record import charge, keep_strongest
from advwindow.attacks.sight import Sight
from advwindow.streams import stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from torch import Tensor

    from advwindow.attacks.boards import Until
    from advwindow.attacks.door import Problem
    from advwindow.attacks.lanes import Job, State


class Schedule(Protocol):
    """The settings of `advwindow.attacks.square.Square` that its search needs."""

    @property
    def queries(self) -> int: ...  # noqa: D102 - said above

    @property
    def until(self) -> Until: ...  # noqa: D102 - said above

    @property
    def nearness(self) -> int: ...  # noqa: D102 - said above

    def share(self, proposal: int) -> float:
        """Share of the pixels that a proposal changes."""
        ...


class _RandomSquares(ABC):
    """Random search over lanes: one query of every lane a step, no host work that grows with the lanes.

    What a lane draws at a step is hashed from its job's key and the step's number.
    """

    norm: Norm

    def __init__(self, problem: Problem, settings: Schedule) -> None:
        self.problem = problem
        self.settings = settings
        self.length = settings.queries
        self.patient = settings.until == "end"
        self.sight = Sight(problem, hurried=not self.patient, nearness=settings.nearness)
        self.channels, self.height, self.width = problem.images.shape[1:]
        device = problem.images.device
        self.rows = torch.arange(self.height, device=device)
        self.columns = torch.arange(self.width, device=device)
        # The first query asks about the start itself: a square of side 0.
        sides = [0, *(self.side(settings.share(place)) for place in range(self.length - 1))]
        self.sides = torch.tensor(sides, device=device)

    @abstractmethod
    def side(self, share: float) -> int:
        """Side of a square with that share of the pixels."""

    @abstractmethod
    def origin(self, draw: np.random.Generator) -> Tensor:
        """Where a job starts: a change of the image ``(C, H, W)``, to be projected."""

    @abstractmethod
    def proposal(self, state: State, side: Tensor) -> Tensor:
        """Points ``(L, C, H, W)`` to ask about, with squares of these sides ``(L,)``."""

    def start(self, jobs: Sequence[Job]) -> State:
        """Rows at the start of every job."""
        device = self.problem.images.device
        samples = torch.tensor([job.sample for job in jobs], device=device)
        radius = torch.tensor([job.radius for job in jobs], dtype=torch.float64, device=device)
        ball = Ball.around(self.problem.images[samples], radius, self.norm)
        draws = [stream(self.problem.seed, "square", self.problem.ids[job.sample], job.restart) for job in jobs]
        keys = torch.tensor([int(draw.integers(2**63)) for draw in draws], device=device)
        origin = torch.stack([self.origin(draw) for draw in draws]).to(device)
        rows = {"best": ball.project(ball.centre + origin), "key": keys, "class": self.problem.goal.classes[samples]}
        return ball.rows() | common_rows(samples) | rows

    def step(self, state: State, *, final: bool) -> None:  # noqa: ARG002 - no gradient is needed at any step
        """Ask about one proposal of every lane and keep it where it is better."""
        goal = Goal(state["class"], self.problem.goal.targeted)
        points = self.proposal(state, self.sides[state["age"].clamp(max=self.length - 1)])
        logits = self.sight.sure(state, points, self.sight.logits(state, points))
        charge(state, forwards=1)
        keep_strongest(state, points, *goal.standing(logits))
        state["silent"] = torch.zeros_like(state["silent"])  # a search that returns to its best loses no success
        over = state["age"] >= self.length - 1
        state["done"] = state["done"] | over | (state["won"] if self.settings.until == "success" else over)
        state["age"] = state["age"] + ~state["done"]

    def _window(self, draws: Tensor, side: Tensor) -> tuple[Tensor, Tensor]:
        """First row and column ``(L,)`` of squares of these sides, from two draws ``(L, 2)``."""
        room = torch.stack([self.height - side, self.width - side], 1) + 1
        top, left = ((draws * room) >> _DRAWN_BITS).unbind(1)
        return top, left


def _within(places: Tensor, first: Tensor, side: Tensor) -> Tensor:
    """``(L, P)`` float32: 1 for the places ``(P,)`` that lie in ``[first, first + side)`` of a lane, else 0."""
    offset = places - first[:, None]
    return ((offset >= 0) & (offset < side[:, None])).float()


class LinfSquares(_RandomSquares):
    """Squares of one sign per channel, at the bounds of the ball (algorithm 2 of the paper)."""

    norm = Norm.LINF

    def side(self, share: float) -> int:
        """As the authors round it, but never larger than the image."""
        side = round(math.sqrt(share * self.height * self.width))
        return min(max(side, 1), self.height, self.width)

    def origin(self, draw: np.random.Generator) -> Tensor:
        """Vertical stripes of random sign, out of reach of any epsilon."""
        signs = 2.0 * torch.from_numpy(draw.integers(2, size=(self.channels, 1, self.width))).float() - 1
        return _BEYOND * signs.expand(-1, self.height, -1)

    def proposal(self, state: State, side: Tensor) -> Tensor:
        """The best point with one square moved to the bounds."""
        draws = hashed(state["key"], state["age"], 2 + self.channels)
        top, left = self._window(draws[:, :2], side)
        push = (_signs(draws[:, 2:]) * _BEYOND)[:, :, None, None] * _within(self.rows, top, side)[:, None, :, None]
        moved = torch.addcmul(state["best"], push, _within(self.columns, left, side)[:, None, None, :])
        return moved.clamp_(state["low"], state["high"])


class L2Squares(_RandomSquares):
    """Bumps into which the norm of a second window is moved (algorithm 3 of the paper)."""

    norm = Norm.L2

    def __init__(self, problem: Problem, settings: Schedule) -> None:
        super().__init__(problem, settings)
        sizes = sorted(set(self.sides.tolist()))
        flat: list[Tensor] = []
        offsets: dict[int, int] = {}
        for size in sizes:
            bump = torch.zeros(size + 2, size + 2)
            bump[1:-1, 1:-1] = bumps(size)
            offsets[size] = sum(part.numel() for part in flat)
            flat += [bump.flatten(), bump.T.flatten()]
        self.bumps = torch.cat(flat).to(self.sides.device)
        self.offsets = torch.tensor([offsets.get(side, 0) for side in range(max(sizes) + 1)], device=self.sides.device)

    def side(self, share: float) -> int:
        """Odd and at least 3 as the authors have it, where the image is large enough."""
        side = max(round(math.sqrt(share * self.height * self.width)), 3) | 1
        largest = min(self.height, self.width)
        return min(side, largest - 1 + largest % 2)

    def origin(self, draw: np.random.Generator) -> Tensor:
        """Tiles of bumps, five along the shorter side, of random sign and orientation; long enough to be cut."""
        side = max(min(self.height, self.width) // 5, 1)
        down, across = self.height // side, self.width // side
        bump = bumps(side)
        turned = torch.from_numpy(draw.integers(2, size=(1, down, 1, across, 1))).bool()
        signs = 2.0 * torch.from_numpy(draw.integers(2, size=(self.channels, down, 1, across, 1))).float() - 1
        tiles = signs * torch.where(turned, bump.T[:, None, :], bump[:, None, :])
        tiles = tiles.reshape(self.channels, down * side, across * side)
        delta = torch.zeros(self.channels, self.height, self.width)
        top, left = (self.height - down * side) // 2, (self.width - across * side) // 2
        delta[:, top : top + down * side, left : left + across * side] = tiles
        return delta * math.sqrt(delta.numel())

    def proposal(self, state: State, side: Tensor) -> Tensor:
        """The best point with a bump added to one window, paid for by the norm of a second one and what is unused."""
        draws = hashed(state["key"], state["age"], 5 + self.channels)
        first, second = self._window(draws[:, :2], side), self._window(draws[:, 2:4], side)
        window, other = self._mask(*first, side), self._mask(*second, side)
        both = window + other - window * other
        delta = state["best"] - state["centre"]
        whole, inside, paid = ((delta.square() * part).sum((2, 3)) for part in (torch.ones_like(both), window, both))
        unused = (state["radius"].float().square()[:, None] - whole.sum(1, keepdim=True)).clamp_min(0)
        bump, sign = self._placed(first, side, draws[:, 4] & 1), _signs(draws[:, 5:])
        scale, overlap = inside.clamp_min(1e-24).rsqrt(), (delta * bump).sum((2, 3))
        length = (1 + inside * scale.square() + 2 * sign * scale * overlap).clamp_min(1e-4).sqrt()
        new = (unused / self.channels + paid).sqrt() / length
        moved = delta * torch.addcmul(1 - both, _wide(new * scale), window)
        # The length is epsilon now but for rounding: go twice as far, for the projection to cut.
        return Ball.from_rows(state, Norm.L2).project(
            torch.addcmul(moved, _wide(new * sign), bump).mul_(2).add_(state["centre"])
        )

    def _mask(self, top: Tensor, left: Tensor, side: Tensor) -> Tensor:
        """``(L, 1, H, W)``: 1 inside the window, else 0."""
        rows, columns = _within(self.rows, top, side), _within(self.columns, left, side)
        return rows[:, None, :, None] * columns[:, None, None, :]

    def _placed(self, corner: tuple[Tensor, Tensor], side: Tensor, turned: Tensor) -> Tensor:
        """``(L, 1, H, W)``: a lane's bump in its window, 0 elsewhere: read from bumps with a border of zeros."""
        down, across = (
            torch.minimum((places - first[:, None] + 1).clamp_min(0), side[:, None] + 1)
            for places, first in zip((self.rows, self.columns), corner, strict=True)
        )
        offset = self.offsets[side] + turned * (side + 2).square()
        index = (offset[:, None] + down * (side + 2)[:, None])[:, :, None] + across[:, None, :]
        return self.bumps.index_select(0, index.flatten()).view_as(index)[:, None]


def bumps(side: int) -> Tensor:
    """``(side, side)`` of norm 1: two hills one above the other, of opposite sign (section 3.4 of the paper)."""
    bump = torch.cat([_hill(side // 2, side), -_hill(side - side // 2, side)])
    return _unit(bump)


def _hill(height: int, width: int) -> Tensor:
    """Rectangles around the middle of area 1, 9, 25 ... of weight 1, 1/4, 1/9 ..., added up; norm 1."""
    steps = max(height, width) // 2 + 1
    weights = (1 / torch.arange(1.0, steps + 1).square()).flip(0).cumsum(0).flip(0)
    away = torch.maximum(
        (torch.arange(height) - height // 2).abs()[:, None], (torch.arange(width) - width // 2).abs()[None]
    )
    hill = weights[away]
    return _unit(hill)


def _unit(values: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(values)
    return values / length.clamp_min(1e-12)


#: Farther than the pixel range is wide.
_BEYOND = 2.0
_DRAWN_BITS = 31


def hashed(key: Tensor, step: Tensor, count: int) -> Tensor:
    """Numbers drawn uniformly from ``[0, 2**31)``: SplitMix64 (Steele, Lea, Flood 2014), addressed by its counter.

    Args:
        key: ``(L,)`` int64, one per stream.
        step: ``(L,)`` int64 from 0, which numbers of the stream.
        count: how many at each step.

    Returns:
        ``(L, count)`` int64, the same on every device.
    """
    place = step[:, None] * count + torch.arange(1, count + 1, device=key.device)
    bits = key[:, None] + place * -0x61C8864680B583EB
    bits = (bits ^ _shifted(bits, 30)) * -0x40A7B892E31B1A47
    bits = (bits ^ _shifted(bits, 27)) * -0x6B2FB644ECCEEE15
    return _shifted(bits ^ _shifted(bits, 31), 64 - _DRAWN_BITS)


def _shifted(bits: Tensor, by: int) -> Tensor:
    """Shift to the right as if the numbers had no sign."""
    return (bits >> by) & ((1 << (64 - by)) - 1)


def _signs(draws: Tensor) -> Tensor:
    return (draws & 1).float() * 2 - 1


def _wide(values: Tensor) -> Tensor:
    """``(L, C)`` shaped to broadcast over ``(L, C, H, W)``."""
    return values[:, :, None, None]
