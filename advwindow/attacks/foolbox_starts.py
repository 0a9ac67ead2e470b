"""Starting points for foolbox's attacks that walk along the decision boundary.

Left alone, such an attack raises when the start of a single sample fails, and all samples of the batch are lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import torch

from advwindow.attacks.foreign_runs import Batch, load_library

if TYPE_CHECKING:
    from torch import Tensor

#: Classes that need a start.
STARTED = frozenset(
    {
        "BinarizationRefinementAttack",
        "BoundaryAttack",
        "HopSkipJumpAttack",
        "L0BrendelBethgeAttack",
        "L1BrendelBethgeAttack",
        "L2BrendelBethgeAttack",
        "LinfinityBrendelBethgeAttack",
        "PointwiseAttack",
    }
)


class Run(Protocol):
    """Runs the attack on a batch."""

    def __call__(self, part: Batch, **options: Tensor) -> Tensor:
        """Images found, from ``starting_points``."""
        ...


def criterion(batch: Batch) -> Any:  # noqa: ANN401 - foolbox is untyped
    """What foolbox shall reach."""
    criteria = load_library("foolbox").criteria
    if batch.target is None:
        return criteria.Misclassification(batch.labels)
    return criteria.TargetedMisclassification(batch.target)


def from_starts(kind: str, model: Any, batch: Batch, run: Run) -> Tensor:  # noqa: ANN401 - as above
    """What the attack makes of the samples for which a start was found; the others stay as they are.

    Args:
        kind: class of the attack.
        model: the network as foolbox sees it.
        batch: what is attacked.
        run: the attack.
    """
    starts, usable = _starts(kind, model, batch)
    found = batch.images.clone()
    if bool(usable.any()):
        target = None if batch.target is None else batch.target[usable]
        part = batch._replace(images=batch.images[usable], labels=batch.labels[usable], target=target)
        found[usable] = run(part, starting_points=starts[usable])
    return found


def _starts(kind: str, model: Any, batch: Batch) -> tuple[Tensor, Tensor]:  # noqa: ANN401 - as above
    """``(n, C, H, W)`` adversarial images as each attack would look for them, and which of them are so, ``(n,)``."""
    attacks = load_library("foolbox.attacks")
    match kind:
        case "PointwiseAttack":
            search = attacks.SaltAndPepperNoiseAttack()
        case "HopSkipJumpAttack":
            search = attacks.LinearSearchBlendedUniformNoiseAttack(steps=50)
        case _:
            search = attacks.LinearSearchBlendedUniformNoiseAttack()
    starts: Tensor = search.run(model, batch.images, criterion(batch))
    if batch.target is None:
        return starts, _predicted(batch, starts) != batch.labels
    reached = _predicted(batch, starts) == batch.target
    of_target = batch.target[:, None] == batch.labels[None]
    borrowed = batch.images[of_target.long().argmax(1)]
    starts = torch.where(reached[:, None, None, None], starts, borrowed)
    return starts, _predicted(batch, starts) == batch.target


def _predicted(batch: Batch, images: Tensor) -> Tensor:
    with torch.no_grad():
        logits: Tensor = batch.model(images)
    return logits.argmax(1)
