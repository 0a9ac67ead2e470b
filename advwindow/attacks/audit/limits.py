"""Checks that run the attack farther: S3 and S4 and I6 without limits, S5 with more steps, S6 with more restarts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from scipy.stats import binomtest

from advwindow.attacks.audit.evidence import FAIL_LEVEL, WARN_LEVEL, beyond, percent
from advwindow.attacks.audit.findings import Finding, found, skipped
from advwindow.attacks.audit.sample import attacked, fooled, standing
from advwindow.attacks.audit.trial import SHORTENED
from advwindow.attacks.budget import Budget, Norm
from advwindow.attacks.gradient import PGD

if TYPE_CHECKING:
    from torch import Tensor

    from advwindow.attacks.audit.case import Case
    from advwindow.attacks.audit.findings import Verdict
    from advwindow.attacks.door import Attack

TOLERATED = 0.01
_QUICK = "The attack would have to be run again; full does."


def s3(case: Case) -> Finding:
    """PGD at an Linf epsilon of 0.5 against chance."""
    if not case.full:
        return skipped("S3", _QUICK)
    outcome = case.setup.run(PGD(steps=20, until="success"), Budget(Norm.LINF, "0.5"), case.some, name="pgd")
    right, total, classes = outcome.withstood(), len(outcome.status), case.pool_logits.shape[1]
    chance = float(binomtest(right, total, 1 / classes, alternative="greater").pvalue)
    verdict: Verdict = "fail" if chance < FAIL_LEVEL else "warn" if chance < WARN_LEVEL else "pass"
    summary = (
        f"At an Linf epsilon of 0.5, {right} of {total} images stay correct ({percent(right, total)}; "
        f"chance is {percent(1, classes)})."
    )
    return found("S3", verdict, summary, accuracy=right / total, chance=1 / classes, images=total)


def s4(case: Case) -> Finding:
    """Double epsilon until next to nothing stands or the ball holds every image."""
    if case.setup.budget.minimal:
        left, total = int(standing(case.base).sum()), int(attacked(case.base).sum())
        summary = f"Without any limit {left} of {total} images stand ({percent(left, total)})."
        return found("S4", beyond(left, total, TOLERATED), summary, left=left, images=total)
    if not case.full:
        return skipped("S4", _QUICK)
    total = int(attacked(case.base_of_some).sum())
    index, eps = case.some[standing(case.base_of_some)], case.budget.value
    largest = whole_box(case)
    while len(index) > max(1, TOLERATED * total) and eps < largest.value:
        eps = min(2 * eps, largest.value)
        budget = largest if eps == largest.value else Budget(largest.norm, repr(eps))
        outcome = case.setup.run(unhurried(case.setup.attack), budget, index)
        index = index[standing(outcome)]
    summary = f"At {case.budget.norm} {eps:.3g}, {len(index)} of {total} images stand ({percent(len(index), total)})."
    return found("S4", beyond(len(index), total, TOLERATED), summary, left=len(index), images=total, eps=eps)


def i6(case: Case) -> Finding:
    """The audited attack at an epsilon that holds every image."""
    if case.setup.budget.minimal:
        base = case.base
    elif not case.full:
        return skipped("I6", _QUICK)
    else:
        base = case.setup.run(unhurried(case.setup.attack), whole_box(case), case.some)
    same = attacked(base) & ~fooled(base) & ~base.silent.cpu() & (base.prediction == base.labels).cpu()
    count, total, tried = int(same.sum()), len(base.status), int(attacked(base).sum())
    summary = f"Without a limit the attack fails on {count} of {tried} images ({percent(count, tried)})."
    return found("I6", beyond(count, tried, TOLERATED), summary, value=count / total, of_attacked=count / max(1, tried))


def whole_box(case: Case) -> Budget:
    """The smallest budget whose ball around any image holds every image."""
    norm, values = case.budget.norm, case.setup.images[0].numel()
    reach = {Norm.LINF: 1.0, Norm.L2: math.sqrt(values), Norm.L1: float(values), Norm.L0: float(values)}
    return Budget(norm, repr(reach[norm]))


def unhurried(attack: Attack) -> Attack:
    """The attack with steps that grow with epsilon, where it has a step size of its own."""
    return _changed(attack, {"step_size": None}) or attack


def s5(case: Case) -> Finding:
    """The same attack with twice the steps."""
    if not case.full:
        return skipped("S5", _QUICK)
    steps = _parameter(case.setup.attack, "steps")
    more = _changed(case.setup.attack, {"steps": 2 * steps}) if steps else None
    return _again(case, "S5", more, f"{2 * steps} steps" if steps else "", "steps")


def s6(case: Case) -> Finding:
    """The same attack with twice the restarts."""
    if not case.full:
        return skipped("S6", _QUICK)
    restarts = _parameter(case.setup.attack, "restarts")
    if not _parameter(case.setup.attack, "random_start", default=1):
        return skipped("S6", "The attack does not start at random.")
    more = _changed(case.setup.attack, {"restarts": 2 * restarts}) if restarts else None
    return _again(case, "S6", more, f"{2 * restarts} restarts" if restarts else "", "restarts")


def _again(case: Case, code: str, attack: Attack | None, what: str, parameter: str) -> Finding:
    if attack is None:
        return skipped(
            code, f"The attack has no parameter {parameter} that could be doubled; write it out if it has one."
        )
    before, after = case.base_of_some, case.setup.run(attack, case.setup.budget, case.some)
    won, had = fooled(after), fooled(before)
    if case.setup.budget.minimal:
        shorter = after.distance.cpu() < (1 - SHORTENED) * before.distance.cpu()
        longer = before.distance.cpu() < (1 - SHORTENED) * after.distance.cpu()
        gained, lost = int((won & shorter).sum()), int((had & longer).sum())
    else:
        gained, lost = int((won & ~had).sum()), int((had & ~won).sum())
    both, total = standing(before) & standing(after), int(attacked(before).sum())
    change = _relative_change(before.margin.cpu()[both], after.margin.cpu()[both])
    how = " by a perturbation shorter by a tenth" if case.setup.budget.minimal else ""
    summary = f"With {what} {gained} of {total} images are gained{how} and {lost} lost"
    if bool(both.any()):
        summary += f"; the margin of the {int(both.sum())} that stand changes by {percent(change, 1)}"
    verdict = beyond(gained - lost, total, TOLERATED)
    return found(code, verdict, f"{summary}.", gained=gained, lost=lost, images=total, margin_change=change)


def _relative_change(before: Tensor, after: Tensor) -> float:
    if not len(before) or float(before.abs().mean()) == 0:
        return 0.0
    return float((after - before).mean().abs() / before.abs().mean())


def _parameter(attack: Attack, name: str, *, default: int = 0) -> int:
    """A whole-number parameter of an attack of ours or of a back end; `default` where there is none."""
    given = getattr(attack, "parameters", None)
    value = given.get(name) if isinstance(given, Mapping) else getattr(attack, name, None)
    return int(value) if isinstance(value, int) else default


def _changed(attack: Attack, changes: dict[str, Any]) -> Attack | None:
    """A copy with other parameters; None where it has no such parameters."""
    given = getattr(attack, "parameters", None)
    if isinstance(given, Mapping):
        known, changed = set(given), {"parameters": {**given, **changes}}
    else:
        known, changed = set(getattr(attack, "__dataclass_fields__", ())), changes
    if not changes.keys() <= known:
        return None
    made: Attack = replace(cast("Any", attack), **changed)
    return made
