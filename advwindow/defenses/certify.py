"""Certified L2 radii by randomised smoothing (Cohen, Rosenfeld and Kolter 2019, arXiv 1902.02918, algorithm CERTIFY).

**What is guaranteed.** Computed carelessly, ``image + noise`` is rounded in a way that depends on the image, which
breaks the theorem (Voracek and Hein 2022, arXiv 2207.07209; Jin et al. 2022). Here image and noise are whole numbers of
steps of 1/`GRID`, added without any rounding, and the network sees a fixed function of the sum. Since image points are
multiples of the step, the sum is the continuous ``image + sigma * normal`` rounded to the grid, so the theorem holds
for "round to the grid, then the network" as its base classifier: with probability 1 - alpha over the draws, no image
*on the grid* (all 8-bit images are) closer than the radius gets another class from the smoothed classifier. An image
off the grid is first moved to its nearest point of it, and the radius is around that point. What is not proven is that
torch's pseudo-random normal numbers, of float32, are normal numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.special import betaincinv, ndtri
from torch import Tensor

from advwindow.defenses.around import Enclosed
from advwindow.defenses.base import real, whole
from advwindow.defenses.smoothing import Smoothing
from advwindow.errors import UserError
from advwindow.models import Classifier, evaluating
from advwindow.streams import stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

GRID = 255 * 256
"""Steps from black to white. Image plus noise up to ten standard deviations stay below 2**24 steps for sigma up to 16,
so float32 adds them exactly."""
ABSTAINED = -1
BLOCK = 8
"""Copies whose noise is drawn at a time, whatever the batch size, so that it does not change the draws."""


@dataclass(frozen=True)
class Certificate:
    """What the smoothed classifier answers for ``N`` images, and up to which distance that is certain.

    Attributes:
        predictions: ``(N,)`` int64, on the CPU; -1 where it abstains.
        radii: ``(N,)`` float64, L2 radius in pixel units; 0 where it abstains. Inside it the prediction stays.
        votes: ``(N,)`` int64, how many of the `n` copies got the class under test.
        labels: ``(N,)`` true classes; None where not told.
        sigma: standard deviation of the noise, in pixel units.
        n0: copies that chose the class under test.
        n: copies that tested it.
        alpha: probability that a radius is wrong, for each image.
    """

    predictions: Tensor
    radii: Tensor
    votes: Tensor
    labels: Tensor | None
    sigma: float
    n0: int
    n: int
    alpha: float

    def accuracy(self, radius: float = 0.0) -> float:
        """Share of images that are certified to keep their true class under all changes of L2 length up to `radius`.

        Abstentions count as wrong; the radius must be exceeded, since the certified ball is open.

        Raises:
            UserError: no labels, no images, or a negative radius.
        """
        if self.labels is None or not len(self.labels):
            raise UserError("a certified accuracy needs labelled images", fix="give labels to certify")
        if not radius >= 0:
            raise UserError("a radius is not negative", got=radius)
        return float(((self.predictions == self.labels) & (self.radii > radius)).double().mean())


def certify(  # noqa: PLR0913 - the parameters of the published algorithm
    model: Classifier,
    images: Tensor,
    labels: Tensor | None = None,
    *,
    sigma: float,
    n0: int = 100,
    n: int = 1000,
    alpha: float = 0.001,
    seed: int = 0,
    batch_size: int = 64,
    ids: Sequence[str] | None = None,
) -> Certificate:
    """Certify the smoothed version of a network at each image.

    Args:
        model: the base network, with any defence it has (applied after the noise). Of a network under `Smoothing`, the
            one inside. Noise is not cut to [0, 1].
        images: ``(N, C, H, W)`` in [0, 1].
        labels: ``(N,)`` true classes, for `Certificate.accuracy`.
        sigma: standard deviation of the noise, in pixel units, above 0, at most 16.
        n0: noisy copies that choose the class to test.
        n: noisy copies that test it; bounds the radius, see `radius_of`.
        alpha: probability with which a radius may be wrong, for each image.
        seed: seed of the noise.
        batch_size: noisy copies in one forward pass; changes speed and memory, and results only by rounding.
        ids: one stable id per image, key of its noise; the position by default.

    Raises:
        UserError: a parameter out of range, images or labels that cannot be used, or a transform in front of
            `Smoothing`, whose certificate would not hold for the images before the transform.
    """
    sigma = real("sigma", sigma, 0.25, low=0, high=16)
    n0, n = whole("n0", n0, 100, low=1, high=10**9), whole("n", n, 1000, low=1, high=10**9)
    if not 0 < alpha < 1:
        raise UserError("alpha cannot be used", got=alpha, expected="a probability between 0 and 1")
    batch_size = whole("batch_size", batch_size, 64, low=1, high=10**6)
    _check(images, labels, ids)
    base = base_of(model)
    keys = [str(place) for place in range(len(images))] if ids is None else list(ids)
    levels = images.detach().to(base.device, torch.float32).mul(GRID).round_()
    seeds = [int(stream(seed, "certify", key).integers(2**62)) for key in keys]
    devices = [base.device] if base.device.type == "cuda" else []
    with torch.no_grad(), evaluating(base), torch.random.fork_rng(devices=devices):
        torch.manual_seed(int(stream(seed, "certify").integers(2**62)))  # for a base network that draws by itself
        chosen, tested = _votes(base, levels, seeds, sigma, (n0, n), batch_size)
    top = chosen.argmax(1)
    votes = tested.gather(1, top[:, None]).squeeze(1)
    radii = radius_of(votes.numpy(), n, sigma=sigma, alpha=alpha)
    predictions = torch.where(torch.from_numpy(radii > 0), top, ABSTAINED)
    labels = None if labels is None else labels.detach().cpu()
    return Certificate(predictions, torch.from_numpy(radii), votes, labels, sigma, n0, n, alpha)


def base_of(model: Classifier) -> Classifier:
    """The network that noise is added in front of: inside `Smoothing`, else the model itself.

    Raises:
        UserError: something comes before the smoothing.
    """
    if not isinstance(model, Enclosed) or not isinstance(model.around, Smoothing):
        return model
    if model.defense is not None:
        raise UserError(
            "a transform before the smoothing voids the certificate",
            got=model.name,
            fix="write the smoothing first, or leave the transform out",
        )
    return model.inner


def clopper_pearson_lower(successes: np.ndarray, trials: int, *, alpha: float) -> np.ndarray:
    """Lower bound of a probability that holds with confidence 1 - alpha, one-sided (Clopper and Pearson 1934).

    Args:
        successes: counts, from 0 to `trials`.
        trials: how many draws.
        alpha: probability of being wrong.

    Example:
        >>> clopper_pearson_lower(np.array([0, 100]), 100, alpha=0.001).round(4).tolist()
        [0.0, 0.9333]
    """
    counts = np.asarray(successes, dtype=np.float64)
    bound: np.ndarray = betaincinv(np.maximum(counts, 1), trials - counts + 1, alpha)
    return np.where(counts > 0, bound, 0.0)


def radius_of(votes: np.ndarray, n: int, *, sigma: float, alpha: float) -> np.ndarray:
    """Certified L2 radius, ``sigma * Phi^-1(lower bound of the vote)``; 0 where the bound does not exceed one half.

    Example:
        >>> radius_of(np.array([50, 100]), 100, sigma=1.0, alpha=0.001).round(2).tolist()
        [0.0, 1.5]
    """
    lower = clopper_pearson_lower(votes, n, alpha=alpha)
    radii: np.ndarray = sigma * ndtri(np.maximum(lower, 0.5))
    return radii


def _check(images: Tensor, labels: Tensor | None, ids: Sequence[str] | None) -> None:
    if images.ndim != 4 or not images.is_floating_point():
        got = f"{images.dtype} {tuple(images.shape)}"
        raise UserError("no images to certify", got=got, expected="floating-point (images, channels, height, width)")
    if images.numel() and not bool(((images >= 0) & (images <= 1)).all()):
        raise UserError("pixels outside [0, 1]", fix="give images in [0, 1]; the network normalises inside")
    for what, rows in (("labels", labels), ("ids", ids)):
        if rows is not None and len(rows) != len(images):
            raise UserError(f"{what} do not match the images", got=f"{len(rows)}", expected=f"{len(images)}")


def _votes(
    base: Classifier, levels: Tensor, seeds: list[int], sigma: float, copies: tuple[int, int], batch_size: int
) -> tuple[Tensor, Tensor]:
    """How many of the first and of the other copies of each image got each class, ``(N, K)`` int64 each, on the CPU.

    Copies of different images share a batch, so that all batches but the last are full to within a block.
    """
    counts = torch.zeros(2, len(levels), 1, dtype=torch.int64, device=levels.device)
    done = 0
    for noisy in _noisy(levels, seeds, sigma, sum(copies), max(BLOCK, batch_size // BLOCK * BLOCK)):
        copy = torch.arange(done, done + len(noisy), device=levels.device)
        owner, stage = copy // sum(copies), (copy % sum(copies) >= copies[0]).to(torch.int64)
        logits = torch.cat([base(piece) for piece in torch.split(noisy, batch_size)])
        if not done:
            counts = counts.expand(-1, -1, logits.shape[1]).clone()
        counts.index_put_((stage, owner, logits.argmax(1)), torch.ones_like(copy), accumulate=True)
        done += len(noisy)
    chosen, tested = counts.cpu()
    return chosen, tested


def _noisy(levels: Tensor, seeds: list[int], sigma: float, copies: int, rows: int) -> Iterator[Tensor]:
    """Noisy copies of the first image, then of the next, in batches of at most `rows` that lie in one buffer.

    A block is worked on from drawing to dividing while it lies in the processor's cache.
    """
    buffer = levels.new_empty(rows, *levels.shape[1:])
    generator = torch.Generator(levels.device)
    filled = 0
    for level, seed in zip(levels, seeds, strict=True):
        generator.manual_seed(seed)
        for start in range(0, copies, BLOCK):
            block = min(BLOCK, copies - start)
            if filled + block > rows:
                yield buffer[:filled]
                filled = 0
            noise = buffer[filled : filled + block].normal_(generator=generator).mul_(sigma * GRID).round_()
            noise.add_(level).div_(GRID)
            filled += block
    if filled:
        yield buffer[:filled]
