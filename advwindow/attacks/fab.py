"""FAB: the fast adaptive boundary attack, which walks along the decision boundary toward its nearest point."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from advwindow.attacks.apgd import ranked_classes
from advwindow.attacks.boards import Until, check_until, cut_to_budget, second_looks, smallest
from advwindow.attacks.budget import MINIMAL, Budget, Norm, per_sample, size
from advwindow.attacks.door import Cost
from advwindow.attacks.goal import SAFETY, Goal
from advwindow.attacks.lanes import Job, JobResult, State, common_rows
from advwindow.attacks.projections import to_hyperplane
from advwindow.attacks.record import charge, keep_nearest
from advwindow.attacks.sight import Sight
from advwindow.errors import UserError
from advwindow.streams import stream

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from torch import Tensor

    from advwindow.attacks.door import Candidates, Problem

#: Where a restart may start at most, twice as far, when no epsilon is given: the authors' numbers.
_REACH = {Norm.LINF: 0.3, Norm.L2: 1.0, Norm.L1: 5.0}
#: Forward passes of the final search, and how far beyond the expected boundary each of them looks, as a share of the
#: rest of the way.
_SEARCH_STEPS, _BEYOND = 3, 0.05
#: How much longer than the largest epsilon a success may be for the final search to be of use.
_SHORTENED = 1.1


@dataclass(frozen=True)
class FAB:
    """Smallest perturbation by projections onto the linearised decision boundary, toward one class after the other.

    Croce, Hein 2020, arXiv 1907.02044, algorithm 1, in the targeted form of AutoAttack (Croce, Hein 2020, arXiv
    2003.01690): each job considers the boundary between the true class and one other; any wrong class is a success.
    Toward a target of the user's it is the boundary between that class and the strongest of the others, for behind the
    true class a third one may wait. As in the authors' first code, and unlike AutoAttack's copy of it, a final search
    on the way back to the image shortens the nearest success. One run serves all epsilons; a result beyond epsilon does
    not count.

    Attributes:
        steps: gradients per start and target.
        restarts: starts per target: the first at the image, others at random, half as far away as the nearest success
            or epsilon, whichever is nearer.
        targets: classes to head for, those ranked next to the true one by the clean logits; at most all others.
        alpha_max: largest weight of the image's own projection, which draws the iterates back to the image.
        eta: how far a step goes, 1 leads onto the linearised boundary.
        beta: after a success, the share of the perturbation to go on with.
        until: ``"end"``: spend all steps, restarts and targets; ``"success"``: stop each sample as soon as it has a
            success within the smallest epsilon.
    """

    steps: int = 100
    restarts: int = 1
    targets: int = 9
    alpha_max: float = 0.1
    eta: float = 1.05
    beta: float = 0.9
    until: Until = "end"

    def __post_init__(self) -> None:
        for name in ("steps", "restarts", "targets"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} of fab must be at least 1", got=str(getattr(self, name)))
        if not 0 <= self.alpha_max <= 1:
            raise UserError("alpha_max of fab is a weight", got=str(self.alpha_max), expected="a number from 0 to 1")
        if not 1 <= self.eta <= 2:
            raise UserError("eta of fab must reach the boundary", got=str(self.eta), expected="a number from 1 to 2")
        if not 0 < self.beta < 1:
            raise UserError("beta of fab must lead back", got=str(self.beta), expected="a number between 0 and 1")
        check_until(self.until)

    def cost(self) -> Cost:
        """Most passes that one sample can cost, whatever the budgets."""
        jobs = self.restarts * self.targets
        again = second_looks(self.until) * jobs
        return Cost(2 * self.steps * jobs + again + 1 + _SEARCH_STEPS + 2, self.steps * jobs)

    def __call__(self, problem: Problem, budgets: Sequence[Budget]) -> list[Candidates]:
        """The smallest perturbation found; at a fixed epsilon, cut to its ball where larger.

        Raises:
            UserError: L0, or ``until="success"`` without an epsilon.
        """
        norm = budgets[0].norm
        if norm is Norm.L0:
            raise UserError("fab has no such norm", got=str(norm), expected="linf, l2 or l1")
        if self.until == "success" and any(budget.minimal for budget in budgets):
            raise UserError("until = 'success' needs an epsilon", got="none", fix="give eps, or leave out until")
        values = [budget.value for budget in budgets]
        reach = _REACH[norm] if math.inf in values else max(values)
        enough = min(values) if self.until == "success" else -math.inf
        search = _BoundaryWalk(problem, self, norm, enough=enough, reach=reach)
        chain = _Chains(problem, self, reach=reach, search=search)
        found = smallest(problem, [Budget(norm, MINIMAL)], search, chain)[0]
        found = _shortened(problem, found._replace(forwards=found.forwards + chain.extra))
        return [cut_to_budget(problem.images, found, budget) for budget in budgets]


class _Chains:
    """A sample's jobs: all targets from the image, then all of them from a random start, and so on."""

    def __init__(self, problem: Problem, settings: FAB, *, reach: float, search: _BoundaryWalk) -> None:
        self.restarts = settings.restarts
        self.reach = reach
        self.enough = search.enough
        self.extra = 0 if problem.goal.targeted else 1  # the ranking asks for the clean logits
        if problem.goal.targeted:
            self.targets = [[target] for target in problem.goal.classes.tolist()]
        else:
            self.targets = ranked_classes(problem, settings.targets)

    def __call__(self, sample: int) -> Generator[Job, JobResult, None]:
        nearest = math.inf
        for restart in range(self.restarts):
            for target in self.targets[sample]:
                result = yield Job(sample, min(nearest, self.reach), restart, target=target)
                nearest = min(nearest, result.distance)
                if nearest <= self.enough:
                    return


