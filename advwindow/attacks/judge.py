"""The judge: believes no attack, measures every returned image itself.

Predictions come from the original network (not the folded copy the search used) in float32 at one fixed batch size,
norms from float64; a success must stay within epsilon without any tolerance, inside the box, and be finite.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import torch

from advwindow.attacks.budget import Norm, size
from advwindow.attacks.precision import full_precision
from advwindow.models import evaluating

if TYPE_CHECKING:
    from torch import Tensor

    from advwindow.attacks.budget import Budget
    from advwindow.attacks.goal import Goal
    from advwindow.models import Classifier

#: Every verdict comes from batches of this size (the last one is padded), so it never depends on how many were asked
#: for.
BATCH = 8
#: Passes that vote on a success, where the network draws at random.
RANDOM_PASSES = 11


class Verdict(NamedTuple):
    """What the judge measured on ``N`` returned images; see `Outcome` for the fields."""

    success: Tensor
    adversarial: Tensor
    margin: Tensor
    prediction: Tensor
    norms: dict[str, Tensor]
    success_8bit: Tensor


class Jury:
    """The original network in evaluation mode and full precision; an image that it has seen is not shown again.

    Args:
        model: the original network.
        passes: how often each image is shown, for networks that draw at random.
    """

    def __init__(self, model: Classifier, *, passes: int = 1) -> None:
        self.model = model
        self.passes = passes
        self._seen: dict[bytes, Tensor] = {}

    def votes(self, images: Tensor) -> Tensor:
        """Float32 logits ``(P, N, K)`` of images ``(N, C, H, W)``, one vote for each pass."""
        if not len(images):
            return images.new_zeros((self.passes, 0, 2))
        keys = [hashlib.sha256(image.numpy()).digest() for image in images.detach().cpu().contiguous()]
        fresh = {key: place for place, key in enumerate(keys) if key not in self._seen}
        if fresh:
            shown = images[torch.tensor(list(fresh.values()), device=images.device)]
            self._seen |= zip(fresh, self._show(shown).unbind(1), strict=True)
        return torch.stack([self._seen[key] for key in keys], 1)

    def _show(self, images: Tensor) -> Tensor:
        with evaluating(self.model), torch.no_grad(), full_precision():
            rounds = [[self._one_batch(batch) for batch in torch.split(images, BATCH)] for _ in range(self.passes)]
        return torch.stack([torch.cat(batches) for batches in rounds])

    def _one_batch(self, batch: Tensor) -> Tensor:
        padded = torch.cat([batch, batch[-1:].expand(BATCH - len(batch), *batch.shape[1:])])
        logits: Tensor = self.model(padded)[: len(batch)].float()
        return logits


def judged_logits(model: Classifier, images: Tensor, *, passes: int = 1) -> Tensor:
    """Float32 logits ``(N, K)`` of the original network in evaluation mode, at the judge's batch size.

    Args:
        model: the original network.
        images: ``(N, C, H, W)`` in [0, 1].
        passes: how many are averaged, for networks that draw at random.
    """
    return Jury(model, passes=passes).votes(images).mean(0)


def judge(
    jury: Jury,
    images: Tensor,
    attacked: Tensor,
    goal: Goal,
    budget: Budget,
    *,
    kappa: float = 0.0,
) -> Verdict:
    """Measure attacked images ``(N, C, H, W)`` against their originals.

    Args:
        jury: shows the images to the original network.
        images: the originals, float32 in [0, 1].
        attacked: what the attack returned.
        goal: what counts as adversarial.
        budget: what the attack may spend.
        kappa: confidence asked for: a success must win by this many logits, in most of the votes.
    """
    votes = jury.votes(attacked)
    norms = perturbation_norms(images, attacked)
    in_box = (attacked.isfinite() & (attacked >= 0) & (attacked <= 1)).flatten(1).all(1)
    adversarial = _carried(votes, goal, kappa)
    success = adversarial & in_box & (norms[budget.norm] <= budget.value)
    rounded = torch.round(attacked * 255) / 255
    logits = votes.mean(0)
    return Verdict(
        success,
        adversarial,
        goal.margin(logits),
        logits.argmax(1),
        norms,
        success & _carried(jury.votes(rounded), goal, kappa),
    )


def _carried(votes: Tensor, goal: Goal, kappa: float) -> Tensor:
    """Whether the goal is reached in more than half of the votes."""
    margins = torch.stack([goal.margin(logits) for logits in votes])
    return ((margins < 0) & (margins <= -kappa)).double().mean(0) > 0.5


def perturbation_norms(images: Tensor, attacked: Tensor) -> dict[str, Tensor]:
    """Sizes of the perturbations in float64: ``linf``, ``l2``, ``l1``, ``l0`` (changed values), ``l0_pixels``."""
    parts = [_norms(*pair) for pair in zip(torch.split(images, BATCH), torch.split(attacked, BATCH), strict=True)]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _norms(images: Tensor, attacked: Tensor) -> dict[str, Tensor]:
    delta = attacked.double() - images.double()
    changed = (delta != 0).any(1) if delta.dim() > 2 else delta != 0
    return {norm.value: size(delta, norm) for norm in Norm} | {"l0_pixels": changed.flatten(1).sum(1).double()}
