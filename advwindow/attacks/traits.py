"""Traits of a network that decide how it can be attacked: does it draw at random, do images influence each other?

Found by asking the network a few times about one or two images, never by looking into it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from advwindow.attacks.isolation import private_randomness
from advwindow.attacks.precision import full_precision
from advwindow.models import evaluating

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from advwindow.models import Classifier

#: Passes that must agree, each under another seed. Croce and Hein 2020 (arXiv 2003.01690) repeat five times too.
PASSES = 5
#: Largest difference of logits, as a share of their length, that counts as equal. Croce and Hein's threshold.
TOLERANCE = 1e-4
#: The same between batches of different sizes, where a device may take another kernel and a network that computes in
#: half precision by itself then rounds in another way.
TOLERANCE_BETWEEN_SIZES = 1e-2


@dataclass(frozen=True)
class Traits:
    """What a network does that a plain function of one image does not.

    Attributes:
        random: the same images got different logits under different random seeds.
        batch_dependent: an image's logits changed with the other images of its batch; not judged where `random`.
        noise: largest distance between two passes over the same batch, as a share of the logits' length; 0 for a
            network that repeats itself bit by bit.
    """

    random: bool
    batch_dependent: bool
    noise: float


def probe_traits(model: Classifier, images: Tensor) -> Traits:
    """Ask the network five times about at most two images, then about one of them in other company.

    Everything happens in evaluation mode and full precision; the global random state is left as found. Influence of
    batch mates is measured between batches of one size, so that kernels chosen by size cannot be taken for it.

    Args:
        model: the network; left exactly as found.
        images: ``(N, C, H, W)`` in [0, 1]; the first two are used. One image gets a made-up mate.
    """
    if not len(images):
        return Traits(random=False, batch_dependent=False, noise=0.0)
    first = images[:1].to(model.device, torch.float32)
    mate = images[1:2].to(first) if len(images) > 1 else first
    mate = _ramp(first) if torch.equal(mate, first) else mate

    def ask(batch: Tensor, attempt: int = 0) -> Tensor:
        with private_randomness(attempt, "traits"):
            logits: Tensor = model(batch)
            return logits.float()

    with evaluating(model), torch.no_grad(), full_precision():
        pair = torch.cat([first, mate])
        passes = torch.stack([ask(pair, attempt) for attempt in range(PASSES)])
        noise = max(distance(passes[0], other) for other in passes[1:])
        random = noise > TOLERANCE
        return Traits(random, not random and _minds_company(ask, first, mate, passes[0, :1]), noise)


def distance(logits: Tensor, others: Tensor) -> float:
    """Largest distance of two rows of logits ``(N, K)``, each divided by the longer row's length; 0 where not finite.

    Example:
        >>> distance(torch.tensor([[3.0, 4.0]]), torch.tensor([[3.0, 3.0]]))
        0.2...
    """
    length = torch.maximum(logits.norm(dim=1), others.norm(dim=1)).clamp_min(1e-30)
    return float(((logits - others).norm(dim=1) / length).nan_to_num(0.0, 0.0, 0.0).max())


def _minds_company(ask: Callable[[Tensor], Tensor], first: Tensor, mate: Tensor, beside_mate: Tensor) -> bool:
    beside_itself = ask(torch.cat([first, first]))[:1]
    behind_mate = ask(torch.cat([mate, first]))[1:]
    alone = ask(first)
    moved = max(distance(beside_itself, beside_mate), distance(beside_itself, behind_mate))
    return moved > TOLERANCE or distance(beside_itself, alone) > TOLERANCE_BETWEEN_SIZES


def _ramp(image: Tensor) -> Tensor:
    """An image from black to white, or from white to black where the image itself is that ramp."""
    ramp = torch.linspace(0, 1, image.numel(), device=image.device).reshape(image.shape)
    return ramp.flip(-1) if torch.equal(ramp, image) else ramp
