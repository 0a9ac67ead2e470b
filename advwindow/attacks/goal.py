"""What counts as adversarial, and what is descended to get there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from advwindow.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from torch import Tensor

LOSSES = ("ce", "margin", "dlr")
#: Share of the compared logits by which a search must win, so that rounding does not take the success back.
SAFETY = 5e-6


def margin(logits: Tensor, classes: Tensor) -> Tensor:
    """Logit of the class minus the best other logit, ``(N,)``; negative means that another class wins.

    The class itself is masked with minus infinity, so a common shift of all logits changes nothing.

    Args:
        logits: ``(N, K)``, ``K >= 2``.
        classes: ``(N,)`` int64.
    """
    own = logits.gather(1, classes[:, None])
    others = logits.scatter(1, classes[:, None], -torch.inf)
    return own.squeeze(1) - others.amax(1)


@dataclass(frozen=True)
class Goal:
    """Leave a class (untargeted) or reach it (targeted), for each of ``N`` samples.

    Attributes:
        classes: ``(N,)`` int64: the true labels, or the targets.
        targeted: which of the two.
    """

    classes: Tensor
    targeted: bool = False

    def take(self, index: Tensor) -> Goal:
        """The goal of the samples at this index."""
        return Goal(self.classes[index], self.targeted)

    def margin(self, logits: Tensor) -> Tensor:
        """``(N,)`` in logits: how far from success; negative where the goal is reached."""
        value = margin(logits, self.classes)
        return -value if self.targeted else value

    def shortfall(self, logits: Tensor, kappa: float = 0.0) -> Tensor:
        """``(N,)`` in logits: margin missing to confidence `kappa` and a little more than rounding can take back."""
        margin = self.margin(logits)
        return margin + kappa + self._rounding(logits, margin)

    def safely_reached(self, logits: Tensor, kappa: float = 0.0) -> Tensor:
        """``(N,)`` bool: no shortfall."""
        return self.shortfall(logits, kappa) < 0

    def standing(self, logits: Tensor, kappa: float = 0.0) -> tuple[Tensor, Tensor]:
        """`margin` and `safely_reached` at once."""
        margin = self.margin(logits)
        return margin, margin + kappa + self._rounding(logits, margin) < 0

    def _rounding(self, logits: Tensor, margin: Tensor) -> Tensor:
        own = logits.gather(1, self.classes[:, None]).squeeze(1).detach()
        other = own - margin.detach() if not self.targeted else own + margin.detach()
        return SAFETY * torch.maximum(own.abs(), other.abs())

    def loss(self, logits: Tensor, kind: str) -> Tensor:
        """``(N,)`` loss that the attack descends, one value per sample, never reduced over the batch.

        Cross-entropy is ``softplus(L)`` of ``L = logsumexp(other logits) - own logit``. Steps are normalised, so L
        gives the very same steps, and unlike cross-entropy its gradient does not vanish where the network is certain.

        Args:
            logits: ``(N, K)``; ``K >= 3`` for ``"dlr"``, and 4 where targeted.
            kind: ``"ce"`` (cross-entropy), ``"margin"`` (difference of logits) or ``"dlr"`` (that difference relative
                to the spread of the largest logits: Croce, Hein 2020, arXiv 2003.01690, section 4).
        """
        match kind:
            case "ce":
                own = logits.gather(1, self.classes[:, None]).squeeze(1)
                others = logits.scatter(1, self.classes[:, None], -torch.inf).logsumexp(1)
                return others - own if self.targeted else own - others
            case "margin":
                return self.margin(logits)
            case "dlr":
                return self.margin(logits) / (_spread_targeted if self.targeted else _spread)(logits)
            case _:
                raise UserError("unknown loss", got=kind, fix=did_you_mean(kind, LOSSES))


def targeted_dlr(logits: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    """``(N,)`` loss whose descent leads from the label toward the target (Croce, Hein 2020, equation 7).

    Args:
        logits: ``(N, K)``, ``K >= 4``.
        labels: ``(N,)`` int64.
        targets: ``(N,)`` int64.
    """
    own = logits.gather(1, labels[:, None]).squeeze(1)
    other = logits.gather(1, targets[:, None]).squeeze(1)
    return (own - other) / _spread_targeted(logits)


def _spread(logits: Tensor) -> Tensor:
    top = logits.topk(3, dim=1).values
    return top[:, 0] - top[:, 2] + 1e-12


def _spread_targeted(logits: Tensor) -> Tensor:
    top = logits.topk(4, dim=1).values
    return top[:, 0] - (top[:, 2] + top[:, 3]) / 2 + 1e-12
