"""Conformance of an attack of your own: what every attack must keep to, as checks that a test suite can run.

With pytest, one test for each check::

    from advwindow.attacks.testing import CHECKS

    @pytest.mark.parametrize("check", CHECKS, ids=str)
    def test_my_attack(check):
        check(MyAttack(), norm="l2")

Without it, all at once: ``check_attack(MyAttack(), norm="l2")``. An attack is anything with the `Attack` protocol; a
plain function becomes one by `FromFunction`. Everything runs on the CPU, on networks of a few weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from advwindow.attacks import testing_checks as run
from advwindow.attacks.budget import Norm, make_budgets
from advwindow.attacks.door import Candidates
from advwindow.attacks.foreign_runs import Metered
from advwindow.attacks.isolation import private_randomness
from advwindow.attacks.testing_parts import EPSILONS, Subject
from advwindow.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from torch import Tensor

    from advwindow.attacks.budget import Budget
    from advwindow.attacks.door import Attack, Problem


@dataclass(frozen=True)
class Check:
    """One property that every attack has, by name; printed it is the name.

    Attributes:
        name: what `check_attack` can leave out under.
        run: raises `AssertionError` for what it finds.
    """

    name: str
    run: Callable[[Subject], None]

    def __call__(self, attack: Attack, *, norm: str = "linf", eps: Sequence[str] | None = None, seed: int = 0) -> None:
        """Examine an attack; see `check_attack`."""
        self.run(_subject(attack, norm, eps, seed))

    def __str__(self) -> str:
        return self.name

    @property
    def summary(self) -> str:
        """One line: what the attack is expected to do."""
        return (self.run.__doc__ or "").strip()


#: All checks, in the order in which they are run.
CHECKS: tuple[Check, ...] = tuple(
    Check(check.__name__, check)
    for check in (
        run.bounds,
        run.budget,
        run.deterministic,
        run.randomness,
        run.batch,
        run.side_effects,
        run.exceptions,
        run.empty,
        run.misclassified,
        run.monotone,
        run.targeted,
        run.honest,
        run.counts,
    )
)


@dataclass(frozen=True)
class Report:
    """What `check_attack` did; printed it is one line.

    Attributes:
        passed: names of the checks that the attack passed.
        exempt: names of those that were left out.
    """

    passed: tuple[str, ...]
    exempt: tuple[str, ...]

    def __str__(self) -> str:
        left_out = f"; exempt: {', '.join(self.exempt)}" if self.exempt else ""
        return f"{len(self.passed)} checks passed: {', '.join(self.passed)}{left_out}"


def check_attack(
    attack: Attack,
    *,
    norm: str = "linf",
    eps: Sequence[str] | None = None,
    checks: Iterable[Check] = CHECKS,
    exempt: Iterable[str] = (),
    seed: int = 0,
) -> Report:
    """Run all checks on an attack.

    Args:
        attack: anything that takes a problem and budgets and returns candidates; it is run a few dozen times.
        norm: ``"linf"``, ``"l2"``, ``"l1"`` or ``"l0"``.
        eps: epsilons as text; ``"min"`` among them for attacks that minimise; three of the norm's by default.
        checks: which checks to run.
        exempt: names of checks that cannot hold and why is known, e.g. ``"monotone"`` for decision-based attacks,
            which are so only on average, or ``"targeted"`` for attacks that take no target.
        seed: of the private random streams.

    Raises:
        AssertionError: one line for each check that failed.
        UserError: a norm, epsilon or check that does not exist.

    Example:
        >>> from advwindow.attacks import PGD
        >>> print(check_attack(PGD(steps=5), checks=CHECKS[:2]))
        2 checks passed: bounds, budget
    """
    subject, left_out = _subject(attack, norm, eps, seed), tuple(exempt)
    known = [check.name for check in CHECKS]
    for name in left_out:
        if name not in known:
            raise UserError("unknown check", got=name, fix=did_you_mean(name, known))
    found = {check: _complaint(check, subject) for check in checks if check.name not in left_out}
    failed = [f"  {check.name}: {complaint}" for check, complaint in found.items() if complaint]
    if failed:
        raise AssertionError("\n".join([f"{len(failed)} of {len(found)} checks failed", *failed]))
    return Report(tuple(check.name for check in found), left_out)


def _complaint(check: Check, subject: Subject) -> str:
    try:
        check.run(subject)
    except AssertionError as error:
        return str(error) or "an assertion failed"
    except Exception as error:  # noqa: BLE001 - whatever somebody's attack raises is a finding
        return f"{type(error).__name__}: {error}"
    return ""


def _subject(attack: Attack, norm: str, eps: Sequence[str] | None, seed: int) -> Subject:
    kind = Norm.parse(norm)
    budgets = sorted(make_budgets(EPSILONS[kind] if eps is None else eps, norm), key=lambda budget: budget.value)
    if budgets[0].minimal:
        raise UserError("the checks need an epsilon", got="only min", fix="leave eps out, or name one")
    return Subject(attack, kind, tuple(budget.eps for budget in budgets), seed)


@dataclass(frozen=True)
class FromFunction:
    """An attack from a plain function ``function(model, images, labels, eps) -> images``.

    The function gets the network as a ``torch.nn.Module``, images ``(n, C, H, W)`` in [0, 1] that it may write to,
    true labels ``(n,)`` and epsilon as a number (infinite for a minimal budget). It runs with private global random
    states and its passes are counted; what it returns is not changed.

    Attributes:
        function: the function.
        takes_target: whether it also takes ``target=``, classes ``(n,)`` to reach, or None.
    """

    function: Callable[..., Tensor]
    takes_target: bool = False

    def __call__(self, problem: Problem, budgets: Sequence[Budget]) -> list[Candidates]:
        """What the function returns at each budget."""
        if problem.goal.targeted and not self.takes_target:
            raise UserError("the function takes no target", fix="exempt 'targeted', or let it take target=")
        return [self._at(problem, budget) for budget in budgets]

    def _at(self, problem: Problem, budget: Budget) -> Candidates:
        metered = Metered(problem.model)
        options = {"target": problem.goal.classes if problem.goal.targeted else None} if self.takes_target else {}
        with private_randomness(problem.seed, "function", *problem.ids):
            found = self.function(metered, problem.images.clone(), problem.labels.clone(), budget.value, **options)
        samples = len(problem.images)
        forwards, backwards = (
            torch.full((samples,), -(-passes // samples), dtype=torch.int64)
            for passes in (metered.forwards, metered.backwards)
        )
        return Candidates.unreported(found.detach(), forwards=forwards, backwards=backwards)
