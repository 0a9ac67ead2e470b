"""A witness between attack and network: what was the network asked about, and was a success passed by?

Attacks of other libraries return one image and tell nothing. The witness assigns every image the network is asked about
to the original nearest to it, as AttackBench does (Cina et al. 2024, arXiv 2404.19460), and notes whether it was
adversarial within epsilon.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from advwindow.attacks.budget import size
from advwindow.attacks.oracle import Oracle
from advwindow.models import Classifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from advwindow.attacks.budget import Budget
    from advwindow.attacks.door import Attack, Candidates, Problem

#: An image is assigned only where the second nearest original is this much farther away than the nearest.
CLEARLY = 1.5


class EnoughError(Exception):
    """The attack asked more often than the witness has time for."""


class Log:
    """What the network was asked about the samples of one problem.

    Args:
        problem: its originals and goal.
        budget: what may be spent.
        most: forward passes per sample after which the witness gives up; None never.
        kappa: confidence that the attack seeks.
    """

    def __init__(self, problem: Problem, budget: Budget, *, most: int | None = None, kappa: float = 0.0) -> None:
        self.problem = problem
        self.budget = budget
        self.most = most
        self.kappa = kappa
        self.rows = 0
        self.ambiguous = 0
        self.gave_up = False
        self.seen = torch.zeros(len(problem.images), dtype=torch.bool, device=problem.images.device)

    def __deepcopy__(self, memo: dict[int, object]) -> Log:
        """A copied network goes on writing into the one log."""
        return self

    def note(self, images: Tensor, logits: Tensor) -> None:
        """Images ``(n, C, H, W)`` that the network was asked about, and its answers ``(n, K)``."""
        self.rows += len(images)
        if self.most is not None and self.rows > self.most * len(self.problem.images):
            self.gave_up = True
            raise EnoughError
        images, logits = images.detach(), logits.detach()
        sample, clear = self._assigned(images)
        self.ambiguous += int((~clear).sum())
        delta = images.double() - self.problem.images[sample].double()
        within = size(delta, self.budget.norm) <= self.budget.value
        valid = (images.isfinite() & (images >= 0) & (images <= 1)).flatten(1).all(1)
        reached = self.problem.goal.take(sample).safely_reached(logits, self.kappa)
        self.seen[sample[clear & within & valid & reached]] = True

    def _assigned(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The nearest original of each image, and whether it clearly is."""
        away = torch.cdist(
            images.flatten(1), self.problem.images.flatten(1), compute_mode="donot_use_mm_for_euclid_dist"
        )
        if away.shape[1] == 1:
            return away.argmin(1), torch.ones(len(images), dtype=torch.bool, device=images.device)
        near = away.topk(2, dim=1, largest=False)
        return near.indices[:, 0], near.values[:, 1] > CLEARLY * near.values[:, 0]


class Witness(Classifier):
    """The same network, every question and answer noted; copies of it write into the same log."""

    def __init__(self, model: Classifier, log: Log) -> None:
        super().__init__(model, name=model.name)  # around all of it: normalisation and defence, too
        self.to(model.device)
        self.log = log

    def forward(self, images: Tensor) -> Tensor:
        """The network's own answer."""
        logits = super().forward(images)
        self.log.note(images, logits)
        return logits


@dataclass
class Watched:
    """An attack whose every question is witnessed.

    Attributes:
        attack: the attack.
        most: forward passes per sample after which the witness gives up; None never.
        log: what was seen at the last budget; None before the attack ran.
    """

    attack: Attack
    most: int | None = None
    log: Log | None = None

    @property
    def kappa(self) -> float:
        """The attack's confidence, which the judge asks for."""
        return float(getattr(self.attack, "kappa", 0.0))

    def __call__(self, problem: Problem, budgets: Sequence[Budget]) -> list[Candidates]:
        """What the attack returns at each budget."""
        found = []
        for budget in budgets:
            self.log = Log(problem, budget, most=self.most, kappa=self.kappa)
            witness = Witness(problem.model, self.log)
            watched = replace(problem, model=witness, oracle=Oracle(witness, draws=problem.oracle.draws))
            found += self.attack(watched, [budget])
        return found
