"""Checks that compare attacks image by image: S1 one step, S2 smaller budgets, S7 queries, S8 noise, S13 all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from advwindow.attacks.audit.evidence import beyond, percent
from advwindow.attacks.audit.findings import Finding, found, skipped
from advwindow.attacks.audit.sample import same_budget, spread
from advwindow.attacks.audit.trial import Trial
from advwindow.attacks.ball import Ball
from advwindow.attacks.budget import Budget, Norm, per_sample, size
from advwindow.attacks.goal import Goal
from advwindow.attacks.gradient import FGSM
from advwindow.attacks.isolation import private_randomness
from advwindow.attacks.square import Square
from advwindow.streams import stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from advwindow.attacks.audit.case import Case
    from advwindow.attacks.audit.findings import Verdict

#: Share of images at which another attack may win without raising doubt.
TOLERATED = 0.01
SQUARE_QUERIES = 500
NOISE_DRAWS = {"quick": 4, "full": 34}
NOISES = ("sign", "uniform", "gaussian")


def s1(case: Case) -> Finding:
    """A single step at the same budget, from the trials or run on some images."""
    if case.budget.norm is Norm.L0:
        return skipped("S1", "A single step has no meaning in l0.")
    if case.own.single:
        return _single_step_audited(case)
    own, singles = case.own, [each for each in case.of_norm if each.single and _comparable(each, case.own)]
    if not singles:
        own = Trial.of(case.base_of_some)
        singles = [Trial.of(case.setup.run(FGSM(), case.budget, case.some, name="fgsm"))]
    lost = torch.stack([each.fallen() & own.missed(each.eps) for each in singles]).any(0)
    count, total = int(lost.sum()), int(own.tried.sum())
    summary = f"One step fools {count} of {total} images that the attack does not ({percent(count, total)})."
    return found("S1", beyond(count, total, TOLERATED), summary, lost=count, images=total)


def _comparable(single: Trial, own: Trial) -> bool:
    return not single.budget.minimal and (own.budget.minimal or same_budget(single.budget, own.budget))


def _single_step_audited(case: Case) -> Finding:
    """A single step left the fewest images standing: should more steps not have left fewer?"""
    own = case.own
    many = [each for each in case.of_norm if not each.single and not each.blind and _comparable(own, each)]
    if not many:
        return skipped("S1", "The audited attack is itself a single step.")
    count, total = int((own.fallen() & _missed_by_all(many, own.eps)).sum()), int(own.tried.sum())
    summary = (
        f"One step fools {count} of {total} images that {_names(many)} with more steps cannot fool "
        f"({percent(count, total)})."
    )
    return found("S1", beyond(count, total, TOLERATED), summary, lost=count, images=total)


def s2(case: Case) -> Finding:
    """Images that fall at one epsilon and stand at a larger one."""
    if case.setup.budget.minimal:
        return skipped("S2", "The smallest perturbation is sought, at no epsilon in particular.")
    if len(case.curve) < 2:
        carried = len(case.courses) > 1
        reason = "Successes were carried to larger epsilons" if carried else "There are outcomes at one epsilon only"
        return skipped("S2", f"{reason}; full runs {'each epsilon by itself' if carried else 'more'}.")
    wins = torch.stack([each.fallen() for each in case.curve])
    count, total = int((wins[:-1] & ~wins[1:]).any(0).sum()), int(case.curve[0].tried.sum())
    summary = (
        f"{count} of {total} images fall at one epsilon and stand at the next, over {len(case.curve)} epsilons "
        f"({percent(count, total)})."
    )
    return found("S2", beyond(count, total, TOLERATED), summary, violations=count, images=total, epsilons=len(wins))


def s7(case: Case) -> Finding:
    """Images that fall without gradients and stand with them."""
    eps = case.budget.value
    seeing = [each for each in case.peers if not each.blind]
    blind = [each for each in case.peers if each.blind]
    if not any(each.eps >= eps for each in seeing):
        return skipped("S7", "No attack at this budget uses gradients.")
    if not blind and not case.full:
        return skipped("S7", "There is no outcome of an attack without gradients; full runs one.")
    if not blind and case.budget.norm not in (Norm.LINF, Norm.L2):
        return skipped("S7", f"Square Attack does not know {case.budget.norm}; give outcomes of another blind attack.")
    if not blind:
        seeing = [each.take(case.places[case.some]) for each in seeing]
        blind = [_square(case, _missed_by_all(seeing, eps))]
    won = torch.stack([each.fallen(eps) for each in blind]).any(0)
    count, total = int((won & _missed_by_all(seeing, eps)).sum()), int(seeing[0].tried.sum())
    summary = (
        f"Without gradients ({_names(blind)}) {count} of {total} images fall that stand with them "
        f"({percent(count, total)})."
    )
    return found("S7", beyond(count, total, TOLERATED), summary, lost=count, images=total)


def _missed_by_all(trials: Sequence[Trial], eps: float) -> Tensor:
    return torch.stack([each.missed(eps) for each in trials]).all(0)


def _names(trials: Sequence[Trial]) -> str:
    return ", ".join(sorted({each.attack for each in trials}))


def _square(case: Case, left: Tensor) -> Trial:
    """Square Attack on those of some images that still stand; the others are taken as not fooled by it."""
    whole = replace(Trial.of(case.base_of_some), attack="square", blind=True, budget=case.budget)
    success, distance = torch.zeros_like(whole.success), torch.zeros_like(whole.distance)
    if bool(left.any()):
        attack = Square(queries=SQUARE_QUERIES, rescale_schedule=True)
        run = Trial.of(case.setup.run(attack, case.budget, case.some[left], name="square"))
        success[left], distance[left] = run.success, run.distance
    return replace(whole, success=success, distance=distance)


def s8(case: Case) -> Finding:
    """Random noise at epsilon on images that stand."""
    places = case.standing.nonzero().squeeze(1)
    limit = case.setup.samples if case.full else len(case.few)
    places = places[spread(len(places), limit)]
    if not len(places):
        return found("S8", "pass", "No image stands that noise could fool.", lost=0, images=0)
    some = case.setup.only(places)
    goal, lost = Goal(some.labels), torch.zeros(len(places), dtype=torch.bool, device=some.images.device)
    with private_randomness(some.seed, "audit", "S8"):
        for draw in range(NOISE_DRAWS[some.level]):
            for kind in NOISES:
                directions = [_direction(kind, some.seed, name, draw, some.images) for name in some.ids]
                noisy = noised(some.images, torch.stack(directions), case.budget)
                lost |= goal.safely_reached(case.oracle.logits(noisy))
    count, total, draws = int(lost.sum()), len(places), len(NOISES) * NOISE_DRAWS[some.level]
    summary = f"Random noise ({draws} draws) fools {count} of {total} images that the attack does not."
    return found("S8", beyond(count, total, TOLERATED), summary, lost=count, images=total, draws=draws)


def noised(images: Tensor, directions: Tensor, budget: Budget) -> Tensor:
    """Images moved along directions ``(n, C, H, W)`` as far as the budget goes, cut to ball and box."""
    radius = torch.full((len(images),), budget.value, dtype=torch.float64, device=images.device)
    if budget.norm is Norm.L0:  # the values that the direction names first become black or white
        moved = images + 2 * directions.sign()
        rank = directions.abs().flatten(1).argsort(1, descending=True).argsort(1).view_as(images)
        moved = torch.where(rank < budget.value, moved, images)
    else:
        moved = (
            images + per_sample(radius.float() / size(directions, budget.norm).clamp_min(1e-30), images) * directions
        )
    return Ball.around(images, radius, budget.norm).project(moved.clamp(0, 1))


def _direction(kind: str, seed: int, name: str, draw: int, like: Tensor) -> Tensor:
    generator, shape = stream(seed, "S8", kind, name, draw), like.shape[1:]
    match kind:
        case "sign":
            drawn = 2.0 * generator.integers(2, size=shape) - 1
        case "uniform":
            drawn = generator.uniform(-1, 1, shape)
        case _:
            drawn = generator.standard_normal(shape)
    return torch.from_numpy(np.asarray(drawn, dtype=np.float32)).to(like)


def s13(case: Case) -> Finding:
    """Robust accuracy over all attacks at the audited budget."""
    own, eps = case.own, case.budget.value
    if len(case.peers) == 1:
        return skipped("S13", "There are outcomes of one attack only.")
    fooled = torch.stack([each.fallen(eps) for each in case.peers]).any(0)
    total, alone = len(own.tried), int(own.standing(eps).sum())
    together, lost = int((own.tried & ~fooled).sum()), int((own.missed(eps) & fooled).sum())
    at = f"At {case.budget.norm} {eps:.3g}, the median of what it found, " if case.setup.budget.minimal else ""
    summary = (
        f"{at}{together} of {total} images withstand all of {_names(case.peers)} ({percent(together, total)}); "
        f"{own.attack} alone leaves {percent(alone, total)}."
    )
    verdict: Verdict = "warn" if beyond(lost, int(own.tried.sum()), TOLERATED) != "pass" else "pass"
    return found("S13", verdict, summary, worst_case=together / total, alone=alone / total)
