"""APGD: projected gradient descent that finds its step size by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from advwindow.attacks.boards import Until, check_until, fixed_budget, second_looks
from advwindow.attacks.budget import Norm
from advwindow.attacks.door import Cost
from advwindow.attacks.goal import LOSSES
from advwindow.attacks.halving import Halving, SparseHalving
from advwindow.attacks.lanes import Job
from advwindow.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from advwindow.attacks.budget import Budget
    from advwindow.attacks.door import Candidates, Problem

TARGETED_DLR = "dlr-targeted"
APGD_LOSSES = (*LOSSES, TARGETED_DLR)


@dataclass(frozen=True)
class APGD:
    """Projected gradient descent with momentum whose steps halve where the loss stalls, sample by sample.

    Croce, Hein 2020, arXiv 2003.01690, algorithm 1; in L1 with sparse steps and three shrinking radii: Croce, Hein
    2021, arXiv 2103.01208, section 3. The start is a random point on the boundary of the ball and the first step is
    2 epsilon long; in L1 it is projected from the ball of 3 epsilon, and the step is 3 epsilon. Any iterate that
    reaches the goal is a success; the strongest one is returned.

    The loss ``"ce"`` is ``L = own logit - logsumexp(other logits)``, descended. Cross-entropy is ``softplus(-L)``, and
    everything APGD takes from a loss is the same for both: which of two iterates is better, and the direction of the
    gradient. But cross-entropy rounds to 0 or 1 where the network is certain, and then steps halve for no reason.

    Attributes:
        steps: gradients per start (in L1 two more: one for each change of the radius).
        restarts: number of starts, for each target.
        loss: ``"ce"`` (cross-entropy), ``"margin"`` (difference of logits), ``"dlr"`` (relative difference; needs 3
            classes, 4 where a class is to be reached), or ``"dlr-targeted"`` (toward one class after the other; needs
            4 classes).
        targets: ``"dlr-targeted"`` heads for this many classes, those ranked next to the true one by the clean logits,
            at most all others; in a targeted attack for the one class to be reached.
        rho: share of the steps between two checkpoints that must lower the loss, else the step halves.
        until: ``"end"``: spend all steps, restarts and targets, return the strongest example at the budget;
            ``"success"``: stop each sample at its first success. What is found counts at every larger epsilon too.
    """

    steps: int = 100
    restarts: int = 1
    loss: str = "ce"
    targets: int = 9
    rho: float = 0.75
    until: Until = "end"

    def __post_init__(self) -> None:
        for name, least in (("steps", "step"), ("restarts", "start"), ("targets", "target")):
            if getattr(self, name) < 1:
                raise UserError(f"apgd needs at least one {least}", got=str(getattr(self, name)))
        if self.loss not in APGD_LOSSES:
            raise UserError("unknown loss", got=self.loss, fix=did_you_mean(self.loss, APGD_LOSSES))
        if not 0 <= self.rho <= 1:
            raise UserError("rho is a share of steps", got=str(self.rho), expected="a number from 0 to 1")
        check_until(self.until)

    def cost(self, norm: Norm = Norm.LINF) -> Cost:
        """Most passes that one sample can cost at one budget."""
        ranked = self.loss == TARGETED_DLR
        starts = self.restarts * (self.targets if ranked else 1)
        steps = self.steps + (2 if norm is Norm.L1 else 0)
        return Cost(starts * (steps + 1 + second_looks(self.until)) + ranked, starts * steps)

    def __call__(self, problem: Problem, budgets: Sequence[Budget]) -> list[Candidates]:
        """The strongest example found for every sample at every budget.

        Raises:
            UserError: a norm or a number of classes that this attack cannot work with, or a budget without epsilon.
        """
        norm = budgets[0].norm
        if norm is Norm.L0:
            raise UserError("apgd has no such norm", got=str(norm), expected="linf, l2 or l1")
        targets = self._targets(problem)

        def jobs(sample: int, radius: float) -> Iterator[Job]:
            for target in targets[sample]:
                for restart in range(self.restarts):
                    yield Job(sample, radius, restart, target=target)

        search = (SparseHalving if norm is Norm.L1 else Halving)(problem, self, norm)
        found = fixed_budget(problem, budgets, search, jobs, until=self.until)
        if self._ranks(problem):  # every sample paid a clean forward pass for its ranking
            smallest = min(range(len(budgets)), key=lambda place: budgets[place].value)
            found[smallest] = found[smallest]._replace(forwards=found[smallest].forwards + 1)
        return found

    def _ranks(self, problem: Problem) -> bool:
        return self.loss == TARGETED_DLR and not problem.goal.targeted

    def _targets(self, problem: Problem) -> list[list[int]]:
        """The classes each sample's jobs head for; -1 where the loss is the goal's own."""
        if self.loss in ("dlr", TARGETED_DLR):
            self._check_classes(count_classes(problem), targeted=problem.goal.targeted)
        if self._ranks(problem):
            return ranked_classes(problem, self.targets)
        if self.loss == TARGETED_DLR:
            return [[target] for target in problem.goal.classes.tolist()]
        return [[-1]] * len(problem.labels)

    def _check_classes(self, classes: int, *, targeted: bool) -> None:
        least = 3 if self.loss == "dlr" and not targeted else 4
        if classes < least:
            raise UserError(
                f"the loss {self.loss} compares more logits than the network has",
                got=f"{classes} classes",
                expected=f"at least {least}",
                fix="use the loss ce or margin",
            )


def count_classes(problem: Problem) -> int:
    """Number of logits of the network that is attacked."""
    return problem.oracle.logits(problem.images[:1]).shape[1]


def ranked_classes(problem: Problem, count: int) -> list[list[int]]:
    """For each sample the classes other than its own, largest clean logit first: `count` of them, at most all."""
    parts = [problem.oracle.logits(images) for images in torch.split(problem.images, problem.lanes)]
    others = torch.cat(parts).scatter(1, problem.labels[:, None], -torch.inf)
    ranking: Tensor = others.argsort(dim=1, descending=True, stable=True)[:, : min(count, others.shape[1] - 1)]
    return [list(map(int, row)) for row in ranking.tolist()]
