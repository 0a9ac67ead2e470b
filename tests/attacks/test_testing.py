"""The conformance suite passes our attacks, and catches planted bad ones: each by the checks it should, by no other."""

import contextlib
import random
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pytest
import torch

from advwindow.attacks import NATIVE, PGD, Attack, Candidates, Goal, make_attack
from advwindow.attacks.testing import CHECKS, FromFunction, check_attack
from advwindow.attacks.testing_parts import EPSILONS
from advwindow.errors import UserError

#: Parameters with which every attack of ours is run here.
SMALL = {
    "fgsm": {},
    "bim": {"steps": 2},
    "mi-fgsm": {"steps": 2},
    "pgd": {"steps": 2, "restarts": 2},
    "apgd": {"steps": 4, "restarts": 2},
    "fab": {"steps": 3, "targets": 2},
    "square": {"queries": 12},
    "hop-skip-jump": {"queries": 80, "initial_evaluations": 10, "max_evaluations": 30},
    "ddn": {"steps": 8},
    "fmn": {"steps": 8},
    "sigma-zero": {"steps": 8},
    "auto": {"steps": 2, "targets": 2, "queries": 4},
    "auto-quick": {"steps": 2, "targets": 2, "queries": 4},
    "cw": {"steps": 6, "search_steps": 2},
}
OURS = [(name, norm) for name, info in NATIVE.items() for norm in info.norms]


def test_the_table_of_parameters_names_every_attack_of_ours():
    assert set(SMALL) == set(NATIVE)


@pytest.mark.parametrize(("name", "norm"), OURS)
def test_every_attack_of_ours_conforms_in_each_of_its_norms(name, norm):
    """No exemptions: those that look at decisions alone are monotone too, as one walk serves every epsilon."""
    eps = (*EPSILONS[norm], *(["min"] if NATIVE[name].minimal else []))
    report = check_attack(make_attack(name, SMALL[name]), norm=norm, eps=eps)
    assert report.passed == tuple(map(str, CHECKS))
    assert report.exempt == ()


@pytest.mark.parametrize("seed", [0, 1])
def test_pgd_keeps_in_l1_at_a_larger_epsilon_what_it_won_at_a_smaller_one(seed):
    """Its sparse steps end elsewhere in a larger ball: two samples were lost before results were handed on."""
    check_attack(PGD(steps=3, restarts=2), norm="l1", seed=seed, checks=[_check("monotone")])


@dataclass(frozen=True)
class Planted:
    """An attack that conforms, with a fault planted before its search, after it, or around it."""

    before: object = lambda problem: problem
    after: object = lambda problem, budget, found: found
    around: object = lambda search, problem, budgets: search(problem, budgets)

    def __call__(self, problem, budgets):
        found = self.around(PGD(steps=2), self.before(problem), budgets)
        return [self.after(problem, *each) for each in zip(budgets, found, strict=False)]


def _unclaimed(found, images):
    """Images that the search itself did not find, so that it cannot have claimed them."""
    return found._replace(images=images, first_success_step=torch.full_like(found.first_success_step, -1))


def _beyond_the_box(problem, budget, found):
    return found._replace(images=torch.where(problem.images == 1, 1 + budget.value / 2, found.images))


def _no_numbers(problem, budget, found):
    return _unclaimed(found, found.images + torch.nan)


def _in_double_precision(problem, budget, found):
    return found._replace(images=found.images.double())


def _one_fact_too_few(problem, budget, found):
    return found._replace(trace=found.trace[:-1])


def _a_result_too_few(search, problem, budgets):
    return search(problem, budgets)[:-1]


def _a_little_too_far(problem, budget, found):
    return _unclaimed(found, (problem.images + 1.00001 * (found.images - problem.images)).clamp(0, 1))


def _rounded(problem, budget, found):
    return _unclaimed(found, (found.images * 255).round() / 255)


def _in_ascending_order(search, problem, budgets):
    return search(problem, sorted(budgets, key=lambda budget: budget.value))


class _Forgetful:
    """Another seed at every call."""

    def __init__(self):
        self.calls = 0

    def __call__(self, problem):
        self.calls += 1
        return replace(problem, seed=self.calls)


def _globally_random(problem, budget, found):
    share = 0.5 + 0.5 * torch.rand(len(found.images), 1, 1, 1)
    return _unclaimed(found, problem.images + share * (found.images - problem.images))


def _seeding(seed):
    def after(problem, budget, found):
        seed(problem.seed + 1)
        return found

    return after


def _keyed_by_place(problem):
    return replace(problem, ids=tuple(map(str, range(len(problem.ids)))))


def _averaged_over_the_batch(problem, budget, found):
    return _unclaimed(found, problem.images + (found.images - problem.images) / len(problem.ids))


