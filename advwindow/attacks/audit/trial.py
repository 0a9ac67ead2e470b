"""What became of each image in one attack, without the images: enough to compare attacks by."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from advwindow.attacks.audit.sample import attacked, is_blind

if TYPE_CHECKING:
    from torch import Tensor

    from advwindow.attacks.budget import Budget
    from advwindow.attacks.outcome import Outcome

#: Attacks of one gradient step, ours and other libraries'.
SINGLE_STEP = frozenset({"fgsm", "torchattacks:FGSM", "foolbox:LinfFastGradientAttack", "foolbox:L2FastGradientAttack"})

#: Smallest perturbations that differ by no more than this share count as equally small.
SHORTENED = 0.1


@dataclass(frozen=True, eq=False)
class Trial:
    """An untargeted attack at one budget, image by image; everything on the CPU.

    Attributes:
        attack: what tells the attack from others, the same at each of its budgets.
        budget: norm and epsilon.
        tried: ``(N,)`` bool: classified correctly when clean, hence attacked.
        success: ``(N,)`` bool: fooled within the budget.
        distance: ``(N,)`` float64: size of the perturbation in the budget's norm.
        blind: whether the attack asked the network but never for a gradient.
        single: whether the attack is a single gradient step.
        carried: whether successes at smaller epsilons were taken over.
    """

    attack: str
    budget: Budget
    tried: Tensor
    success: Tensor
    distance: Tensor
    blind: bool
    single: bool
    carried: bool = False

    @classmethod
    def of(cls, outcome: Outcome, *, single: bool | None = None, carried: bool = False) -> Trial:
        """What is left of an outcome; a single step is known by its name where nothing is said."""
        return cls(
            attack=outcome.attack,
            budget=outcome.budget,
            tried=attacked(outcome),
            success=outcome.success.cpu(),
            distance=outcome.distance.cpu(),
            blind=is_blind(outcome),
            single=outcome.attack in SINGLE_STEP if single is None else single,
            carried=carried,
        )

    @property
    def eps(self) -> float:
        """Epsilon as a number, infinite for a minimal budget."""
        return self.budget.value

    def fallen(self, eps: float = math.inf) -> Tensor:
        """``(N,)`` bool: fooled, by a perturbation within `eps`."""
        return self.success & (self.distance <= eps)

    def standing(self, eps: float = math.inf) -> Tensor:
        """``(N,)`` bool: attacked, and not fooled within `eps`."""
        return self.tried & ~self.fallen(eps)

    def missed(self, eps: float) -> Tensor:
        """``(N,)`` bool: stands within `eps`; where the smallest perturbation was sought, by more than a tenth."""
        return self.standing(eps / (1 - SHORTENED) if self.budget.minimal else eps)

    def withstood(self) -> int:
        """Number of images that were attacked in vain."""
        return int(self.standing().sum())

    def take(self, index: Tensor) -> Trial:
        """The same for the images at this index ``(m,)`` int64."""
        return replace(self, tried=self.tried[index], success=self.success[index], distance=self.distance[index])
