"""The audit: can this robustness number be believed?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from advwindow.attacks.audit import comparisons, gradients, limits, network, records
from advwindow.attacks.audit.case import POOL, Case, Setup
from advwindow.attacks.audit.catalogue import codes
from advwindow.attacks.audit.findings import Audit, Finding, Level, found, skipped
from advwindow.attacks.audit.sample import carries_successes, same_budget, spread
from advwindow.attacks.audit.trial import Trial
from advwindow.attacks.catalog import make_attack
from advwindow.attacks.door import IMAGES_TO_TRY
from advwindow.attacks.gradient import FGSM
from advwindow.attacks.request import Request
from advwindow.attacks.traits import probe_traits
from advwindow.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor

    from advwindow.attacks.budget import Budget
    from advwindow.attacks.door import Attack
    from advwindow.attacks.outcome import Outcome
    from advwindow.attacks.traits import Traits
    from advwindow.models import Classifier

CHECKS: dict[str, Callable[[Case], Finding]] = {
    "S1": comparisons.s1,
    "S2": comparisons.s2,
    "S3": limits.s3,
    "S4": limits.s4,
    "S5": limits.s5,
    "S6": limits.s6,
    "S7": comparisons.s7,
    "S8": comparisons.s8,
    "S9": gradients.s9,
    "S10": network.s10,
    "S11": network.s11,
    "S12": network.s12,
    "S13": comparisons.s13,
    "S14": records.s14,
    "S15": records.s15,
    "I1": gradients.i1,
    "I2": network.i2,
    "I3": records.i3,
    "I4": records.i4,
    "I5": records.i5,
    "I6": limits.i6,
}
assert tuple(CHECKS) == codes()

#: Images that are attacked where no outcome of the audited attack was given, at level quick.
FIRST_LOOK = 8
LEVELS = ("quick", "full")


def audit(
    model: Classifier,
    images: Tensor,
    labels: Tensor,
    *,
    attack: Attack | str,
    budget: Budget,
    parameters: Mapping[str, Any] | None = None,
    name: str | None = None,
    level: Level = "quick",
    outcomes: Sequence[Outcome] = (),
    trials: Sequence[Trial] = (),
    reference: Classifier | float | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    batch_size: int | None = None,
    samples: int = 100,
    draws: int | None = None,
    declared_random: bool = False,
) -> Audit:
    """Check whether the success of an attack says what it seems to say: checks S1 to S15, indicators I1 to I6.

    Level quick reads the outcomes at hand and probes the network with about a hundred passes over at most 32 images;
    level full runs the attack again, in other ways, on a subsample. `explain` tells what each check does.

    Args:
        model: the network; left exactly as found.
        images: ``(N, C, H, W)`` in [0, 1].
        labels: ``(N,)`` true classes.
        attack: the audited attack, or its name.
        budget: norm and epsilon of the audited number; or the minimal budget.
        parameters: of an attack given by name.
        name: what outcomes call an attack that is given as an object; its class in lower case by default.
        level: ``"quick"`` or ``"full"``.
        outcomes: what attacks returned for the very same images, at any budget. If the audited attack at `budget` is
            not among them, it is run: on at most 8 images (quick) or `samples` (full).
        trials: what is known of attacks on these very images without their outcomes, such as a sweep's stored tables;
            the audited one among them if its name and budget are. Checks that compare attacks or epsilons (S1, S2, S7,
            S13, S15) read them and the outcomes together, on all images where they hold the audited attack.
        reference: the undefended network (for I2), or the clean accuracy to expect, in [0, 1] (for S12).
        seed: seed of the private random streams.
        ids: one stable id per image; the position by default.
        batch_size: jobs side by side.
        samples: most images that level full runs attacks on.
        draws: passes averaged for a gradient of a network that draws at random; 8 by default.
        declared_random: whether the network says that it draws at random; S10 then warns of what it fails otherwise.

    Raises:
        UserError: an argument that cannot be used, or an attack that fails.

    Example:
        >>> import torch
        >>> from advwindow.attacks import make_budgets
        >>> from advwindow.models import Classifier
        >>> net = Classifier(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2)))
        >>> x = torch.rand(8, 1, 2, 2)
        >>> report = audit(net, x, net(x).argmax(1), attack="pgd", budget=make_budgets("8/255", "linf")[0])
        >>> report["I1"].verdict, report["S5"].verdict
        ('pass', 'skipped')
    """
    _check(level, reference, samples, images)
    made = make_attack(attack, parameters or {}) if isinstance(attack, str) else attack
    name = name or (attack if isinstance(attack, str) else _name(attack))
    header = (model.name, name, str(budget), level)
    outside = _pixel_range(images)
    if outside is not None:
        return Audit(*header, 0, _only(outside, "Images leave [0, 1]."))
    request = Request.checked(model, images, labels, None, ids=ids, batch_size=batch_size)
    images, labels = request.images, request.labels
    traits = probe_traits(model, images[:IMAGES_TO_TRY])
    if traits.batch_dependent:
        return Audit(*header, 0, _only(network.repeatability(traits), "Answers depend on batch mates (S10)."))
    setup = Setup(model, images, labels, request.ids, made, name, budget, level, reference, seed, batch_size, samples)
    setup = replace(setup, draws=draws, declared_random=declared_random)
    pool = spread(len(images), POOL[level])
    case = _case(setup, (images[pool], labels[pool]), traits, outcomes, trials)
    return Audit(*header, len(setup.images), tuple(_answer(code, check, case) for code, check in CHECKS.items()))


def _name(attack: Attack) -> str:
    """A back end's attack knows its full name; ours are called by their class."""
    return str(getattr(attack, "full_name", type(attack).__name__.lower()))


