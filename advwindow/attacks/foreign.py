"""Attacks of torchattacks and foolbox behind the same door, judged by the same judge."""

from __future__ import annotations

import inspect
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from advwindow.attacks.budget import Norm, per_sample
from advwindow.attacks.foolbox_starts import STARTED, criterion, from_starts
from advwindow.attacks.foreign_facts import ALL_NORMS, FACTS, Access, Facts, family_source
from advwindow.attacks.foreign_runs import class_names, find_class, load_library, run_in_batches
from advwindow.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from advwindow.attacks.budget import Budget
    from advwindow.attacks.door import Candidates, Cost, Problem
    from advwindow.attacks.foreign_runs import Batch

__all__ = ["Foolbox", "Foreign", "TorchAttacks", "class_names"]


@dataclass(frozen=True)
class Foreign(ABC):
    """An attack of another library.

    Attributes:
        name: class name.
        parameters: arguments of the class besides those that come from the network and the budget.

    Raises:
        UserError: no such attack or parameter.
        MissingExtraError: the library is not installed.
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    package: ClassVar[str]
    #: Arguments that are never the user's: the network, what the budget says, and Python objects.
    taken: ClassVar[frozenset[str]]

    def __post_init__(self) -> None:
        accepted = set(self._signature()) - self.taken
        for parameter in self.parameters:
            if parameter not in accepted:
                fix = did_you_mean(parameter, accepted)
                raise UserError(f"{self.full_name} has no such parameter", got=parameter, fix=fix)

    def __call__(self, problem: Problem, budgets: Sequence[Budget]) -> list[Candidates]:
        """What the library returns at each budget."""
        goals = self.facts.goals
        if problem.goal.targeted and goals == "untargeted":
            raise UserError(f"{self.full_name} cannot head for a target", fix="leave the target out")
        if not problem.goal.targeted and goals == "targeted":
            raise UserError(f"{self.full_name} needs a target", fix="name the classes to reach")
        return [
            run_in_batches(problem, budget, self.full_name, self._perturb, needs=self.facts.needs) for budget in budgets
        ]

    @property
    def full_name(self) -> str:
        """Library and class, e.g. ``"torchattacks:PGD"``."""
        return f"{self.package}:{self.name}"

    @property
    def facts(self) -> Facts:
        """What is known of the class; of one that a newer library brought, nothing."""
        return FACTS[self.package].get(self._class().__name__, Facts())

    @property
    def access(self) -> Access:
        """What it needs of the network: ``"white"`` (gradients), ``"score"`` (logits) or ``"decision"`` (labels)."""
        return self.facts.access

    @property
    def source(self) -> str:
        """The publication that the class documents, or else that of its family; of an alias, the class.

        ``""`` where nobody tells.
        """
        kind = self._class()
        if kind.__name__ != self.name:
            return f"is {kind.__name__}"
        found = re.search(r"arxiv\.org/(?:abs|pdf)/(\d+\.\d+)", kind.__doc__ or "")
        return f"arXiv {found[1]}" if found else family_source(self.name)

    @property
    def remark(self) -> str:
        """What it asks of its user, in words: ``"untargeted only; needs numba"``."""
        goals = {"any": [], "untargeted": ["untargeted only"], "targeted": ["targeted only"]}[self.facts.goals]
        return "; ".join([*goals, *([f"needs {self.facts.needs}"] if self.facts.needs else [])])

    def cost(self, *, classes: int | None = None) -> Cost | None:
        """Most passes for one sample at one budget; None where that cannot be told.

        Args:
            classes: number of the network's outputs, on which the cost of some attacks depends.
        """
        given = {name: parameter.default for name, parameter in self._signature().items()}
        return self.facts.passes({**given, **self.facts.defaults, **self.parameters}, classes)

    def norms(self) -> tuple[str, ...]:
        """Norms that it bounds or minimises, the natural one first."""
        return self.facts.norms or self._own_norms()

    def natural_norm(self) -> str:
        """The norm that is meant where none is given."""
        return self.norms()[0]

    def check_budget(self, budget: Budget) -> None:
        """Raise `UserError` for a budget that the attack would not keep to."""
        if self.bounded and budget.minimal:
            raise UserError(f"{self.full_name} needs an epsilon", fix='write eps = ["8/255"], or --eps 8/255')
        if budget.norm not in self.norms():
            expected = " or ".join(self.norms())
            raise UserError(f"{self.full_name} has no such norm", got=str(budget.norm), expected=expected)

    @property
    @abstractmethod
    def bounded(self) -> bool:
        """Whether it works at a fixed epsilon and takes none without."""

    @abstractmethod
    def _own_norms(self) -> tuple[str, ...]: ...

    @abstractmethod
    def _perturb(self, batch: Batch) -> Tensor: ...

    def _class(self) -> type[Any]:
        return find_class(self.package, self.name)

    def _signature(self) -> Mapping[str, inspect.Parameter]:
        return inspect.signature(self._class()).parameters


@dataclass(frozen=True)
class TorchAttacks(Foreign):
    """An attack of the library torchattacks, e.g. ``TorchAttacks("PGD", {"steps": 20})``.

    Where the library seeds the global generator itself, its seed comes from ours.
    """

    package: ClassVar[str] = "torchattacks"
    taken: ClassVar[frozenset[str]] = frozenset({"model", "eps", "max_epsilon", "norm"})

    @property
    def bounded(self) -> bool:
        """Whether it works at a fixed epsilon: FAB has one and minimises nevertheless."""
        return bool({"eps", "max_epsilon"} & set(self._signature())) and self.name != "FAB"

    def _own_norms(self) -> tuple[str, ...]:
        return (Norm.LINF.value,)

    def _perturb(self, batch: Batch) -> Tensor:
        attack = self._class()(batch.model, **self._arguments(batch))
        wanted = batch.target
        if wanted is None and self.name == "JSMA":  # it would head for the next of ten classes, whatever the network
            wanted = (batch.labels + 1) % _classes(batch)
        if wanted is not None:
            attack.set_mode_targeted_by_label(quiet=True)
        found: Tensor = attack(batch.images, batch.labels if wanted is None else wanted)
        return found

    def _arguments(self, batch: Batch) -> dict[str, Any]:
        """The user's parameters, and those that come from the budget, the network and the seed."""
        signature, size = self._signature(), batch.budget.value
        given: dict[str, Any] = {name: size for name in ("eps", "max_epsilon") if name in signature}
        if "norm" in signature:
            given["norm"] = {Norm.LINF: "Linf", Norm.L2: "L2"}[batch.budget.norm]
        if "n_classes" in signature:
            given["n_classes"] = _classes(batch)
        if "seed" in signature:
            given["seed"] = int(torch.randint(2**31, ()))
        if self.name == "OnePixel" and not batch.budget.minimal:
            given["pixels"] = max(1, int(size) // batch.images.shape[1])
        if self.name == "JSMA" and not batch.budget.minimal:
            given["gamma"] = size / batch.images[0].numel()
        return given | dict(self.parameters)


def _classes(batch: Batch) -> int:
    with torch.no_grad():
        logits: Tensor = batch.model.model(batch.images[:1])
    return logits.shape[1]


@dataclass(frozen=True)
class Foolbox(Foreign):
    """An attack of the library foolbox, e.g. ``Foolbox("LinfPGD", {"steps": 20})``.

    Attacks that walk along the decision boundary start from noise, or, where that does not reach the target, from
    another image of the batch that is of the target class; samples without a start stay as they are.
    """

    package: ClassVar[str] = "foolbox"
    taken: ClassVar[frozenset[str]] = frozenset({"distance", "constraint", "init_attack", "tensorboard"})

    @property
    def bounded(self) -> bool:
        """Whether it works at a fixed epsilon and takes none without."""
        return issubclass(self._class(), load_library("foolbox.attacks.base").FixedEpsilonAttack)

    def _own_norms(self) -> tuple[str, ...]:
        kind = self._class()
        if issubclass(kind, load_library("foolbox.attacks.base").FlexibleDistanceMinimizationAttack):
            return ALL_NORMS
        told = f"{getattr(kind, 'distance', '')} {kind.__name__}".lower()
        return tuple(norm for norm in ALL_NORMS if norm in told)

    def _perturb(self, batch: Batch) -> Tensor:
        model = load_library("foolbox").PyTorchModel(batch.model, bounds=(0, 1), device=batch.images.device)
        kind = self._class().__name__
        attack = self._class()(**self._arguments(batch.budget))
        if kind == "DatasetAttack":
            attack.feed(model, batch.images)
        # Smallest perturbations are cut to epsilon later: foolbox cannot do it in L0.
        epsilon = batch.budget.value if self.bounded else None

        def run(part: Batch, **options: Tensor) -> Tensor:
            images: Tensor = attack(model, part.images, criterion(part), epsilons=epsilon, **options)[1]
            return images

        found = from_starts(kind, model, batch, run) if kind in STARTED else run(batch)
        gave_up = (found == 0).flatten(1).all(1) | ~found.isfinite().flatten(1).all(1)
        return torch.where(per_sample(gave_up, found), batch.images, found)

    def _arguments(self, budget: Budget) -> dict[str, Any]:
        signature = self._signature()
        given: dict[str, Any] = dict(self.facts.defaults)
        if "distance" in signature:
            given["distance"] = getattr(load_library("foolbox").distances, budget.norm.value)
        if "constraint" in signature:
            given["constraint"] = budget.norm.value
        return given | dict(self.parameters)
