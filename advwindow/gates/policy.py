"""What a policy says: gates of seven kinds, each a condition that a run must meet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from advwindow.attacks import MINIMAL, make_budgets, parse_eps
from advwindow.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence


def _as_texts(value: object) -> object:
    values = [_as_text(each) for each in value] if isinstance(value, list | tuple) else [_as_text(value)]
    # What is no text is left for the field to refuse: lists and tables cannot be keys.
    return tuple(dict.fromkeys(values) if all(isinstance(each, str) for each in values) else values)


def _as_text(value: object) -> object:
    """Epsilons may be written as numbers."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _check_budgets(eps: Sequence[str], norm: str) -> None:
    try:
        for text in eps:
            if text != MINIMAL:
                parse_eps(text)
        make_budgets(eps, norm)
    except UserError as error:  # so that the place in the file is told
        raise ValueError(str(error)) from error


#: A text or a list of texts.
Texts = Annotated[tuple[str, ...], BeforeValidator(_as_texts), Field(min_length=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Change = Annotated[float, Field(ge=-1, le=1)]
Attacked = Literal["", "adaptive", "oblivious"]


class Gate(BaseModel):
    """What all gates have.

    Attributes:
        name: what it is called in results; left out for a title made of its condition.
        subject: patterns (`fnmatch`) of ``MODEL`` or ``MODEL + DEFENSE``; each must fit.
    """

    # Strict: true is no share, and "no" does not allow what false forbids.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = ""
    subject: Texts = ("*",)


class CleanAccuracy(Gate):
    """Accuracy without attack.

    Attributes:
        at_least: what the lower end of Wilson's 95 % interval must reach.
    """

    at_least: Share


class _AtBudget(Gate):
    """What is judged at one budget.

    Attributes:
        norm: of the threat model.
        eps: its epsilon, as text; attacks at smaller ones count, too, minimal ones where they fit.
        attack: patterns of attacks; each must fit.
        access: only attacks made on the defended model (``"adaptive"``), or only those made on the model without its
            defence; left out for all.
    """

    norm: str
    eps: Annotated[str, BeforeValidator(_as_text)]
    attack: Texts = ("*",)
    access: Attacked = ""

    @model_validator(mode="after")
    def _budget_is_sound(self) -> _AtBudget:
        if self.eps == MINIMAL:
            raise ValueError("robust accuracy needs an epsilon, such as 8/255")
        _check_budgets([self.eps], self.norm)
        return self


class RobustAccuracy(_AtBudget):
    """Share of images that withstand every attack.

    Attributes:
        at_least: what the lower end of Wilson's 95 % interval must reach.
    """

    at_least: Share


class RobustAccuracyDrop(_AtBudget):
    """How much lower robust accuracy is than in the baseline, on the same images.

    Attributes:
        at_most: what the upper end of the 95 % interval of the drop must not exceed; below 0 to ask for a rise.
        baseline: pattern of the baseline's subject; left out for the one of the same name, or the only one.
    """

    at_most: Change
    baseline: str = ""


class _OnLayers(Gate):
    """What is judged layer by layer, for every attack.

    Attributes:
        layers: patterns of layer names; each must fit.
        norm: only attacks in this norm; left out for all.
        eps: only attacks at these epsilons; left out for all.
        attack: patterns of attacks; each must fit.
        access: as in `RobustAccuracy`.
    """

    layers: Texts
    norm: str = ""
    eps: Annotated[tuple[str, ...], BeforeValidator(_as_texts)] = ()
    attack: Texts = ("*",)
    access: Attacked = ""

    @model_validator(mode="after")
    def _budgets_are_sound(self) -> _OnLayers:
        if self.eps and not self.norm:
            raise ValueError("epsilons need their norm")
        if self.norm:
            _check_budgets(list(self.eps) or [MINIMAL], self.norm)
        return self


class Verdicts(_OnLayers):
    """How far meaning may be lost.

    Attributes:
        no_worse_than: the gravest verdict on the geometry that is still good.
        allow_hijacked: whether activations may be closer to a wrong word.
    """

    no_worse_than: Literal["intact", "eroded"]
    allow_hijacked: bool = False


class Retention(_OnLayers):
    """How much of the clean alignment is left.

    Attributes:
        at_least: what the lower end of its 95 % interval must reach.
    """

    at_least: Share


class AlignmentDrop(_OnLayers):
    """How much lower alignment is than in the baseline, over the concepts of both.

    Attributes:
        at_most: what the upper end of the 95 % interval of the drop must not exceed; below 0 to ask for a rise.
        condition: alignment under attack, or of clean images.
        baseline: as in `RobustAccuracyDrop`.
    """

    at_most: Change
    condition: Literal["attack", "clean"] = "attack"
    baseline: str = ""


class AuditGate(Gate):
    """Whether the attacks can be believed.

    Attributes:
        no_worse_than: the gravest finding that is still good.
        checks: patterns of the checks' codes; each must fit.
    """

    no_worse_than: Literal["pass", "warn"]
    checks: Texts = ("*",)


class Policy(BaseModel):
    """All gates of a file, in the order of their kinds; a field is a ``[[table]]`` of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    clean_accuracy: tuple[CleanAccuracy, ...] = ()
    robust_accuracy: tuple[RobustAccuracy, ...] = ()
    robust_accuracy_drop: tuple[RobustAccuracyDrop, ...] = ()
    verdicts: tuple[Verdicts, ...] = ()
    retention: tuple[Retention, ...] = ()
    alignment_drop: tuple[AlignmentDrop, ...] = ()
    audit: tuple[AuditGate, ...] = ()

    def gates(self) -> list[tuple[str, int, Gate]]:
        """Each gate with its kind and its number within the kind, from 1."""
        return [
            (kind, number, gate)
            for kind in type(self).model_fields
            for number, gate in enumerate(getattr(self, kind), start=1)
        ]

    @property
    def compares(self) -> bool:
        """Whether it takes a baseline."""
        return bool(self.robust_accuracy_drop or self.alignment_drop)


#: What a table of each name is.
KINDS: dict[str, type[Gate]] = {
    "clean_accuracy": CleanAccuracy,
    "robust_accuracy": RobustAccuracy,
    "robust_accuracy_drop": RobustAccuracyDrop,
    "verdicts": Verdicts,
    "retention": Retention,
    "alignment_drop": AlignmentDrop,
    "audit": AuditGate,
}