def _check(level: str, reference: object, samples: int, images: Tensor) -> None:
    if level not in LEVELS:
        raise UserError("unknown level of an audit", got=level, fix=did_you_mean(level, LEVELS))
    if isinstance(reference, int | float) and not 0 <= reference <= 1:
        raise UserError("a reference accuracy is a share", got=str(reference), expected="a number from 0 to 1")
    if samples < 1:
        raise UserError("an audit needs at least one sample", got=str(samples))
    if not len(images):
        raise UserError("there are no images to audit with")


def _pixel_range(images: Tensor) -> Finding | None:
    low, high = float(images.min()), float(images.max())
    if low >= 0 and high <= 1:
        return None
    return found("S12", "fail", f"Pixels lie in [{low:.3g}, {high:.3g}] instead of [0, 1].", low=low, high=high)


def _only(finding: Finding, reason: str) -> tuple[Finding, ...]:
    """This finding, and all other checks skipped."""
    return tuple(finding if code == finding.code else skipped(code, reason) for code in codes())


def _case(
    setup: Setup, pool: tuple[Tensor, Tensor], traits: Traits, outcomes: Sequence[Outcome], trials: Sequence[Trial]
) -> Case:
    """The audited attack's outcome, made where it is not at hand, and all that is known of the same images."""
    for outcome in outcomes:
        _check_shape(outcome.attack, tuple(outcome.images.shape), tuple(setup.images.shape))
    for trial in trials:
        _check_shape(trial.attack, tuple(trial.tried.shape), (len(setup.images),))
    known = _different((*trials, *(_trial(setup, each) for each in outcomes if each.target is None)))
    whole = torch.arange(len(setup.images))
    own = [each for each in outcomes if _is_audited(setup, each)]
    if own:
        return Case(setup, pool, traits, own[-1], _own(setup, known)[-1], known, whole)
    index = spread(len(setup.images), FIRST_LOOK if setup.level == "quick" else setup.samples)
    setup = setup.only(index)
    base = setup.run(setup.attack, setup.budget)
    stored = _own(setup, known)
    if stored:
        return Case(setup, pool, traits, base, stored[-1], known, index)
    mine = _trial(setup, base)
    return Case(setup, pool, traits, base, mine, (*(each.take(index) for each in known), mine), whole[: len(index)])


def _check_shape(attack: str, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    if shape != expected:
        raise UserError(f"an outcome of {attack} belongs to other images", got=str(shape), expected=str(expected))


def _trial(setup: Setup, outcome: Outcome) -> Trial:
    if outcome.attack != setup.name:
        return Trial.of(outcome)
    single = True if isinstance(setup.attack, FGSM) else None
    return Trial.of(outcome, single=single, carried=carries_successes(setup.attack))


def _different(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """One trial for each attack and budget, the last one."""
    return tuple({(each.attack, each.budget.norm, each.eps): each for each in trials}.values())


def _own(setup: Setup, trials: Sequence[Trial]) -> list[Trial]:
    return [each for each in trials if each.attack == setup.name and same_budget(each.budget, setup.budget)]


def _is_audited(setup: Setup, outcome: Outcome) -> bool:
    return outcome.attack == setup.name and outcome.target is None and same_budget(outcome.budget, setup.budget)


def _answer(code: str, check: Callable[[Case], Finding], case: Case) -> Finding:
    """The check's finding; one that this attack cannot bear (another norm, another goal) is skipped."""
    try:
        finding = check(case)
    except UserError as error:
        return skipped(code, f"It cannot be run: {error}")
    assert finding.code == code
    return finding
