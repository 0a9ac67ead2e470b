"""Attacks of torchattacks and foolbox behind the same door, judged by the same judge.

They run on the frozen copy, in batches of a fixed size (they stop and draw by batch, so another size would give other
results), with the global random state forked and seeded, and their forward and backward passes are counted. What they
return is cut to the budget's ball, so that a rounding error of theirs costs no success.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from advwindow.attacks.budget import Ball, Budget, Norm
from advwindow.attacks.door import Candidates, Problem
from advwindow.attacks.isolation import private_randomness
from advwindow.errors import MissingExtraError, UserError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import ModuleType


#: Images that a library gets at once, whatever the device and the batch size asked for.
BATCH = 16


@dataclass(frozen=True)
class TorchAttacks:
    """An attack of the library torchattacks.

    Attributes:
        name: class name, e.g. ``"PGD"``.
        parameters: arguments of the class besides the model, epsilon and norm, which come from the budget.
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        accepted = set(self._signature()) - {"eps", "norm", "max_epsilon"}
        _reject_unknown(f"torchattacks:{self.name}", self.parameters, accepted)

    def __call__(self, problem: Problem, budgets: Sequence[Budget]) -> list[Candidates]:
        """What the library returns at each budget."""
        return [_run(problem, budget, f"torchattacks:{self.name}", self._perturb) for budget in budgets]

    def natural_norm(self) -> str:
        """The norm the attack bounds or minimises: ``"linf"``, ``"l2"``, ``"l1"`` or ``"l0"``."""
        return _TORCHATTACKS_NORMS.get(self.name, "linf")

    def check_budget(self, budget: Budget) -> None:
        """Raise `UserError` for a budget that the attack would not keep to."""
        bounded = {"eps", "max_epsilon"} & set(self._signature())
        _check_budget(f"torchattacks:{self.name}", budget, self.natural_norm(), bounded=bool(bounded))
        if "norm" not in self._signature():
            _check_norm(f"torchattacks:{self.name}", budget, self.natural_norm())

    def _signature(self) -> Mapping[str, inspect.Parameter]:
        parameters = dict(inspect.signature(_class("torchattacks", self.name)).parameters)
        parameters.pop("model", None)
        return parameters

    def _perturb(
        self, model: nn.Module, images: Tensor, labels: Tensor, target: Tensor | None, budget: Budget
    ) -> Tensor:
        signature = self._signature()
        arguments = dict(self.parameters)
        for name in ("eps", "max_epsilon"):
            if name in signature and not budget.minimal:
                arguments[name] = budget.value
        if "norm" in signature:
            arguments["norm"] = {Norm.LINF: "Linf", Norm.L2: "L2"}[budget.norm]
        if "n_classes" in signature:
            with torch.no_grad():
                arguments.setdefault("n_classes", model(images[:1]).shape[1])
        attack = _class("torchattacks", self.name)(model, **arguments)
        if target is not None:
            attack.set_mode_targeted_by_label(quiet=True)
        found = attack(images, labels if target is None else target)
        assert isinstance(found, Tensor)
        return found


@dataclass(frozen=True)
class Foolbox:
    """An attack of the library foolbox.

    Attributes:
        name: class name, e.g. ``"LinfPGD"``.
        parameters: arguments of the class.
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _reject_unknown(f"foolbox:{self.name}", self.parameters, inspect.signature(self._class()).parameters)

    def __call__(self, problem: Problem, budgets: Sequence[Budget]) -> list[Candidates]:
        """What the library returns at each budget."""
        return [_run(problem, budget, f"foolbox:{self.name}", self._perturb) for budget in budgets]

    def natural_norm(self) -> str:
        """The norm the attack bounds or minimises: ``"linf"``, ``"l2"``, ``"l1"`` or ``"l0"``."""
        distance = str(getattr(self._class(), "distance", "")).lower()
        return next((norm for norm in ("linf", "l2", "l1", "l0") if norm in distance), "l2")

    def check_budget(self, budget: Budget) -> None:
        """Raise `UserError` for a budget that the attack would not keep to."""
        name = f"foolbox:{self.name}"
        fixed = _library("foolbox.attacks.base").FixedEpsilonAttack
        kind = self._class()
        _check_budget(name, budget, self.natural_norm(), bounded=inspect.isclass(kind) and issubclass(kind, fixed))
        _check_norm(name, budget, self.natural_norm())

    def _class(self) -> Callable[..., Any]:
        return _class("foolbox.attacks", self.name)

    def _perturb(
        self, model: nn.Module, images: Tensor, labels: Tensor, target: Tensor | None, budget: Budget
    ) -> Tensor:
        foolbox = _library("foolbox")
        wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device=images.device)
        criterion = (
            foolbox.criteria.Misclassification(labels)
            if target is None
            else (foolbox.criteria.TargetedMisclassification(target))
        )
        epsilon = None if budget.minimal else budget.value
        _, found, _ = self._class()(**self.parameters)(wrapped, images, criterion, epsilons=epsilon)
        assert isinstance(found, Tensor)
        gave_up = (found == 0).flatten(1).all(1) | ~torch.isfinite(found).flatten(1).all(1)
        return torch.where(gave_up.reshape(-1, *[1] * (found.dim() - 1)), images, found)


_TORCHATTACKS_NORMS = {
    **dict.fromkeys(("CW", "PGDL2", "PGDRSL2", "DeepFool", "EADEN"), "l2"),
    "EADL1": "l1",
    **dict.fromkeys(("SparseFool", "OnePixel", "Pixle", "JSMA"), "l0"),
}


def _check_budget(name: str, budget: Budget, norm: str, *, bounded: bool) -> None:
    if norm not in set(Norm):
        raise UserError(f"{name} works in {norm}, which is not supported", expected="an attack in linf or l2")
    if bounded and budget.minimal:
        raise UserError(f"{name} needs an epsilon", fix='write eps = ["8/255"], or --eps 8/255')


def _check_norm(name: str, budget: Budget, norm: str) -> None:
    if budget.norm != norm:
        raise UserError(f"{name} has no such norm", got=str(budget.norm), expected=norm)


class Metered(nn.Module):
    """A network that counts the rows it is asked for, forward and backward."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.forwards = 0
        self.backwards = 0
        self.train(model.training)

    def forward(self, images: Tensor) -> Tensor:
        """The network's own answer."""
        self.forwards += len(images)
        logits = self.model(_CountBackward.apply(images, self))  # type: ignore[no-untyped-call] # torch types it so
        assert isinstance(logits, Tensor)
        return logits


