"""AutoAttack: four attacks one after the other, each on what the ones before could not break."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar

import torch

from advwindow.attacks.apgd import APGD, count_classes
from advwindow.attacks.budget import Norm
from advwindow.attacks.door import Candidates, Cost
from advwindow.attacks.fab import FAB
from advwindow.attacks.sight import NEAR
from advwindow.attacks.square import Square
from advwindow.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from advwindow.attacks.budget import Budget
    from advwindow.attacks.door import Problem

NORMS = (Norm.LINF, Norm.L2, Norm.L1)
#: Logits that the targeted difference-of-logits ratio compares.
_TARGETED_DLR_CLASSES = 4


@dataclass(frozen=True)
class Stage:
    """One attack of a cascade.

    Attributes:
        name: what reports call it.
        attack: the attack, a dataclass.
        least_classes: it is left out for networks with fewer.
        nested: it seeks the smallest perturbation, so that one run serves every larger epsilon as well.
    """

    name: str
    attack: APGD | FAB | Square
    least_classes: int = 2
    nested: bool = False

    @property
    def settings(self) -> dict[str, object]:
        """The attack's parameters."""
        return dict(vars(self.attack))

    @property
    def targets(self) -> int:
        """How many classes it heads for, one after the other; 0 where it heads for none."""
        match self.attack:
            case APGD(loss="dlr-targeted", targets=targets) | FAB(targets=targets):
                return targets
            case _:
                return 0


class Cascade(ABC):
    """Stages in order: each attacks only what withstood all before it, so robust accuracy never rises along them."""

    def __post_init__(self) -> None:
        _ = self.stages()  # the stages check their settings

    @abstractmethod
    def stages(self, norm: Norm = Norm.LINF) -> tuple[Stage, ...]:
        """The stages in this norm, for networks with enough classes."""

    def notes(self, classes: int, norm: Norm = Norm.LINF) -> tuple[str, ...]:
        """What is not as `stages` says, for a network with this many classes: sentences to show beside the result."""
        found = []
        for stage in self.stages(norm):
            if classes < stage.least_classes:
                found.append(
                    f"{stage.name} is left out: it compares {stage.least_classes} logits, the network has {classes}"
                )
            elif classes - 1 < stage.targets:
                found.append(
                    f"{stage.name} heads for {classes - 1} classes instead of {stage.targets}: "
                    f"the network has {classes}"
                )
        if norm is Norm.L1:
            found.append("square is left out: it has no squares in l1")
        return tuple(found)

    def cost(self, norm: Norm = Norm.LINF) -> Cost:
        """Most passes that one sample can cost at one budget."""
        attacks = [stage.attack for stage in self.stages(norm)]
        costs = [attack.cost(norm) if isinstance(attack, APGD) else attack.cost() for attack in attacks]
        # Each stage's result is looked at once more.
        return Cost(sum(cost.forwards + 1 for cost in costs), sum(cost.backwards for cost in costs))

    def __call__(self, problem: Problem, budgets: Sequence[Budget]) -> list[Candidates]:
        """The first success for every sample at every budget; for those without one the smallest margin found.

        Epsilons are served from the smallest up; a success counts at every larger one. A stage's claim is believed once
        another forward pass confirms it. Costs of all stages add up; `first_success_step` counts within the stage.

        Raises:
            UserError: a norm it has no stages for, or a budget without epsilon.
        """
        norm = budgets[0].norm
        if norm not in NORMS:
            raise UserError("no stage has such a norm", got=str(norm), expected=" or ".join(NORMS))
        if any(budget.minimal for budget in budgets):
            raise UserError("this attack needs an epsilon", got="none", fix="give eps, e.g. 8/255")
        classes = count_classes(problem)
        return _run(problem, budgets, [stage for stage in self.stages(norm) if classes >= stage.least_classes])


@dataclass(frozen=True)
class Auto(Cascade):
    """AutoAttack, the standard protocol: APGD on cross-entropy, targeted APGD, targeted FAB, Square.

    Croce, Hein 2020, arXiv 2003.01690, section 6; in L1 Croce, Hein 2021, arXiv 2103.01208: 5 starts of the first and 5
    targets of the second. With these defaults it is the authors' version ``standard`` for 10 classes and more; `notes`
    tells what differs. `cost` tells what a sample costs that withstands everything (Linf: 1900 gradients).

    Attributes:
        steps: gradients of APGD per start and target, and of FAB per target.
        targets: classes that targeted APGD and FAB head for.
        queries: forward passes of Square.
    """

    steps: int = 100
    targets: int = 9
    queries: int = 5000

    def stages(self, norm: Norm = Norm.LINF) -> tuple[Stage, ...]:
        """APGD-CE, APGD-T, FAB-T and Square."""
        sparse = norm is Norm.L1
        return (
            *_apgd_stages(self.steps, 5 if sparse else 1, min(self.targets, 5) if sparse else self.targets),
            Stage("fab-t", FAB(steps=self.steps, targets=self.targets, until="success"), nested=True),
            *_square_stage(self.queries, norm),
        )

    def notes(self, classes: int, norm: Norm = Norm.LINF) -> tuple[str, ...]:
        """What is not as in the standard protocol, for a network with this many classes."""
        changed = [
            f"{field.name} = {getattr(self, field.name)} instead of {field.default}"
            for field in fields(self)
            if getattr(self, field.name) != field.default
        ]
        return (
            *([f"not the standard protocol: {', '.join(changed)}"] if changed else []),
            *super().notes(classes, norm),
        )


