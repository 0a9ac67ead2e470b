"""Checks of what attacks return and report: S14 rules, S15 plausibility, I3 silence, I4 completeness, I5 transfer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from scipy.stats import binomtest

from advwindow.attacks.audit.evidence import beyond, percent
from advwindow.attacks.audit.findings import Finding, found, gravest, skipped
from advwindow.attacks.audit.sample import attacked, fooled, spread, standing, take
from advwindow.attacks.audit.trial import Trial
from advwindow.attacks.audit.witness import EnoughError, Watched
from advwindow.attacks.budget import MINIMAL, Budget, Norm
from advwindow.attacks.fmn import FMN
from advwindow.attacks.isolation import private_randomness
from advwindow.attacks.judge import judged_logits, perturbation_norms
from advwindow.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from advwindow.attacks.audit.case import Case
    from advwindow.attacks.audit.findings import Verdict
    from advwindow.attacks.outcome import Outcome

#: Rounding errors of an epsilon that do not count.
ROUNDING = 1e-6
BROKEN_SHARE = 0.01
UNCHANGED_WARN, UNCHANGED_FAIL = 0.05, 0.5
TARGETED_SHARE = 0.05
#: Steps of the attack that seeks the smallest perturbation, and how far behind the fixed budget such attacks may be.
FMN_STEPS = 50
LONGER = 1.1
SILENT_SHARE = 0.05
WITNESSED = {"quick": 4, "full": 16}
PATIENCE = {"quick": 25, "full": None}
TRANSFER_SHARE = 0.01
#: I4: how far the loss still fell over the last fifth of its values, at most 10, and how many values a trace must have.
STILL_FALLING, LAST_SHARE, LAST_VALUES, LEAST_VALUES = 0.05, 5, 10, 10
INCOMPLETE_SHARE, INCOMPLETE_LEVEL = 0.5, 0.05


def s14(case: Case) -> Finding:
    """Epsilon, box, claims and a second look."""
    base, tried = case.base, attacked(case.base)
    over = base.eps_excess.cpu() > ROUNDING * (0 if base.budget.minimal else base.budget.value)
    outside = tried & (over | ~base.in_box.cpu())
    denied = tried & reported(base) & ~base.adversarial.cpu() & (not case.traits.random)
    stale, looked = _not_reproduced(case)
    lost = int((base.success & ~base.success_8bit).sum())
    broken, total = int((outside | denied).sum()) + stale, int(tried.sum())
    verdict: Verdict = "pass" if not broken else "fail" if broken > BROKEN_SHARE * total else "warn"
    summary = (
        f"Of {total} returned images {int(outside.sum())} leave epsilon or the box, {int(denied.sum())} are claimed in "
        f"vain; {stale} of {looked} successes not reproduced; {lost} of {int(fooled(base).sum())} are lost in 8 bits."
    )
    return found(
        "S14",
        verdict,
        summary,
        outside=int(outside.sum()),
        denied=int(denied.sum()),
        not_reproduced=stale,
        lost_8bit=lost,
        images=total,
        largest_excess=float(base.eps_excess.cpu()[tried].max()) if total else 0.0,
    )


def reported(outcome: Outcome) -> Tensor:
    """``(N,)`` bool: the attack said success and when; attacks that report nothing claim everything without a step."""
    return outcome.claimed.cpu() & (outcome.first_success_step.cpu() >= 0)


def _not_reproduced(case: Case) -> tuple[int, int]:
    """Successes that another pass or another measurement denies, and how many were looked at."""
    places = fooled(case.base).nonzero().squeeze(1)
    places = places[spread(len(places), 8)]
    if not len(places) or case.traits.random:
        return 0, 0
    some, originals = take(case.base, places), case.setup.only(places).images
    with private_randomness(case.setup.seed, "audit", "S14"):
        again = judged_logits(case.setup.model, some.images).argmax(1)
    wrong = (again == some.labels) if some.target is None else (again != some.target)
    sizes = perturbation_norms(originals, some.images)[some.budget.norm]
    wrong |= sizes > (some.distance * (1 + ROUNDING) + 1e-12)
    return int(wrong.sum()), len(places)


def s15(case: Case) -> Finding:
    """Unchanged images, smallest perturbations, and at level full a targeted run."""
    base, tried = case.base, attacked(case.base)
    unchanged, total = int((tried & (base.norms[Norm.LINF].cpu() == 0)).sum()), int(tried.sum())
    share = unchanged / max(1, total)
    verdict: Verdict = "fail" if share >= UNCHANGED_FAIL else "warn" if share > UNCHANGED_WARN else "pass"
    numbers: dict[str, float] = {"unchanged": unchanged, "images": total}
    summary = f"{unchanged} of {total} attacked images come back unchanged"
    median = _medians(case)
    if median is not None:
        smallest, half = median
        numbers |= {"median_smallest": smallest, "eps_half": half}
        summary += f"; the median smallest perturbation is {smallest:.3g}, half of the images fall by {half:.3g}"
        verdict = gravest(verdict, "warn" if smallest > LONGER * half else "pass")
    if case.full and not case.setup.budget.minimal:
        gained, reached, some = _targeted(case)
        numbers |= {"targeted_reached": reached, "targeted_gained": gained, "targeted_images": some}
        summary += f"; aimed at the runner-up class it reaches {reached} of {some} and fools {gained} more"
        verdict = gravest(verdict, "warn" if beyond(gained, some, TARGETED_SHARE) != "pass" else "pass")
    return found("S15", verdict, f"{summary}.", **numbers)


def _medians(case: Case) -> tuple[float, float] | None:
    """Median of the smallest perturbations, and the smallest epsilon at which half the images fall; if both exist."""
    course = [_same_images(case, each) for each in (case.curve if len(case.curve) > 1 else case.courses)]
    falling = [each.eps for each in course if 2 * each.withstood() <= len(each.tried)]
    smallest = [_same_images(case, each) for each in case.smallest]
    if case.full and falling and not smallest and not case.traits.random:
        budget = Budget(case.budget.norm, MINIMAL)
        smallest = [Trial.of(case.setup.run(FMN(steps=FMN_STEPS), budget, case.some, name="fmn"))]
    if not smallest or not falling:
        return None
    return min(float(each.distance.median()) for each in smallest), min(falling)


def _same_images(case: Case, trial: Trial) -> Trial:
    """The trial on the images that re-runs take, which is all there is of some trials."""
    index = case.places[case.some]
    return trial if len(trial.tried) == len(index) else trial.take(index)


def _targeted(case: Case) -> tuple[int, int, int]:
    """The audited attack toward the second class of the clean image: images gained, targets reached, images tried."""
    base = case.base_of_some
    index = case.some[attacked(base)]
    if not len(index):
        return 0, 0, 0
    some = case.setup.only(index)
    logits = judged_logits(some.model, some.images)
    target = logits.scatter(1, some.labels[:, None], -torch.inf).argmax(1)
    outcome = case.setup.run(case.setup.attack, case.setup.budget, index, target=target)
    fools = (outcome.prediction != outcome.labels).cpu() & (outcome.eps_excess.cpu() <= 0) & outcome.in_box.cpu()
    gained = int((fools & ~fooled(take(case.base, index))).sum())
    return gained, int(fooled(outcome).sum()), len(index)


def i3(case: Case) -> Finding:
    """Believe attacks that report; watch the others."""
    base, tried = case.base, attacked(case.base)
    tells = bool((tried & (base.first_success_step.cpu() >= 0)).any()) or base.trace.shape[1] > 0
    if case.traits.random:
        return skipped("I3", "The network draws at random: a single answer on the way means nothing.")
    missed = int((tried & base.silent.cpu() & ~fooled(base)).sum())
    if missed or (tells and not case.full):
        return _silence(missed, int(tried.sum()), "by the attack's own report")
    return _watch(case)


def _watch(case: Case) -> Finding:
    level = case.setup.level
    correct = attacked(case.base).nonzero().squeeze(1)
    index = correct[spread(len(correct), WITNESSED[level])]
    if not len(index):
        return skipped("I3", "No image is classified correctly.")
    watched = Watched(case.setup.attack, most=PATIENCE[level])
    try:
        outcome = case.setup.run(watched, case.setup.budget, index)
    except (EnoughError, UserError):
        if watched.log is not None and watched.log.gave_up:
            return skipped("I3", f"The attack needs more than {watched.most} passes an image; full watches it.")
        raise
    assert watched.log is not None
    missed = int((watched.log.seen.cpu() & ~fooled(outcome)).sum())
    return _silence(missed, len(index), f"seen by a witness of {watched.log.rows} questions")


def _silence(missed: int, total: int, how: str) -> Finding:
    verdict: Verdict = "pass" if not missed else "fail" if missed > SILENT_SHARE * total else "warn"
    summary = f"{missed} of {total} images were fooled on the way and not in the end ({how})."
    return found("I3", verdict, summary, silent=missed, images=total)


def i4(case: Case) -> Finding:
    """Whether the loss was still falling where the attack failed."""
    base = case.base
    if base.budget.minimal:
        return skipped("I4", "The smallest perturbation is sought; its loss need not fall.")
    left = standing(base)
    number = (~base.trace.isnan()).sum(1).cpu()
    long = left & (number >= LEAST_VALUES)
    if not bool(long.any()):
        reason = f"No trace has {LEAST_VALUES} values; see S5." if bool(left.any()) else "No image stands."
        return skipped("I4", reason)
    trace, total = base.trace.cpu()[long], int(long.sum())
    incomplete = int(still_falling(trace, (number[long] // LAST_SHARE + 1).clamp(max=LAST_VALUES)).sum())
    strict = int(still_falling(trace, torch.full((total,), LAST_VALUES)).sum())
    chance = float(binomtest(incomplete, total, INCOMPLETE_SHARE, alternative="greater").pvalue)
    summary = (
        f"The loss was still falling for {incomplete} of {total} images that stand ({percent(incomplete, total)})."
    )
    verdict: Verdict = "warn" if chance < INCOMPLETE_LEVEL else "pass"
    return found("I4", verdict, summary, incomplete=incomplete, by_definition=strict, images=total)


def still_falling(trace: Tensor, last: Tensor) -> Tensor:
    """Indicator I4 of Pintor et al. 2022 for descended losses.

    Args:
        trace: ``(n, T)`` losses, NaN after the last one.
        last: ``(n,)`` int64: how many of its last values each trace is judged by; 10 in the paper.

    Returns:
        ``(n,)`` bool; a loss that never changes is complete.
    """
    values = trace.double()
    shifted = values - values.nan_to_num(torch.inf).amin(1, keepdim=True)
    top = shifted.nan_to_num(-torch.inf).amax(1, keepdim=True)
    course = (shifted / top).nan_to_num(torch.inf).cummin(1).values
    number = (~values.isnan()).sum(1)
    start, end = (number - last).clamp_min(0), (number - 1).clamp_min(0)
    fall = course.gather(1, start[:, None]) - course.gather(1, end[:, None])
    return (fall.squeeze(1) > STILL_FALLING) & (top.squeeze(1) > 0)


def i5(case: Case) -> Finding:
    """Claims that the judged network denies."""
    base, tried = case.base, attacked(case.base)
    if case.traits.random:
        return skipped("I5", "The network draws at random: it denies a share of all claims.")
    claims = tried & reported(base)
    if not bool(claims.any()):
        return skipped("I5", "The attack reports no success of its own.")
    valid = claims & (base.eps_excess.cpu() <= 0) & base.in_box.cpu()
    count, total = int((valid & ~base.adversarial.cpu()).sum()), int(claims.sum())
    summary = f"{count} of {total} images that fool the attacked network do not fool the judged one."
    return found("I5", beyond(count, total, TRANSFER_SHARE), summary, transferred_not=count, images=total)
