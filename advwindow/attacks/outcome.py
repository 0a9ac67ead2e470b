"""What an attack returns: one record per sample, every field stored, none inferred later."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from advwindow.attacks.budget import Budget


class Status(StrEnum):
    """How the attack on a sample ended."""

    SUCCESS = "success"
    FAILED = "failed"
    SKIPPED = "skipped_misclassified"


@dataclass(frozen=True, repr=False)
class Outcome:
    """The judged result of one attack at one budget on ``N`` samples.

    Everything but `first_success_step`, `claimed`, `silent`, `trace` and the counts was measured by the judge on the
    returned images, not reported by the attack.

    Attributes:
        attack: name of the attack.
        budget: norm and epsilon.
        images: ``(N, C, H, W)`` float32 in [0, 1]: the strongest example found; the input itself where skipped.
        success: ``(N,)`` bool: the returned image is adversarial on the original network in float32 and within the
            budget.
        status: ``N`` times how it ended.
        distance: ``(N,)`` float64: perturbation size in the budget's norm; 0 where skipped, inf where a minimal-norm
            attack failed.
        margin: ``(N,)`` float32, in logits: how far from success; positive means that the attack failed there.
        prediction: ``(N,)`` int64: class of the returned image.
        clean_prediction: ``(N,)`` int64: class of the input.
        labels: ``(N,)`` int64: the true classes.
        target: ``(N,)`` int64 of a targeted attack, else None.
        first_success_step: ``(N,)`` int64: first adversarial iterate (0 is the start), -1 if none.
        forwards: ``(N,)`` int64: forward passes that served the sample (a back end's: their mean over its batch); each
            of those that are averaged where the network draws at random counts.
        backwards: ``(N,)`` int64: backward passes that served the sample (likewise).
        norms: ``"linf"``, ``"l2"``, ``"l1"``, ``"l0"``, ``"l0_pixels"`` to ``(N,)`` float64 sizes of the
            perturbation; l0 counts changed values, l0_pixels the pixels they belong to.
        success_8bit: ``(N,)`` bool: a success that is still adversarial after rounding to 8 bits; the rounded image may
            lie outside epsilon by what rounding moves it.
        zero_gradients: ``(N,)`` int64: steps whose gradient vanished.
        nonfinite_gradients: ``(N,)`` int64: steps whose gradient had NaN or infinite entries, replaced by 0.
        claimed: ``(N,)`` bool: the attack itself called the image a success; the judge may disagree.
        adversarial: ``(N,)`` bool: the returned image fools the original network in float32, whatever its size.
        eps_excess: ``(N,)`` float64: size of the perturbation minus epsilon; positive is a violation.
        in_box: ``(N,)`` bool: what the attack returned was finite and inside [0, 1].
        silent: ``(N,)`` bool: the last iterate was no success although an earlier one was.
        trace: ``(N, T)`` float32: loss of each iterate of the run that was kept; NaN where there is none.
    """

    attack: str
    budget: Budget
    images: Tensor
    success: Tensor
    status: tuple[Status, ...]
    distance: Tensor
    margin: Tensor
    prediction: Tensor
    clean_prediction: Tensor
    labels: Tensor
    target: Tensor | None
    first_success_step: Tensor
    forwards: Tensor
    backwards: Tensor
    norms: dict[str, Tensor]
    success_8bit: Tensor
    zero_gradients: Tensor
    nonfinite_gradients: Tensor
    claimed: Tensor
    adversarial: Tensor
    eps_excess: Tensor
    in_box: Tensor
    silent: Tensor
    trace: Tensor

    def __repr__(self) -> str:
        """One line: what was attacked, and what came of it."""
        counts = Counter(self.status)
        parts = ", ".join(f"{counts[status]} {status.name.lower()}" for status in Status if counts[status])
        return f"<Outcome of {self.attack} at {self.budget}: {len(self.status)} images, {parts or 'none attacked'}>"

    @property
    def checks(self) -> tuple[str, ...]:
        """For each sample what a success claimed by the attack did not stand up to; ``""`` where nothing.

        A back end claims every image that it returns, so of its images no verification is missed.
        """
        reasons = {
            "unverified": ~self.adversarial & (self.first_success_step >= 0),
            "outside epsilon": self.eps_excess > 0,
            "outside the box": ~self.in_box,
            "lost in 8 bits": self.success & ~self.success_8bit,
        }
        failed = {reason: (self.claimed & flags).tolist() for reason, flags in reasons.items()}
        return tuple(
            ", ".join(reason for reason, flags in failed.items() if flags[sample]) for sample in range(len(self.status))
        )

    def robust_accuracy(self) -> float:
        """Share of samples still classified correctly, in [0, 1]; NaN without samples."""
        return self.withstood() / len(self.status) if self.status else math.nan

    def withstood(self) -> int:
        """Number of samples still classified correctly.

        Untargeted, those that were attacked without success; targeted, those whose returned image is classified
        correctly, as missing the target does not make a sample robust.
        """
        if self.target is None:
            return sum(status is Status.FAILED for status in self.status)
        tried = [status is not Status.SKIPPED for status in self.status]
        right: list[bool] = (self.prediction == self.labels).tolist()
        return sum(was_tried and is_right for was_tried, is_right in zip(tried, right, strict=True))
