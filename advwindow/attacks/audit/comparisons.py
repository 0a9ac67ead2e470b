"""Checks that compare attacks image by image: S1 one step, S2 smaller budgets, S7 queries, S8 noise, S13 all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from advwindow.attacks.audit.evidence import beyond, percent
from advwindow.attacks.audit.findings import Finding, found, skipped
from advwindow.attacks.audit.sample import attacked, carries_successes, fooled, is_blind, spread, standing, take
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
    from advwindow.attacks.outcome import Outcome

#: Share of images at which another attack may win without raising doubt.
TOLERATED = 0.01
SQUARE_QUERIES = 500
NOISE_DRAWS = {"quick": 4, "full": 34}
NOISES = ("sign", "uniform", "gaussian")


def s1(case: Case) -> Finding:
    """FGSM at the same budget, from the outcomes or run on some images."""
    if isinstance(case.setup.attack, FGSM):
        return skipped("S1", "The audited attack is itself a single step.")
    if case.budget.norm is Norm.L0:
        return skipped("S1", "A single step has no meaning in l0.")
    known = next((each for each in case.peers() if each.attack == "fgsm"), None)
    base = case.base if known is not None else case.base_of_some
    single = known if known is not None else case.setup.run(FGSM(), case.budget, case.some, name="fgsm")
    tried, lost = attacked(base), fooled(single) & case.standing(base)
    count, total = int(lost.sum()), int(tried.sum())
    summary = f"One step fools {count} of {total} images that the attack does not ({percent(count, total)})."
    return found("S1", beyond(count, total, TOLERATED), summary, lost=count, images=total)


def s2(case: Case) -> Finding:
    """Images that fall at one epsilon and stand at a larger one."""
    if case.setup.budget.minimal:
        return skipped("S2", "The smallest perturbation is sought, at no epsilon in particular.")
    if len(case.curve) < 2:
        return skipped("S2", "There are outcomes at one epsilon only; full runs more.")
    if carries_successes(case.setup.attack) and not case.full:
        return skipped("S2", "Successes were carried to larger epsilons; full runs each epsilon by itself.")
    wins = torch.stack([fooled(each) for each in case.curve])
    count, total = int((wins[:-1] & ~wins[1:]).any(0).sum()), int(attacked(case.curve[0]).sum())
    summary = (
        f"{count} of {total} images fall at one epsilon and stand at the next, over {len(case.curve)} epsilons "
        f"({percent(count, total)})."
    )
    return found("S2", beyond(count, total, TOLERATED), summary, violations=count, images=total, epsilons=len(wins))


def s7(case: Case) -> Finding:
    """Images that fall without gradients and stand with them."""
    peers = case.peers()
    seeing = [each for each in peers if not is_blind(each)]
    blind = [each for each in peers if is_blind(each)]
    if not seeing:
        return skipped("S7", "No attack at this budget uses gradients.")
    names = sorted({each.attack for each in blind})
    index = torch.arange(len(case.setup.images))
    if not blind and case.full:
        if case.budget.norm not in (Norm.LINF, Norm.L2):
            return skipped(
                "S7", f"Square Attack does not know {case.budget.norm}; give outcomes of another blind attack."
            )
        index, names = case.some, ["square"]
        seeing = [take(each, index) for each in seeing]
        blind = [_square(case, index, _withstood_all(seeing))]
    elif not blind:
        return skipped("S7", "There is no outcome of an attack without gradients; full runs one.")
    won = torch.stack([fooled(each) for each in blind]).any(0)
    count, total = int((won & _withstood_all(seeing)).sum()), int(attacked(seeing[0]).sum())
    summary = (
        f"Without gradients ({', '.join(names)}) {count} of {total} images fall that stand with them "
        f"({percent(count, total)})."
    )
    return found("S7", beyond(count, total, TOLERATED), summary, lost=count, images=total)


def _withstood_all(outcomes: Sequence[Outcome]) -> Tensor:
    return torch.stack([standing(each) for each in outcomes]).all(0)


def _square(case: Case, index: Tensor, left: Tensor) -> Outcome:
    """Square Attack on the images still standing; the others are taken as not fooled by it."""
    whole = take(case.base, index)
    success = torch.zeros(len(index), dtype=torch.bool)
    if bool(left.any()):
        attack = Square(queries=SQUARE_QUERIES, rescale_schedule=True)
        success[left] = fooled(case.setup.run(attack, case.budget, index[left], name="square"))
    return replace(whole, attack="square", success=success)


def s8(case: Case) -> Finding:
    """Random noise at epsilon on images that stand."""
    places = case.standing().nonzero().squeeze(1)
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
    peers = case.peers()
    own = case.base if not case.setup.budget.minimal else None
    if own is None:
        return skipped("S13", "The smallest perturbation is sought; compare medians instead (S15).")
    total, alone = len(own.status), int(standing(own).sum())
    together = int(_withstood_all(peers).sum())
    names = sorted({each.attack for each in peers})
    summary = (
        f"{together} of {total} images withstand all of {', '.join(names)} ({percent(together, total)}); "
        f"{own.attack} alone leaves {percent(alone, total)}."
    )
    verdict = beyond(alone - together, int(attacked(own).sum()), TOLERATED)
    return found(
        "S13", "warn" if verdict == "fail" else verdict, summary, worst_case=together / total, alone=alone / total
    )
