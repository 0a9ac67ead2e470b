"""Descent whose steps halve where the loss stalls: the searches of APGD."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from advwindow.attacks.ball import Ball
from advwindow.attacks.budget import Norm, per_sample, size, steepest
from advwindow.attacks.goal import Goal, targeted_dlr
from advwindow.attacks.lanes import common_rows
from advwindow.attacks.projections import largest_where
from advwindow.attacks.record import charge, keep_strongest
from advwindow.attacks.sight import Sight
from advwindow.streams import stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from advwindow.attacks.boards import Until
    from advwindow.attacks.door import Problem
    from advwindow.attacks.lanes import Job, State


def checkpoints(steps: int) -> tuple[int, ...]:
    """Numbers of steps after which the step size is looked at.

    The first interval is 22 % of all steps, each following one 3 % shorter, down to 6 % (Croce, Hein 2020, section
    3.1), cut to whole steps as in the authors' code.

    Example:
        >>> checkpoints(100)
        (22, 41, 57, 70, 80, 87, 93, 99)
    """
    interval, least, less = (max(int(share * steps), 1) for share in (0.22, 0.06, 0.03))
    places: list[int] = []
    place = interval
    while place <= steps:
        places.append(place)
        interval = max(interval - less, least)
        place += interval
    return tuple(places)


class Descent(Protocol):
    """The settings of `advwindow.attacks.apgd.APGD` that its search needs."""

    @property
    def steps(self) -> int: ...  # noqa: D102 - said above

    @property
    def loss(self) -> str: ...  # noqa: D102 - said above

    @property
    def rho(self) -> float: ...  # noqa: D102 - said above

    @property
    def until(self) -> Until: ...  # noqa: D102 - said above


class Halving:
    """APGD in Linf and L2: momentum, steps that halve, and each time a return to the lowest loss so far.

    Success is read from the forward pass that the next gradient needs anyway, so lanes that start together cost
    ``steps + 1`` forward and ``steps`` backward passes, and at most one more where a success ends the search.
    """

    def __init__(self, problem: Problem, settings: Descent, norm: Norm) -> None:
        self.problem = problem
        self.settings = settings
        self.norm = norm
        self.length = settings.steps + 1
        self.patient = settings.until == "end"
        self.sight = Sight(problem, hurried=not self.patient)
        places = checkpoints(settings.steps)
        intervals = torch.zeros(self.length)
        intervals[list(places)] = torch.tensor([b - a for a, b in zip((0, *places), places, strict=False)]).float()
        self.intervals = intervals.to(problem.images.device)

    def start(self, jobs: Sequence[Job]) -> State:
        """Rows at a random point on the boundary of the ball, cut by the pixel box."""
        device = self.problem.images.device
        samples = torch.tensor([job.sample for job in jobs], device=device)
        radius = torch.tensor([job.radius for job in jobs], dtype=torch.float64, device=device)
        ball = Ball.around(self.problem.images[samples], radius, self.norm)
        offsets = [boundary_offset(self.problem, job, self.norm) for job in jobs]
        point = self._first(ball, torch.stack(offsets).to(device))
        rows = ball.rows() | common_rows(samples) | {"point": point, "best": point}
        infinite = rows["margin"]
        rows |= {"lowest": point, "lowest gradient": torch.zeros_like(point), "lowest loss": infinite}
        rows["class"] = self.problem.goal.classes[samples]
        rows["label"] = self.problem.labels[samples]
        rows["target"] = torch.tensor([job.target for job in jobs], device=device)
        rows["trace"] = torch.full((len(jobs), self.length), torch.nan, device=device)
        return rows | self._own_rows(rows)

    def step(self, state: State, *, final: bool) -> None:
        """Look at the current iterate of every lane; move on from those that are not at their end."""
        rows = state["class"], state["label"], state["target"]
        if final:
            charge(state, forwards=1)
            self._look(state, self.sight.logits(state, state["point"]))
            return
        charge(state, forwards=1, backwards=1)
        slope = self.sight.slope(state, state["point"], self._loss, *rows)
        loss = self._look(state, slope.logits)
        moving = ~state["done"]
        state["zero"] = state["zero"] + (slope.zero & moving)
        state["nonfinite"] = state["nonfinite"] + (slope.nonfinite & moving)
        self._note_lowest(state, loss, slope.gradient)
        gradient = self._adapted(state, loss, slope.gradient)
        state["point"] = self._moved(state, gradient)
        state["age"] = state["age"] + moving

    def _loss(self, logits: Tensor, classes: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
        if self.settings.loss == "dlr-targeted":
            return targeted_dlr(logits, labels, targets)
        return Goal(classes, self.problem.goal.targeted).loss(logits, self.settings.loss)

    def _look(self, state: State, logits: Tensor) -> Tensor:
        """Note what the iterates are worth; their losses ``(L,)``."""
        over, eligible = state["age"] >= self.length - 1, self._eligible(state)
        logits = self.sight.sure(state, state["point"], logits, matters=eligible, last=over)
        loss = self._loss(logits, state["class"], state["label"], state["target"])
        goal = Goal(state["class"], self.problem.goal.targeted)
        margin, won = goal.standing(logits)
        keep_strongest(state, state["point"], margin, won, eligible=eligible)
        place = state["age"][:, None]
        values = torch.where(state["done"][:, None], state["trace"].gather(1, place), loss[:, None])
        state["trace"] = state["trace"].scatter(1, place, values)
        state["done"] = state["done"] | over | (state["won"] if self.settings.until == "success" else over)
        return loss

    def _note_lowest(self, state: State, loss: Tensor, gradient: Tensor) -> None:
        lower = loss < state["lowest loss"]
        pick = per_sample(lower, gradient)
        state["lowest"] = torch.where(pick, state["point"], state["lowest"])
        state["lowest gradient"] = torch.where(pick, gradient, state["lowest gradient"])
        state["lowest loss"] = torch.where(lower, loss, state["lowest loss"])

    def _first(self, ball: Ball, offset: Tensor) -> Tensor:
        return ball.project(ball.centre + offset)

    def _own_rows(self, rows: State) -> State:
        return {
            "previous": rows["point"],
            "length": 2 * rows["radius"],
            "last loss": -rows["margin"],
            "loss at check": rows["margin"],
            "falls": torch.zeros_like(rows["margin"]),
            "halved": torch.ones_like(rows["won"]),
        }

    def _eligible(self, state: State) -> Tensor:
        return torch.ones_like(state["done"])

    def _adapted(self, state: State, loss: Tensor, gradient: Tensor) -> Tensor:
        """The gradient to follow; where the loss fell too seldom, that of the lowest loss, and with half steps.

        Too seldom: in at most a share `rho` of the steps since the last checkpoint, or the step was left as it was
        there and the lowest loss has not changed since.
        """
        falls = state["falls"] + (loss < state["last loss"])
        interval = self.intervals[state["age"]]
        check, first = interval > 0, state["age"] == 0
        stuck = ~state["halved"] & (state["loss at check"] <= state["lowest loss"])
        halve = check & ((falls <= self.settings.rho * interval) | stuck)
        state["last loss"] = loss
        state["falls"] = torch.where(check, 0, falls)
        state["halved"] = torch.where(check, halve, state["halved"])
        state["loss at check"] = torch.where(check | first, state["lowest loss"], state["loss at check"])
        state["length"] = torch.where(halve, state["length"] / 2, state["length"])
        return _back_to_lowest(state, halve, gradient)

    def _moved(self, state: State, gradient: Tensor) -> Tensor:
        ball = Ball.from_rows(state, self.norm)
        point, previous = state["point"], state["previous"]
        state["previous"] = point
        reached = ball.project(point - per_sample(state["length"].float(), point) * steepest(gradient, self.norm))
        inertia = 0.25 * per_sample(state["age"] > 0, point)
        return ball.project(point + (1 - inertia) * (reached - point) + inertia * (point - previous))


class SparseHalving(Halving):
    """APGD in L1: steps along the signs of the steepest values, as many as the perturbation at the lowest loss needs.

    Croce, Hein 2021, arXiv 2103.01208, algorithm 1 and section 3.2. Three phases of 30, 30 and 40 % of the steps in
    balls of 3, 2 and 1 epsilon, each from the lowest loss of the phase before, projected; only iterates of the last one
    count. There is no momentum. Every 4 % of a phase's steps: where the perturbation at the lowest loss has become
    sparser by 5 %, return to it with full steps, else steps 1.5 times shorter, down to a tenth.
    """

    def __init__(self, problem: Problem, settings: Descent, norm: Norm) -> None:
        super().__init__(problem, settings, norm)
        phases = phase_steps(settings.steps)
        self.length = settings.steps + len(phases)
        ages = [(phase, age) for phase, steps in enumerate(phases) for age in range(steps + 1)]
        every = [max(int(0.04 * steps), 1) for steps in phases]
        rows = [
            (3 - phase, age == 0, age > 0 and age % every[phase] == 0, age == phases[phase] and phase < 2, phase == 2)
            for phase, age in [*ages, ages[-1]]
        ]
        table: Tensor = torch.tensor(rows, device=problem.images.device).T
        self.scale = table[0]
        self.begins, self.check, self.ends, self.counts = table[1:].bool().unbind()

    def _first(self, ball: Ball, offset: Tensor) -> Tensor:
        return Ball.around(ball.centre, 3 * ball.radius, self.norm).project(ball.centre + offset)

    def _own_rows(self, rows: State) -> State:
        return {"length": rows["radius"], "support": rows["radius"]}

    def _eligible(self, state: State) -> Tensor:
        return self.counts[state["age"]]

    def _adapted(self, state: State, loss: Tensor, gradient: Tensor) -> Tensor:
        """The gradient to follow: at a checkpoint where the perturbation got sparser, that of the lowest loss."""
        del loss
        begins, check = self.begins[state["age"]], self.check[state["age"]]
        full = state["radius"] * self.scale[state["age"]]
        support = size((state["lowest"] - state["centre"]).double(), Norm.L0)
        sparser = check & (support < 0.95 * state["support"])
        shorter = torch.maximum(state["length"] / 1.5, full / 10)
        length = torch.where(check, shorter, state["length"])
        state["length"] = torch.where(begins | sparser, full, length)
        state["support"] = torch.where(begins | check, support, state["support"])
        return _back_to_lowest(state, sparser, gradient)

    def _moved(self, state: State, gradient: Tensor) -> Tensor:
        point = state["point"]
        signs = _steepest_signs(gradient, state["support"] / 1.5)
        step = state["length"] / size(signs, Norm.L1).double().clamp_min(1)
        ends = self.ends[state["age"]]
        reached = torch.where(per_sample(ends, point), state["lowest"], point - per_sample(step.float(), point) * signs)
        state["lowest loss"] = torch.where(ends, torch.inf, state["lowest loss"])
        radius = state["radius"] * self.scale[state["age"] + 1]
        return Ball.around(state["centre"], radius, self.norm).project(reached)


def phase_steps(steps: int) -> tuple[int, int, int]:
    """The three phases of the search in L1: 30, 30 and 40 % of all steps, at least one of them in the last.

    Example:
        >>> phase_steps(100)
        (30, 30, 40)
    """
    early = min(-(-3 * steps // 10), (steps - 1) // 2)
    return early, early, steps - 2 * early


def boundary_offset(problem: Problem, job: Job, norm: Norm) -> Tensor:
    """``(C, H, W)``: where a job starts, the same for a sample, restart and target whoever runs beside it.

    A random direction scaled to the boundary of the ball, as in the authors' code: uniform values in Linf, Gaussian in
    L2; in L1 Gaussian values without scaling, for the projection makes them sparse.
    """
    shape = problem.images.shape[1:]
    draw = stream(problem.seed, "apgd start", problem.ids[job.sample], job.restart, job.target)
    direction = draw.uniform(-1, 1, shape) if norm is Norm.LINF else draw.standard_normal(shape)
    if norm is not Norm.L1:
        direction *= job.radius / np.linalg.norm(direction.ravel(), np.inf if norm is Norm.LINF else 2)
    return torch.from_numpy(direction.astype(np.float32))


def _back_to_lowest(state: State, which: Tensor, gradient: Tensor) -> Tensor:
    """Put these lanes back to their lowest loss; the gradients to follow from where the lanes are then."""
    pick = per_sample(which, gradient)
    state["point"] = torch.where(pick, state["lowest"], state["point"])
    return torch.where(pick, state["lowest gradient"], gradient)


def _steepest_signs(gradient: Tensor, count: Tensor) -> Tensor:
    """Signs of the `count` ``(L,)`` largest entries of each gradient, at least one, and of all that equal the last.

    A count that is not whole is rounded up.
    """
    strength = gradient.abs().flatten(1)
    wanted = count.clamp(1, strength.shape[1])

    def enough(least: Tensor) -> Tensor:
        return (strength >= least[:, None]).sum(1) >= wanted

    least = largest_where(enough, count)
    return gradient.sign() * (gradient.abs() >= per_sample(least, gradient))
