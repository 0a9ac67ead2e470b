"""Attacks by name: ours, and ``torchattacks:NAME`` and ``foolbox:NAME``."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from pydantic import TypeAdapter, ValidationError

from advwindow.attacks.apgd import APGD
from advwindow.attacks.auto import Auto, AutoQuick, Cascade
from advwindow.attacks.budget import Norm
from advwindow.attacks.carlini import CW
from advwindow.attacks.ddn import DDN
from advwindow.attacks.door import Attack, Cost
from advwindow.attacks.fab import FAB
from advwindow.attacks.fmn import FMN
from advwindow.attacks.foreign import Foolbox, TorchAttacks, class_names
from advwindow.attacks.gradient import BIM, FGSM, MIFGSM, PGD
from advwindow.attacks.hopskipjump import HopSkipJump
from advwindow.attacks.sigma_zero import SigmaZero
from advwindow.attacks.square import Square
from advwindow.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from advwindow.attacks.budget import Budget

Access = Literal["white", "score", "decision"]


class Native(Attack, Protocol):
    """An attack of ours: a frozen dataclass whose fields are its parameters."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def cost(self) -> Cost:
        """Most passes that one sample can cost at one budget."""
        ...


@dataclass(frozen=True)
class AttackInfo:
    """Facts about an attack of ours.

    Attributes:
        make: its class; the fields are its parameters.
        norms: norms it can work in, the default first.
        minimal: whether it seeks the smallest perturbation; otherwise it needs an epsilon.
        access: what it must see of the network: ``"white"`` (gradients), ``"score"`` (logits) or ``"decision"``
            (predicted classes).
        source: where it is published.
        summary: one line.
    """

    make: type[Native]
    norms: tuple[str, ...]
    minimal: bool
    access: Access
    source: str
    summary: str


NATIVE: dict[str, AttackInfo] = {
    "fgsm": AttackInfo(
        FGSM, ("linf", "l2"), False, "white", "Goodfellow 2015, arXiv 1412.6572", "one step of full length"
    ),
    "bim": AttackInfo(
        BIM, ("linf", "l2", "l1"), False, "white", "Kurakin 2017, arXiv 1607.02533", "steepest steps from the image"
    ),
    "mi-fgsm": AttackInfo(
        MIFGSM, ("linf", "l2"), False, "white", "Dong 2018, arXiv 1710.06081", "steps along an accumulated gradient"
    ),
    "pgd": AttackInfo(
        PGD, ("linf", "l2", "l1"), False, "white", "Madry 2018, arXiv 1706.06083", "steepest steps inside the ball"
    ),
    "apgd": AttackInfo(
        APGD, ("linf", "l2", "l1"), False, "white", "Croce 2020, arXiv 2003.01690", "PGD that adapts its step size"
    ),
    "fab": AttackInfo(
        FAB, ("linf", "l2", "l1"), True, "white", "Croce 2020, arXiv 1907.02044", "smallest perturbation by projections"
    ),
    "square": AttackInfo(
        Square, ("linf", "l2"), False, "score", "Andriushchenko 2020, arXiv 1912.00049", "random squares, no gradients"
    ),
    "hop-skip-jump": AttackInfo(
        HopSkipJump, ("l2", "linf"), True, "decision", "Chen 2020, arXiv 1904.02144", "walks along the boundary"
    ),
    "ddn": AttackInfo(DDN, ("l2",), True, "white", "Rony 2019, arXiv 1811.09600", "smallest L2 perturbation, fast"),
    "fmn": AttackInfo(
        FMN, ("l2", "linf", "l1", "l0"), True, "white", "Pintor 2021, arXiv 2102.12827", "smallest perturbation, fast"
    ),
    "sigma-zero": AttackInfo(SigmaZero, ("l0",), True, "white", "Cina 2025, arXiv 2402.01879", "fewest changed values"),
    "auto": AttackInfo(
        Auto, ("linf", "l2", "l1"), False, "white", "Croce 2020, arXiv 2003.01690", "AutoAttack: APGD, FAB, Square"
    ),
    "auto-quick": AttackInfo(
        AutoQuick,
        ("linf", "l2", "l1"),
        False,
        "white",
        "Croce 2020, arXiv 2003.01690",
        "short APGD and Square, sized for a CPU",
    ),
    "cw": AttackInfo(
        CW, ("l2",), True, "white", "Carlini 2017, arXiv 1608.04644", "smallest L2 perturbation, binary search"
    ),
}
BACK_ENDS: dict[str, type[TorchAttacks | Foolbox]] = {"torchattacks": TorchAttacks, "foolbox": Foolbox}


