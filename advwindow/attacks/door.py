"""The one door through which every attack passes, ours and other libraries'.

Check the input, leave misclassified samples alone, hand the rest to the attack on a frozen copy, judge what comes back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch

from advwindow.attacks.budget import per_sample
from advwindow.attacks.goal import Goal
from advwindow.attacks.isolation import private_randomness
from advwindow.attacks.judge import Verdict, judge, judged_logits
from advwindow.attacks.outcome import Outcome, Status
from advwindow.errors import UserError
from advwindow.models import Classifier, prepare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from advwindow.attacks.budget import Budget


@dataclass(frozen=True)
class Problem:
    """What an attack gets to see: only samples that are worth attacking, and a frozen copy of the network.

    Attributes:
        model: frozen, in evaluation mode, prepared for gradients; its own parameters need none.
        images: ``(n, C, H, W)`` float32 in [0, 1].
        labels: ``(n,)`` int64, the true classes.
        goal: what counts as adversarial.
        ids: ``n`` stable ids that key the random streams.
        seed: the user's seed.
        lanes: how many jobs may run side by side.
    """

    model: Classifier
    images: Tensor
    labels: Tensor
    goal: Goal
    ids: tuple[str, ...]
    seed: int
    lanes: int


@dataclass(frozen=True)
class Candidates:
    """What an attack claims at one budget, for the ``n`` samples of its problem; see `Outcome` for the fields."""

    images: Tensor
    first_success_step: Tensor
    forwards: Tensor
    backwards: Tensor
    zero_gradients: Tensor
    nonfinite_gradients: Tensor


class Attack(Protocol):
    """Finds candidates for each budget; may overshoot, exaggerate or fail: the judge decides."""

    def __call__(self, problem: Problem, budgets: Sequence[Budget]) -> list[Candidates]:
        """Candidates for each budget, in the order given."""
        ...


def perform(
    name: str,
    attack: Attack,
    model: Classifier,
    images: Tensor,
    labels: Tensor,
    budgets: Sequence[Budget],
    *,
    target: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    batch_size: int | None = None,
    clean_logits: Tensor | None = None,
) -> list[Outcome]:
    """Run an attack and judge it: one `Outcome` per budget.

    Args:
        name: what the outcome calls the attack.
        attack: the attack itself.
        model: left exactly as found: modes, gradients, hooks, parameters.
        images: ``(N, C, H, W)`` in [0, 1].
        labels: ``(N,)`` true classes.
        budgets: what may be spent.
        target: ``(N,)`` classes to reach; None to leave the true class.
        seed: seed of the private random streams.
        ids: one stable id per sample, keys of the random streams; the position by default.
        batch_size: jobs side by side; changes speed and memory, and results only by rounding.
        clean_logits: what `judged_logits` gave for these images, where it is known already.

    Raises:
        UserError: images, labels or targets that cannot be used.
    """
    images, labels, target = _checked(images, labels, target, model)
    with private_randomness(seed, name):
        names = tuple(str(i) for i in range(len(images))) if ids is None else tuple(ids)
        if len(names) != len(images) or len(set(names)) != len(names):
            raise UserError(
                "ids must be unique, one per image", got=f"{len(set(names))} different ids", expected=str(len(images))
            )
        if batch_size is not None and batch_size < 1:
            raise UserError("the batch size must be at least 1", got=str(batch_size))
        clean = _clean_logits(model, images, labels, target, clean_logits)
        prediction = clean.argmax(1)
        attacked = (prediction == labels).nonzero().squeeze(1)
        goal = Goal(labels if target is None else target, targeted=target is not None)
        kappa = float(getattr(attack, "kappa", 0.0))
        if len(attacked):
            problem = Problem(
                prepare(model, images[attacked[:BATCH_TO_TRACE]]),
                images[attacked],
                labels[attacked],
                goal.take(attacked),
                tuple(names[i] for i in attacked.tolist()),
                seed,
                batch_size or default_lanes(images),
            )
            found = attack(problem, budgets)
        else:
            found = [_nothing(images[:0]) for _ in budgets]
        return [
            _outcome(name, model, images, labels, goal, kappa, prediction, attacked, budget, candidates)
            for budget, candidates in zip(budgets, found, strict=True)
        ]


#: Enough images to find which batch norms follow which convolutions and to check the folded copy.
BATCH_TO_TRACE = 2


#: Numbers in a batch of images. On a CPU the memory that a larger one needs is handed back to the system and cleared
#: again at every step, which costs more than a fuller batch gains.
_BATCH_NUMBERS = {"cpu": 4 * 3 * 224 * 224}
_BATCH_NUMBERS_ELSEWHERE = 128 * 3 * 224 * 224


def default_lanes(images: Tensor) -> int:
    """Jobs side by side: 4 images of 224 px on a CPU, 128 elsewhere, more of smaller ones; between 1 and 1024."""
    numbers = _BATCH_NUMBERS.get(images.device.type, _BATCH_NUMBERS_ELSEWHERE)
    return max(1, min(1024, numbers // max(1, images[0].numel())))


def _classes(values: Tensor | Sequence[int], what: str) -> Tensor:
    classes = torch.as_tensor(values)
    if len(classes) and (classes.is_floating_point() or classes.dtype is torch.bool):
        raise UserError(f"{what} must be whole numbers", got=str(classes.dtype), expected="class indices")
    return classes.to(torch.int64)


def _checked(
    images: Tensor, labels: Tensor, target: Tensor | None, model: Classifier
) -> tuple[Tensor, Tensor, Tensor | None]:
    if not isinstance(model, Classifier):
        raise UserError("an attack needs a Classifier", got=type(model).__name__, fix="wrap it: aw.Classifier(module)")
    labels = _classes(labels, "labels")
    target = None if target is None else _classes(target, "targets")
    if images.dim() < 2 or not images.is_floating_point():
        raise UserError(
            "images must be a float tensor",
            got=f"{images.dtype} of shape {tuple(images.shape)}",
            expected="(N, C, H, W)",
        )
    if not bool(torch.isfinite(images).all()):
        raise UserError("images hold numbers that are not finite", fix="look for NaN in the data")
    if len(images) and (float(images.min()) < 0 or float(images.max()) > 1):
        raise UserError(
            "images leave the pixel range",
            got=f"[{float(images.min()):.4g}, {float(images.max()):.4g}]",
            expected="[0, 1]",
            fix="undo any normalisation: the classifier normalises inside",
        )
    if labels.shape != (len(images),):
        raise UserError("labels do not fit the images", got=str(tuple(labels.shape)), expected=str((len(images),)))
    if target is not None:
        if target.shape != labels.shape:
            raise UserError(
                "targets do not fit the images", got=str(tuple(target.shape)), expected=str(tuple(labels.shape))
            )
        labels, target = labels.to(model.device), target.to(model.device)
        if bool((target == labels).any()):
            raise UserError("a target equals the true class", fix="choose another class to reach")
    return images.to(model.device, torch.float32), labels.to(model.device), target


def _clean_logits(
    model: Classifier, images: Tensor, labels: Tensor, target: Tensor | None, known: Tensor | None
) -> Tensor:
    if not len(images):
        return images.new_zeros((0, 2))
    clean = judged_logits(model, images) if known is None else known
    if not bool(torch.isfinite(clean).all()):
        raise UserError("the network answers with numbers that are not finite", fix="check weights and normalisation")
    if clean.dim() != 2 or clean.shape[1] < 2:
        raise UserError(
            "a classifier needs at least two logits per image", got=f"an output of shape {tuple(clean.shape)}"
        )
    wanted = labels if target is None else torch.cat([labels, target])
    if int(wanted.max()) >= clean.shape[1] or int(wanted.min()) < 0:
        raise UserError(
            "a label names no output of the network",
            got=f"labels from {int(wanted.min())} to {int(wanted.max())}",
            expected=f"0 to {clean.shape[1] - 1}",
            fix="check that images and network have the same classes",
        )
    return clean


def _nothing(images: Tensor) -> Candidates:
    zero = torch.zeros(0, dtype=torch.int64, device=images.device)
    return Candidates(images, zero, zero, zero, zero, zero)


def _outcome(
    name: str,
    model: Classifier,
    images: Tensor,
    labels: Tensor,
    goal: Goal,
    kappa: float,
    clean_prediction: Tensor,
    attacked: Tensor,
    budget: Budget,
    candidates: Candidates,
) -> Outcome:
    full = images.clone()
    found = candidates.images.to(full.device, full.dtype)
    usable = (found.isfinite() & (found >= 0) & (found <= 1)).flatten(1).all(1)
    full[attacked] = torch.where(per_sample(usable, found), found, full[attacked])  # an image is an image, or none came
    verdict = judge(model, images, full, goal, budget, kappa=kappa) if len(images) else _no_verdict(images)
    was_attacked = torch.zeros(len(images), dtype=torch.bool, device=images.device).index_fill_(0, attacked, value=True)
    success = verdict.success & was_attacked
    distance = verdict.norms[budget.norm].clone()
    if budget.minimal:
        distance[was_attacked & ~success] = torch.inf

    def spread(values: Tensor, empty: int) -> Tensor:
        rows = torch.full((len(images),), empty, dtype=torch.int64, device=images.device)
        return rows.index_copy_(0, attacked, values.to(rows.device, torch.int64))

    return Outcome(
        attack=name,
        budget=budget,
        images=full,
        success=success,
        status=_statuses(was_attacked, success),
        distance=distance,
        margin=verdict.margin,
        prediction=verdict.prediction,
        clean_prediction=clean_prediction,
        labels=labels,
        target=goal.classes if goal.targeted else None,
        first_success_step=spread(candidates.first_success_step, -1),
        forwards=spread(candidates.forwards, 0),
        backwards=spread(candidates.backwards, 0),
        norms=verdict.norms,
        success_8bit=verdict.success_8bit & was_attacked,
        zero_gradients=spread(candidates.zero_gradients, 0),
        nonfinite_gradients=spread(candidates.nonfinite_gradients, 0),
    )


def _no_verdict(images: Tensor) -> Verdict:
    zero = images.new_zeros(0)
    flags = zero.bool()
    norms = {name: zero.double() for name in ("linf", "l2", "l1", "l0")}
    return Verdict(flags, zero, zero.long(), norms, flags)


def _statuses(attacked: Tensor, success: Tensor) -> tuple[Status, ...]:
    return tuple(
        Status.SUCCESS if won else Status.FAILED if tried else Status.SKIPPED
        for tried, won in zip(attacked.tolist(), success.tolist(), strict=True)
    )