class _CountBackward(torch.autograd.Function):
    """Identity; counts backward passes and hands the gradient on in the plain memory format that `view` needs."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, meter: Metered) -> Tensor:  # noqa: ANN401 - torch's own context
        ctx.meter = meter
        return images.view_as(images)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401 - as above
        ctx.meter.backwards += len(gradients[0])
        return gradients[0].contiguous(), None


def _run(problem: Problem, budget: Budget, name: str, perturb: Callable[..., Tensor]) -> Candidates:
    metered = Metered(problem.model)
    found, forwards, backwards = [], [], []
    for start in range(0, len(problem.images), BATCH):
        span = slice(start, start + BATCH)
        images, labels = problem.images[span], problem.labels[span]
        target = problem.goal.classes[span] if problem.goal.targeted else None
        metered.forwards = metered.backwards = 0
        with private_randomness(problem.seed, name, *problem.ids[span]), _quiet():
            try:
                candidates = perturb(metered, images.contiguous(), labels, target, budget).detach()
            except Exception as error:
                raise UserError(f"{name} failed", got=f"{type(error).__name__}: {error}") from error
        found.append(_fitted(images, candidates, budget))
        forwards += [-(-metered.forwards // len(images))] * len(images)
        backwards += [-(-metered.backwards // len(images))] * len(images)
    unknown = torch.full((len(problem.images),), -1, dtype=torch.int64)
    none = torch.zeros_like(unknown)
    return Candidates(torch.cat(found), unknown, torch.tensor(forwards), torch.tensor(backwards), none, none)


def _fitted(images: Tensor, candidates: Tensor, budget: Budget) -> Tensor:
    if budget.minimal:
        return candidates.clamp(0, 1)
    radius = torch.full((len(images),), budget.value, dtype=torch.float64, device=images.device)
    return Ball.around(images, radius, budget.norm).project(candidates)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _library(name: str) -> ModuleType:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        package = name.partition(".")[0]
        raise MissingExtraError(f"the back end {package}", package=package, extra=package) from error


def class_names(library: str) -> list[str]:
    """Names of the attacks a back end ships: ``"torchattacks"`` or ``"foolbox"``."""
    module = _library("foolbox.attacks" if library == "foolbox" else library)
    base = _library("foolbox.attacks.base" if library == "foolbox" else "torchattacks.attack").Attack
    wrappers = {"MultiAttack", "LGV"}
    return sorted(
        name
        for name, found in vars(module).items()
        if inspect.isclass(found)
        and issubclass(found, base)
        and not inspect.isabstract(found)
        and found is not base
        and name not in wrappers
    )


def _class(module: str, name: str) -> Callable[..., Any]:
    found = getattr(_library(module), name, None)
    if not inspect.isclass(found):
        library = module.partition(".")[0]
        raise UserError(f"{library} has no such attack", got=name, fix=did_you_mean(name, class_names(library)))
    return found


def _reject_unknown(name: str, parameters: Mapping[str, object], accepted: Mapping[str, object] | set[str]) -> None:
    for parameter in parameters:
        if parameter not in accepted:
            raise UserError(f"{name} has no such parameter", got=parameter, fix=did_you_mean(parameter, accepted))