def attack_names() -> list[str]:
    """Names of our own attacks."""
    return sorted(NATIVE)


def foreign_names(library: str) -> list[str]:
    """Full names of a back end's attacks, e.g. ``"torchattacks:PGD"``; raises `MissingExtraError`."""
    return [f"{library}:{name}" for name in class_names(library)]


def make_attack(name: str, parameters: Mapping[str, Any]) -> Attack:
    """The attack of that name with these parameters.

    Raises:
        UserError: unknown attack or parameter, or a value it cannot take.
        MissingExtraError: a back end that is not installed.
    """
    library, colon, rest = name.partition(":")
    if colon and library in BACK_ENDS:
        return BACK_ENDS[library](rest, dict(parameters))
    info = _native(name)
    known = [field.name for field in fields(info.make)]
    for parameter in parameters:
        if parameter not in known:
            raise UserError(f"{name} has no such parameter", got=parameter, fix=did_you_mean(parameter, known))
    for parameter, value in parameters.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"{parameter} of {name} must be finite", got=str(value))
    try:
        made: Attack = TypeAdapter(info.make).validate_python(dict(parameters))
    except ValidationError as error:
        first = error.errors()[0]
        parameter = ".".join(str(part) for part in first["loc"])
        raise UserError(
            f"{parameter} of {name} is not usable", got=repr(first.get("input")), expected=first["msg"]
        ) from error
    return made


def complete_parameters(name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters with every default of ours filled in; a back end's are left as given."""
    attack = make_attack(name, parameters)
    return dict(parameters) if isinstance(attack, TorchAttacks | Foolbox) else vars(attack).copy()


def default_norm(name: str, parameters: Mapping[str, Any]) -> str:
    """The norm that is meant where none is given."""
    if name in NATIVE:
        return NATIVE[name].norms[0]
    attack = make_attack(name, parameters)
    assert isinstance(attack, TorchAttacks | Foolbox)
    return attack.natural_norm()


def check_budget(name: str, parameters: Mapping[str, Any], budget: Budget) -> None:
    """Raise `UserError` if the attack cannot keep to that norm, or needs an epsilon and gets none."""
    attack = make_attack(name, parameters)
    if isinstance(attack, TorchAttacks | Foolbox):
        attack.check_budget(budget)
        return
    info = NATIVE[name]
    if budget.norm not in info.norms:
        raise UserError(f"{name} has no such norm", got=str(budget.norm), expected=" or ".join(info.norms))
    if budget.minimal and not info.minimal:
        raise UserError(f"{name} needs an epsilon", fix='write eps = ["8/255"], or --eps 8/255')


def cost_per_sample(
    name: str, parameters: Mapping[str, Any], *, classes: int | None = None, norm: str = ""
) -> Cost | None:
    """Most passes that one sample can cost at one budget; None where a back end cannot tell.

    Args:
        name: of the attack.
        parameters: its parameters.
        classes: number of the network's outputs, on which the cost of some attacks of other libraries depends.
        norm: of the budget; the attack's own without it.
    """
    attack = make_attack(name, parameters)
    if isinstance(attack, TorchAttacks | Foolbox):
        return attack.cost(classes=classes)
    if isinstance(attack, APGD | Cascade):
        return attack.cost(Norm.parse(norm or default_norm(name, parameters)))
    made: Native = attack  # type: ignore[assignment] # what the catalogue makes is one of ours or of a back end
    return made.cost()


def attack_notes(name: str, parameters: Mapping[str, Any], *, classes: int, norm: str) -> tuple[str, ...]:
    """Sentences to show beside a result: what an attack of several stages does otherwise than its protocol says.

    Args:
        name: of the attack.
        parameters: its parameters.
        classes: number of the network's outputs.
        norm: of the budget.
    """
    attack = make_attack(name, parameters)
    return attack.notes(classes, Norm.parse(norm)) if isinstance(attack, Cascade) else ()


def _native(name: str) -> AttackInfo:
    if name not in NATIVE:
        known = [*NATIVE, *(f"{library}:NAME" for library in BACK_ENDS)]
        raise UserError("unknown attack", got=name, fix=did_you_mean(name, known))
    return NATIVE[name]
