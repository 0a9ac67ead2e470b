"""The judge: believes no attack, measures every returned image itself.

Predictions come from the original network (not the folded copy the search used) in float32 at one fixed batch size,
norms from float64; a success must stay within epsilon strictly, inside the box, and be finite.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from advwindow.attacks.budget import Norm, size
from advwindow.models import evaluating

if TYPE_CHECKING:
    from torch import Tensor

    from advwindow.attacks.budget import Budget
    from advwindow.attacks.goal import Goal
    from advwindow.models import Classifier

#: Every verdict comes from batches of this size (the last one is padded), so it never depends on how many were asked
#: for.
BATCH = 8


class Verdict(NamedTuple):
    """What the judge measured on ``N`` returned images; see `Outcome` for the fields."""

    success: Tensor
    margin: Tensor
    prediction: Tensor
    norms: dict[str, Tensor]
    success_8bit: Tensor


def judged_logits(model: Classifier, images: Tensor) -> Tensor:
    """Float32 logits ``(N, K)`` of the original network in evaluation mode, at the judge's batch size."""
    rows = []
    with evaluating(model), torch.no_grad():
        for start in range(0, len(images), BATCH):
            batch = images[start : start + BATCH]
            padded = torch.cat([batch, batch[-1:].expand(BATCH - len(batch), *batch.shape[1:])])
            rows.append(model(padded)[: len(batch)].float())
    return torch.cat(rows)


def judge(
    model: Classifier, images: Tensor, attacked: Tensor, goal: Goal, budget: Budget, *, kappa: float = 0.0
) -> Verdict:
    """Measure attacked images ``(N, C, H, W)`` against their originals.

    Args:
        model: the original network.
        images: the originals, float32 in [0, 1].
        attacked: what the attack returned.
        goal: what counts as adversarial.
        budget: what the attack may spend.
        kappa: confidence asked for: a success must win by this many logits.
    """
    logits = judged_logits(model, attacked)
    margin = goal.margin(logits)
    norms = perturbation_norms(images, attacked)
    in_box = torch.isfinite(attacked).flatten(1).all(1) & (attacked >= 0).flatten(1).all(1)
    in_box &= (attacked <= 1).flatten(1).all(1)
    within = norms[budget.norm] <= budget.value
    rounded = torch.round(attacked * 255) / 255
    rounded_margin = goal.margin(judged_logits(model, rounded))
    success = (margin < 0) & (margin <= -kappa) & within & in_box
    return Verdict(
        success, margin, logits.argmax(1), norms, success & (rounded_margin < 0) & (rounded_margin <= -kappa)
    )


def perturbation_norms(images: Tensor, attacked: Tensor) -> dict[str, Tensor]:
    """Sizes of the perturbations in float64: ``linf``, ``l2``, ``l1``, and ``l0`` as the number of changed pixels."""
    parts = [_norms(*pair) for pair in zip(torch.split(images, BATCH), torch.split(attacked, BATCH), strict=True)]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _norms(images: Tensor, attacked: Tensor) -> dict[str, Tensor]:
    delta = attacked.double() - images.double()
    changed = (delta != 0).any(1) if delta.dim() > 2 else delta != 0
    return {
        Norm.LINF.value: size(delta, Norm.LINF),
        Norm.L2.value: size(delta, Norm.L2),
        "l1": delta.abs().flatten(1).sum(1),
        "l0": changed.flatten(1).sum(1).double(),
    }
