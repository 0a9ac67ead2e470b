"""Attacks made on another network than the one that is judged: what an adversary does who knows of no defence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from advwindow.attacks.oracle import Oracle
from advwindow.models import prepare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advwindow.attacks.budget import Budget
    from advwindow.attacks.door import Attack, Candidates, Problem
    from advwindow.models import Classifier


@dataclass(frozen=True)
class Oblivious:
    """An attack that asks another network and hands its images to the door, where the attacked network judges them.

    Carlini et al. 2019 (arXiv 1902.06705, section 3.3) on adversaries without knowledge of the defence. Images that
    fool the other network only are failures; a confidence that the attack seeks is not asked of the judged network.

    Attributes:
        attack: any attack.
        source: the network that it searches on, e.g. the same without its defence.
    """

    attack: Attack
    source: Classifier

    def __call__(self, problem: Problem, budgets: Sequence[Budget]) -> list[Candidates]:
        """What the attack finds on the source."""
        prepared = prepare(self.source, problem.images[:2])
        return self.attack(replace(problem, model=prepared, oracle=Oracle(prepared)), budgets)