@dataclass(frozen=True)
class AutoQuick(Cascade):
    """AutoAttack cut to what a CPU can do: short APGD on cross-entropy, short targeted APGD, a little of Square.

    In Linf and L2 a sample that withstands everything costs ``steps (1 + targets)`` = 80 gradients. There is no FAB. It
    finds less than `Auto`: robust accuracy under it is an upper bound of a looser kind.

    Attributes:
        steps: gradients of APGD per start and target.
        targets: classes that targeted APGD heads for.
        queries: forward passes of Square.
    """

    steps: int = 20
    targets: int = 3
    queries: int = 200

    def stages(self, norm: Norm = Norm.LINF) -> tuple[Stage, ...]:
        """APGD-CE, APGD-T and Square."""
        return (*_apgd_stages(self.steps, 1, self.targets), *_square_stage(self.queries, norm))


class _LastSquare(Square):
    """Gradients went before: hardly a sample is left that finer comparisons could break, but most passes are spent."""

    nearness: ClassVar[int] = NEAR


def _apgd_stages(steps: int, restarts: int, targets: int) -> tuple[Stage, Stage]:
    return (
        Stage("apgd-ce", APGD(steps=steps, restarts=restarts, loss="ce", until="success")),
        Stage(
            "apgd-t",
            APGD(steps=steps, loss="dlr-targeted", targets=targets, until="success"),
            least_classes=_TARGETED_DLR_CLASSES,
        ),
    )


def _square_stage(queries: int, norm: Norm) -> tuple[Stage, ...]:
    return () if norm is Norm.L1 else (Stage("square", _LastSquare(queries=queries, p_init=0.8, until="success")),)


def _run(problem: Problem, budgets: Sequence[Budget], stages: Sequence[Stage]) -> list[Candidates]:
    order = sorted(range(len(budgets)), key=lambda place: budgets[place].value)
    boards = [_Standing(problem) for _ in budgets]
    for rank, place in enumerate(order):
        for stage in stages:
            if stage.nested and rank:
                continue  # ran at the smallest epsilon, where every sample that is left withstood it
            index = boards[place].open()
            if not len(index):
                break
            reach = order[rank:] if stage.nested else [place]
            found = stage.attack(problem.only(index), [budgets[other] for other in reach])
            for other, candidates in zip(reach, found, strict=True):
                boards[other].note(index, candidates, paid=other == place)
        for larger in order[rank + 1 :]:
            boards[larger].close(boards[place])
    return [board.kept for board in boards]


class _Standing:
    """What was found for every sample at one budget so far, and what it cost."""

    def __init__(self, problem: Problem) -> None:
        none = torch.zeros(len(problem.labels), dtype=torch.int64)
        self.problem = problem
        self.kept = Candidates.unreported(problem.images, forwards=none, backwards=none)._replace(claimed=none.bool())
        self.margin = torch.full(none.shape, torch.inf)

    def open(self) -> Tensor:
        """Index of the samples without success."""
        return (~self.kept.claimed).nonzero().squeeze(1)

    def note(self, index: Tensor, found: Candidates, *, paid: bool) -> None:
        """Keep what is better for the samples at this index, and count its costs if they are paid here.

        A success counts once another forward pass confirms it.
        """
        part = self.problem.only(index)
        logits = [part.oracle.logits(images) for images in torch.split(found.images, part.lanes)]
        margin = part.goal.margin(torch.cat(logits)).cpu()
        found = found._replace(claimed=found.claimed & (margin < 0), forwards=found.forwards * paid + 1)
        before, bar = self.kept.claimed[index], self.margin[index]
        better = (found.claimed & ~before) | ((found.claimed == before) & (margin < bar))
        self._take(index[better], found, margin, better.nonzero().squeeze(1))
        self._charge("forwards", index, found.forwards)
        for name in ("backwards", "zero_gradients", "nonfinite_gradients") if paid else ():
            self._charge(name, index, getattr(found, name))

    def close(self, smaller: _Standing) -> None:
        """A success within a smaller epsilon is one within this: balls are nested."""
        gained = (smaller.kept.claimed & ~self.kept.claimed).nonzero().squeeze(1)
        self._take(gained, smaller.kept, smaller.margin, gained)

    def _take(self, places: Tensor, other: Candidates, margin: Tensor, rows: Tensor) -> None:
        wide = max(self.kept.trace.shape[1], other.trace.shape[1])
        mine, theirs = (each._replace(trace=_widened(each.trace, wide)) for each in (self.kept, other))
        images = mine.images.index_copy(0, places.to(mine.images.device), theirs.images[rows])
        rest = {name: getattr(mine, name).index_copy(0, places, getattr(theirs, name)[rows]) for name in _FINDS}
        self.kept = mine._replace(images=images, **rest)
        self.margin = self.margin.index_copy(0, places, margin[rows])

    def _charge(self, name: str, index: Tensor, spent: Tensor) -> None:
        self.kept = self.kept._replace(**{name: getattr(self.kept, name).index_add(0, index, spent)})


_FINDS = ("first_success_step", "claimed", "silent", "trace")


def _widened(trace: Tensor, width: int) -> Tensor:
    return torch.nn.functional.pad(trace, (0, width - trace.shape[1]), value=torch.nan)
