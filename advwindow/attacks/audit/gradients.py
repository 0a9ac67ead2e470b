"""Checks of the gradients themselves: I1 availability, S9 health."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from advwindow.attacks.audit.evidence import percent
from advwindow.attacks.audit.findings import Finding, found, skipped
from advwindow.attacks.audit.sample import attacked
from advwindow.attacks.budget import per_sample
from advwindow.attacks.goal import Goal, margin
from advwindow.attacks.isolation import private_randomness
from advwindow.streams import stream

if TYPE_CHECKING:
    from torch import Tensor

    from advwindow.attacks.audit.case import Case
    from advwindow.attacks.audit.findings import Verdict
    from advwindow.models import Classifier

USELESS_WARN, USELESS_FAIL = 0.01, 0.5
SLOPE_ERROR = 0.2
ROUGHNESS = 0.1
#: A step along the gradient is to change the margin by this share of the logits' length, and no value by more than
#: this.
STEP_SHARE, STEP_LARGEST = 1e-3, 1 / 255
ROUGH_STEP = 1 / 255
ROUGH_DRAWS = 4


def i1(case: Case) -> Finding:
    """Differentiate at a random image and a few clean ones, at the class that the network predicts."""
    noise = stream(case.setup.seed, "I1").random(case.setup.images.shape[1:], dtype=np.float32)
    random_image = torch.from_numpy(noise)[None].to(case.setup.images)
    points = torch.cat([random_image, case.few_images])
    try:
        with private_randomness(case.setup.seed, "audit", "I1"):
            gradient = _gradient(case.oracle.model, points)
    except (RuntimeError, NotImplementedError) as error:
        return found(
            "I1", "fail", f"Differentiating the network fails: {str(error).splitlines()[0]}", images=len(points)
        )
    if gradient is None:
        return found("I1", "fail", "No path leads from the outputs back to the image.", images=len(points))
    zero = int((gradient.flatten(1).abs().amax(1) == 0).sum())
    summary = f"The gradient is zero everywhere on {zero} of {len(points)} images."
    return found("I1", "fail" if zero else "pass", summary, zero=zero, images=len(points))


def _gradient(model: Classifier, points: Tensor) -> Tensor | None:
    """Of a loss that does not saturate; None where none of it depends on the image."""
    points = points.clone().requires_grad_()
    with torch.enable_grad():
        logits = model(points)
        loss = Goal(logits.detach().argmax(1)).loss(logits, "ce").sum()
        if not loss.requires_grad:
            return None
        (gradient,) = torch.autograd.grad(loss, points, allow_unused=True)
    return gradient if gradient is None else gradient.detach()


def s9(case: Case) -> Finding:
    """Useless steps of the audited attack, then slopes and roughness on a few images."""
    zero, nonfinite = _shares(case)
    numbers = {"zero": zero, "nonfinite": nonfinite}
    summary = f"{percent(zero, 1)} of the attack's gradients vanished and {percent(nonfinite, 1)} were not finite"
    useless: Verdict = (
        "fail" if zero + nonfinite > USELESS_FAIL else "warn" if zero + nonfinite > USELESS_WARN else "pass"
    )
    if case.traits.random:
        return found("S9", useless, f"{summary}; slopes of a random network were not compared.", **numbers)
    if not len(case.few):
        return (
            skipped("S9", "No image is classified correctly.") if useless == "pass" else found("S9", useless, summary)
        )
    points, useful = _probe(case)
    if not useful:
        summary += f"; the gradient vanishes or is not finite on all of {len(case.few)} images"
        return found("S9", "fail", f"{summary}.", **numbers)
    numbers |= points
    crooked: Verdict = "warn" if points["slope_error"] > SLOPE_ERROR or points["roughness"] > ROUGHNESS else "pass"
    summary += f"; slope error {points['slope_error']:.2g}, roughness {points['roughness']:.2g} in the median"
    return found("S9", useless if useless != "pass" else crooked, f"{summary}.", **numbers)


def _shares(case: Case) -> tuple[float, float]:
    """Shares of the audited attack's backward passes whose gradient vanished, and was not finite."""
    tried = attacked(case.base)
    backwards = max(1, int(case.base.backwards.cpu()[tried].sum()))
    counts = (case.base.zero_gradients, case.base.nonfinite_gradients)
    zero, nonfinite = (int(count.cpu()[tried].sum()) / backwards for count in counts)
    return zero, nonfinite


def _probe(case: Case) -> tuple[dict[str, float], bool]:
    """Median slope error and roughness over a few images with a gradient, and whether there is any."""
    images, labels = case.few_images, case.few_labels
    slope = case.oracle.slope(images, margin, labels)
    keep = ~(slope.zero | slope.nonfinite)
    if not bool(keep.any()):
        return {}, False
    images, labels, gradient, logits = images[keep], labels[keep], slope.gradient[keep], slope.logits[keep]
    ids = [case.setup.ids[place] for place in case.few[keep.cpu()].tolist()]
    change = _Change(case, images, labels)
    error = _slope_error(change, gradient, logits)
    signs = [torch.stack([_signs(case, name, draw, images) for name in ids]) for draw in range(ROUGH_DRAWS)]
    clean = margin(logits, labels)
    rough = torch.stack([_roughness(change, gradient, clean, each) for each in signs]).median(0).values
    return {"slope_error": float(error.median()), "roughness": float(rough.median())}, True


class _Change:
    """Margins of a few images that are moved a little, which may leave the box by that little."""

    def __init__(self, case: Case, images: Tensor, labels: Tensor) -> None:
        self.oracle, self.images, self.labels = case.oracle, images, labels

    def __call__(self, delta: Tensor) -> Tensor:
        """``(n,)`` margins at ``images + delta``."""
        return margin(self.oracle.logits(self.images + delta), self.labels)


def _slope_error(change: _Change, gradient: Tensor, logits: Tensor) -> Tensor:
    """Central difference along the gradient against the gradient's own length, as a share of it."""
    flat = gradient.double().flatten(1)
    length: Tensor = torch.linalg.vector_norm(flat, dim=1)
    largest = flat.abs().amax(1)
    step = torch.minimum(STEP_SHARE * logits.double().norm(dim=1) / length.square(), STEP_LARGEST / largest)
    delta = (per_sample(step, gradient) * gradient.double()).float()
    measured = (change(delta) - change(-delta)) / 2
    return (measured / (step * length.square()) - 1).abs()


def _roughness(change: _Change, gradient: Tensor, clean: Tensor, signs: Tensor) -> Tensor:
    """Deviation from the tangent at a random corner, as a share of the change along the gradient's signs."""
    predicted = ROUGH_STEP * (gradient * signs).flatten(1).sum(1)
    steepest = ROUGH_STEP * gradient.flatten(1).abs().sum(1)
    return (change(ROUGH_STEP * signs) - clean - predicted).abs() / steepest


def _signs(case: Case, name: str, draw: int, like: Tensor) -> Tensor:
    drawn = stream(case.setup.seed, "S9", name, draw).integers(2, size=like.shape[1:])
    signs: Tensor = 2 * torch.from_numpy(drawn).to(like) - 1
    return signs