def _touching(touch):
    """Something of the network is touched and left so."""

    def after(problem, budget, found):
        touch(problem)
        return found

    return after


def _leave_gradients(problem):
    for parameter in problem.model.parameters():
        parameter.grad = torch.zeros_like(parameter)


def _nudge(problem):
    with torch.no_grad():
        next(problem.model.parameters()).mul_(1.0001)


def _no_finally(search, problem, budgets):
    problem.model.requires_grad_(True)
    found = search(problem, budgets)
    problem.model.requires_grad_(False)
    return found


def _hooks_without_finally(search, problem, budgets):
    hook = problem.model.register_forward_hook(lambda *_: None)
    found = search(problem, budgets)
    hook.remove()
    return found


def _swallowing(search, problem, budgets):
    try:
        return search(problem, budgets)
    except RuntimeError:
        none = torch.zeros(len(problem.ids), dtype=torch.int64)
        return [Candidates.unreported(problem.images, forwards=none, backwards=none)] * len(budgets)


def _losing_the_cause(search, problem, budgets):
    found = None
    with contextlib.suppress(RuntimeError):
        found = search(problem, budgets)
    if found is None:
        raise ValueError("nothing found")
    return found


class _KappaAfterwards:
    """Knows the confidence that is asked for only once it has run."""

    kappa = None

    def __call__(self, problem, budgets):
        self.kappa = 0.0
        return PGD(steps=2)(problem, budgets)