class _BoundaryWalk:
    """Steps onto the linearised boundary, drawn to the image; back toward the image after each success.

    A step costs two forward passes and one backward pass. The second forward pass, which looks whether the new point is
    a success, could serve the next gradient too if the point were not: but nearly all of them are.
    """

    def __init__(self, problem: Problem, settings: FAB, norm: Norm, *, enough: float, reach: float) -> None:
        self.problem = problem
        self.settings = settings
        self.norm = norm
        self.enough = enough
        self.length = settings.steps
        self.patient = settings.until == "end"
        self.reach = reach
        self.sight = Sight(problem, hurried=not self.patient)

    def start(self, jobs: Sequence[Job]) -> State:
        """Rows at the clean image, or at a random point."""
        device = self.problem.images.device
        samples = torch.tensor([job.sample for job in jobs], device=device)
        images = self.problem.images[samples]
        offsets = torch.stack([_start_offset(self.problem, job, self.norm) for job in jobs]).to(device)
        return common_rows(samples) | {
            "image": images,
            "point": (images + offsets).clamp(0, 1),
            "best": images,
            "class": self.problem.goal.classes[samples],
            "label": self.problem.labels[samples],
            "target": torch.tensor([job.target for job in jobs], device=device),
        }

    def step(self, state: State, *, final: bool) -> None:
        """Step onto the linearised boundary of every lane and look what is there."""
        del final  # every step needs its gradient
        charge(state, forwards=2, backwards=1)
        rows = state["class"], state["label"], state["target"]
        slope = self.sight.slope(state, state["point"], self._gap, *rows)
        point = self._onto_boundary(state, slope.gradient, self._gap(slope.logits, *rows))
        working = ~state["done"]
        state["zero"] = state["zero"] + (slope.zero & working)
        state["nonfinite"] = state["nonfinite"] + (slope.nonfinite & working)
        state["age"] = state["age"] + working
        won = self._look(state, point)
        back = state["image"] + self.settings.beta * (point - state["image"])
        state["point"] = torch.where(per_sample(won, point), back, point)
        state["done"] = (
            state["done"] | (state["age"] >= self.settings.steps) | (state["won"] & (state["distance"] <= self.enough))
        )

    def _look(self, state: State, point: Tensor) -> Tensor:
        distance = size(point.double() - state["image"].double(), self.norm)
        within = distance <= _SHORTENED * self.reach
        logits = self.sight.sure(state, point, self.sight.logits(state, point), matters=within)
        goal = Goal(state["class"], self.problem.goal.targeted)
        margin, won = goal.standing(logits)
        keep_nearest(state, point, distance, margin, won)
        return won

    def _gap(self, logits: Tensor, classes: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
        """What is 0 at the boundary and negative behind it, with the margin that a safe success needs."""
        if self.problem.goal.targeted:
            return Goal(classes, targeted=True).shortfall(logits)
        own = logits.gather(1, labels[:, None]).squeeze(1)
        other = logits.gather(1, targets[:, None]).squeeze(1)
        return own - other + SAFETY * torch.maximum(own.abs(), other.abs()).detach()

    def _onto_boundary(self, state: State, gradient: Tensor, gap: Tensor) -> Tensor:
        """Between the projections of the point and of the image, both overshot; mostly the point's own."""
        image, point = state["image"], state["point"]
        gap_at_image = gap + (gradient * (image - point)).flatten(1).sum(1)
        starts, normals = torch.cat([point, image]), torch.cat([gradient, gradient])
        shifts = to_hyperplane(starts, normals, torch.cat([gap, gap_at_image]), self.norm)
        near, far = (starts + self.settings.eta * shifts).chunk(2)
        lengths = size(shifts, self.norm).clamp_min(1e-8)
        weight = lengths[: len(gap)] / (lengths[: len(gap)] + lengths[len(gap) :])
        weight = per_sample(weight.clamp(max=self.settings.alpha_max), point)
        return ((1 - weight) * near + weight * far).clamp(0, 1)


def _start_offset(problem: Problem, job: Job, norm: Norm) -> Tensor:
    """``(C, H, W)``: zero at first, then a random direction of half the job's radius."""
    shape = problem.images.shape[1:]
    if job.restart == 0:
        return torch.zeros(shape)
    draw = stream(problem.seed, "fab start", problem.ids[job.sample], job.restart, job.target)
    direction = draw.uniform(-1, 1, shape) if norm is Norm.LINF else draw.standard_normal(shape)
    order = {Norm.LINF: np.inf, Norm.L2: 2, Norm.L1: 1}[norm]
    return torch.from_numpy(
        (direction * (job.radius / 2 / np.linalg.norm(direction.ravel(), order))).astype(np.float32)
    )


def _shortened(problem: Problem, found: Candidates) -> Candidates:
    """The final search: successes moved back toward their images as far as they stay so."""
    spans = [slice(start, start + problem.lanes) for start in range(0, len(problem.images), problem.lanes)]
    parts = [_search_back(problem, span, found.images[span], found.claimed[span]) for span in spans]
    images, claimed = (torch.cat(column) for column in zip(*parts, strict=True))
    return found._replace(images=images, claimed=claimed, forwards=found.forwards + _SEARCH_STEPS + 2)


def _search_back(problem: Problem, span: slice, found: Tensor, claimed: Tensor) -> tuple[Tensor, Tensor]:
    """Secant steps between an image and its adversarial example, both ends drawing nearer to the boundary.

    Images, and which claims hold: one beyond reach may rest on reduced precision.
    """
    goal = Goal(problem.goal.classes[span], problem.goal.targeted)
    safe, success = problem.images[span], found
    short = goal.shortfall(problem.oracle.logits(safe))
    beyond = goal.shortfall(problem.oracle.logits(success))
    for _ in range(_SEARCH_STEPS):
        share = (short / (short - beyond)).nan_to_num(1.0).clamp(0, 1)
        share = per_sample(share + _BEYOND * (1 - share), found)
        point = (safe + share * (success - safe)).clamp(0, 1)
        value = goal.shortfall(problem.oracle.logits(point))
        won = value < 0
        safe, short = torch.where(per_sample(won, found), safe, point), torch.where(won, short, value)
        success, beyond = torch.where(per_sample(won, found), point, success), torch.where(won, value, beyond)
    if problem.oracle.rough is not None:
        claimed = claimed & (beyond < 0).to(claimed.device)
    return torch.where(per_sample(claimed.to(found.device), found), success, found), claimed