def _dropping_the_last_batch(problem, budget, found):
    """The last, incomplete batch of four, unless it is the only one."""
    done = max(len(problem.ids) // 4 * 4, min(4, len(problem.ids)))
    return _unclaimed(found, torch.cat([found.images[:done], problem.images[done:]]))


def _overshooting(problem, budget, found):
    """At large epsilons the even samples end on the other side."""
    even = torch.tensor([int(name.split()[1]) % 2 == 0 for name in problem.ids])
    back = (problem.images - 0.99 * (found.images - problem.images)).clamp(0, 1)
    images = torch.where((even & (budget.value > 0.05))[:, None, None, None], back, found.images)
    return _unclaimed(found, images)


def _ignoring_the_target(problem):
    return replace(problem, goal=Goal(problem.labels))


def _leaving_the_target(problem):
    return replace(problem, goal=Goal(problem.goal.classes))


def _boasting(problem, budget, found):
    return found._replace(
        claimed=torch.ones_like(found.claimed), first_success_step=torch.zeros_like(found.first_success_step)
    )


def _told(**changes):
    def after(problem, budget, found):
        return found._replace(**{kind: change(getattr(found, kind)) for kind, change in changes.items()})

    return after


class Fault(NamedTuple):
    """A planted attack, the check that is there to catch it, and the others that it fails as a consequence."""

    attack: Attack
    check: str
    also: tuple[str, ...] = ()


FAULTS = {
    "beyond the box": Fault(Planted(after=_beyond_the_box), "bounds"),
    "no numbers": Fault(Planted(after=_no_numbers), "bounds", ("budget", "batch", "targeted")),
    "in double precision": Fault(Planted(after=_in_double_precision), "bounds"),
    "one fact too few": Fault(Planted(after=_one_fact_too_few), "bounds", ("misclassified",)),
    "one result too few": Fault(
        Planted(around=_a_result_too_few),
        "bounds",
        (*(str(check) for check in CHECKS if str(check) not in ("bounds", "empty", "exceptions")),),
    ),
    "a little too far": Fault(Planted(after=_a_little_too_far), "budget"),
    "rounded to 8 bits": Fault(Planted(after=_rounded), "budget"),
    "budgets in another order": Fault(Planted(around=_in_ascending_order), "budget"),
    "another seed each time": Fault(Planted(before=_Forgetful()), "deterministic", ("batch", "misclassified")),
    "globally random": Fault(
        Planted(after=_globally_random), "deterministic", ("randomness", "batch", "misclassified")
    ),
    "seeds torch": Fault(Planted(after=_seeding(torch.manual_seed)), "randomness"),
    "seeds NumPy": Fault(Planted(after=_seeding(np.random.seed)), "randomness"),
    "seeds Python": Fault(Planted(after=_seeding(random.seed)), "randomness"),
    "keyed by place": Fault(Planted(before=_keyed_by_place), "batch", ("misclassified",)),
    "averaged over the batch": Fault(Planted(after=_averaged_over_the_batch), "batch", ("misclassified",)),
    "leaves the training mode": Fault(Planted(after=_touching(lambda p: p.model.train())), "side_effects"),
    "leaves requires_grad": Fault(Planted(after=_touching(lambda p: p.model.requires_grad_(True))), "side_effects"),
    "leaves gradients": Fault(Planted(after=_touching(_leave_gradients)), "side_effects"),
    "leaves a hook": Fault(
        Planted(after=_touching(lambda p: p.model.register_forward_hook(lambda *_: None))), "side_effects"
    ),
    "trains": Fault(Planted(after=_touching(_nudge)), "side_effects"),
    "leaves gradients switched off": Fault(
        Planted(after=_touching(lambda p: torch.set_grad_enabled(False))), "side_effects"
    ),
    "writes to the images": Fault(
        Planted(after=_touching(lambda p: p.images.clamp_(0.01, 0.99))), "side_effects", ("budget", "batch", "honest")
    ),
    "restores only after success": Fault(Planted(around=_no_finally), "exceptions"),
    "unhooks only after success": Fault(Planted(around=_hooks_without_finally), "exceptions"),
    "swallows exceptions": Fault(Planted(around=_swallowing), "exceptions"),
    "loses the cause": Fault(Planted(around=_losing_the_cause), "exceptions"),
    "kappa afterwards": Fault(_KappaAfterwards(), "empty"),
    "drops the last batch": Fault(Planted(after=_dropping_the_last_batch), "misclassified"),
    "overshoots": Fault(Planted(after=_overshooting), "monotone"),
    "ignores the target": Fault(Planted(before=_ignoring_the_target), "targeted"),
    "leaves the target": Fault(Planted(before=_leaving_the_target), "targeted"),
    "boasts": Fault(Planted(after=_boasting), "honest"),
    "half the forward passes": Fault(Planted(after=_told(forwards=lambda made: made // 2)), "counts"),
    "twice the forward passes": Fault(Planted(after=_told(forwards=lambda made: made * 2)), "counts"),
    "no backward passes": Fault(Planted(after=_told(backwards=lambda made: made * 0)), "counts"),
}


def _complaint(attack, check):
    try:
        with torch.enable_grad():
            check_attack(deepcopy(attack), checks=[check])
    except AssertionError as error:
        return str(error)
    return ""


def test_without_a_fault_the_planted_attack_conforms():
    assert len(check_attack(Planted()).passed) == len(CHECKS)


def test_every_check_has_an_attack_that_it_is_there_to_catch():
    assert {fault.check for fault in FAULTS.values()} == set(map(str, CHECKS))


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_caught_by_its_check_and_its_consequences_by_theirs(name):
    fault = FAULTS[name]
    complaints = {str(check): _complaint(fault.attack, check) for check in CHECKS}
    assert {check for check, complaint in complaints.items() if complaint} == {fault.check, *fault.also}


def test_all_complaints_come_at_once():
    with pytest.raises(AssertionError, match=r"(?s)^2 of 12 checks failed\n  deterministic: .*\n  batch: [^\n]*$"):
        check_attack(Planted(before=_Forgetful()), exempt=["misclassified"])


def test_the_suite_leaves_the_global_random_states_alone():
    random.seed(5)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    with pytest.raises(AssertionError):
        check_attack(Planted(after=_seeding(torch.manual_seed)), checks=[_check("randomness")])
    assert before == (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())


def _check(name):
    return next(check for check in CHECKS if check.name == name)


def _one_step(model, images, labels, eps):
    x = images.requires_grad_()
    loss = torch.nn.functional.cross_entropy(model(x), labels, reduction="sum")
    (slope,) = torch.autograd.grad(loss, x)
    return (x + 0.999 * eps * slope.sign()).clamp(0, 1)


def _one_step_either_way(model, images, labels, eps, *, target):
    return _one_step(model, images, labels if target is None else target, eps if target is None else -eps)


@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_a_plain_function_conforms_check_by_check(check):
    check(FromFunction(_one_step_either_way, takes_target=True))


def test_a_function_without_targets_is_told_what_to_do():
    with pytest.raises(AssertionError, match="exempt 'targeted'"):
        check_attack(FromFunction(_one_step), checks=[_check("targeted")])
    report = check_attack(FromFunction(_one_step), exempt=["targeted"])
    assert str(report).endswith("; exempt: targeted")


def test_an_attack_of_another_library_conforms():
    check_attack(make_attack("foolbox:LinfBasicIterativeAttack", {"steps": 3}))


def test_every_check_says_in_one_line_what_is_expected():
    for check in CHECKS:
        assert check.summary.endswith(".")
        assert "\n" not in check.summary


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"exempt": ["monoton"]}, "did you mean monotone"),
        ({"eps": ["min"]}, "need an epsilon"),
        ({"norm": "l7"}, "norm"),
        ({"eps": ["x"]}, "no number"),
    ],
    ids=str,
)
def test_mistakes_are_told(change, message):
    with pytest.raises(UserError, match=message):
        check_attack(PGD(steps=1), **change)
