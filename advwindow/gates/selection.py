"""Which cells a gate is about; whatever a policy names must be there."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Protocol

from advwindow.attacks import MINIMAL, NATIVE, complete_parameters, parse_eps
from advwindow.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from advwindow.runs import CellSpec


class Attacks(Protocol):
    """What a gate says of attacks."""

    @property
    def norm(self) -> str:
        """Empty for all."""

    @property
    def attack(self) -> tuple[str, ...]:
        """Patterns."""

    @property
    def access(self) -> str:
        """Empty for all."""


@dataclass(frozen=True)
class Group:
    """Untargeted cells of one subject, one set of images and one seed.

    Attributes:
        subject: the model and what protects it.
        images: reference of the images.
        seed: of the cells.
        cells: in the order of the plan.
        short: the subject, with images and seed where the run has several.
    """

    subject: str
    images: str
    seed: int
    cells: tuple[CellSpec, ...]
    short: str

    def __str__(self) -> str:
        return self.short

    @property
    def full(self) -> str:
        """Everything that tells it from groups of any run."""
        return f"{self.subject} on {self.images}, seed {self.seed}"


def fits(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name is one of the patterns or fits one (`fnmatch`, with regard to case)."""
    return any(name == pattern or fnmatchcase(name, pattern) for pattern in patterns)


def chosen(names: Iterable[str], patterns: Sequence[str], *, what: str) -> list[str]:
    """Names that fit a pattern, each once, in order.

    Args:
        names: to choose from.
        patterns: each must fit a name.
        what: they are, for the error.

    Raises:
        UserError: a pattern fits nothing.
    """
    known = list(dict.fromkeys(names))
    for pattern in patterns:
        if not any(fits(name, [pattern]) for name in known):
            raise UserError(f"no {what} fits the pattern", got=pattern, fix=did_you_mean(pattern, known))
    return [name for name in known if fits(name, patterns)]


def grouped(specs: Iterable[CellSpec], subjects: Sequence[str], *, whose: str = "run") -> list[Group]:
    """Untargeted cells by subject, images and seed.

    Args:
        specs: of a run.
        subjects: patterns.
        whose: what the run is called in errors.

    Raises:
        UserError: a pattern fits no subject.
    """
    groups: dict[tuple[str, ...], list[CellSpec]] = {}
    cells = [spec for spec in specs if not spec.target]
    names = chosen((spec.subject for spec in cells), subjects, what=f"untargeted subject of the {whose}")
    for spec in cells:
        if spec.subject in names:
            key = (spec.subject, spec.model_sha256, spec.images, spec.images_sha256, str(spec.seed))
            groups.setdefault(key, []).append(spec)
    told = {
        "on": len({(spec.images, spec.images_sha256) for spec in cells}) > 1,
        "seed": len({spec.seed for spec in cells}) > 1,
    }
    return [_group(tuple(members), told) for members in groups.values()]


def _group(cells: tuple[CellSpec, ...], told: Mapping[str, bool]) -> Group:
    first = cells[0]
    words = {"on": first.images, "seed": str(first.seed)}
    short = " ".join([first.subject, *(f"{word} {value}" for word, value in words.items() if told[word])])
    return Group(first.subject, first.images, first.seed, cells, short)


def attacked(group: Group, wanted: Attacks, *, eps: Sequence[str] = (), minimal: bool) -> Group:
    """The group with the cells that a gate is about.

    Args:
        group: of one subject.
        wanted: norm, attacks and access.
        eps: epsilons, none for all.
        minimal: whether attacks at smaller epsilons, and those for the smallest perturbation, belong to every epsilon:
            what they find lies within it. Patterns must fit all the same what searched the whole epsilon.

    Raises:
        UserError: no cell is of that norm, access and epsilon, or a pattern fits no attack of those.
    """
    sizes = {_size(text) for text in eps}
    cells = [
        spec
        for spec in group.cells
        if wanted.norm.lower() in {"", spec.norm}
        and wanted.access in {"", spec.access}
        and (not sizes or _size(spec.eps) in sizes or (minimal and _may_lie_within(spec.eps, sizes)))
    ]
    held = {_size(spec.eps) for spec in cells}
    missing = [] if minimal and MINIMAL in held else [text for text in eps if _size(text) not in held]
    if missing or not cells:
        asked = " ".join([wanted.norm, ", ".join(missing or eps), wanted.access]).split()
        known = ", ".join(dict.fromkeys(spec.condition for spec in group.cells))
        raise UserError(f"no cell of {group} is of the gate's budget", got=" ".join(asked), expected=f"one of: {known}")
    whole = (spec.attack for spec in cells if reaches(spec, eps))
    chosen(whole, wanted.attack, what=f"attack on {group} of the gate's budget")
    return replace(group, cells=tuple(spec for spec in cells if fits(spec.attack, wanted.attack)))


def reaches(spec: CellSpec, eps: Sequence[str]) -> bool:
    """Whether a cell's attack searched one of these epsilons to its end, not only a smaller one; none are all."""
    return not eps or spec.eps == MINIMAL or _size(spec.eps) in {_size(text) for text in eps}


def same_attack(spec: CellSpec) -> tuple[object, ...]:
    """What two cells have in common whose attack is the same; epsilons are compared as numbers, defaults count."""
    return (spec.attack, json.dumps(_parameters(spec), sort_keys=True), spec.norm, _size(spec.eps), spec.access)


def _parameters(spec: CellSpec) -> Mapping[str, object]:
    try:
        return complete_parameters(spec.attack, spec.parameters) if spec.attack in NATIVE else spec.parameters
    except UserError:  # a run of another version, whose defaults nobody knows here
        return spec.parameters


def _may_lie_within(eps: str, sizes: set[float | str]) -> bool:
    return eps == MINIMAL or any(parse_eps(eps) <= size for size in sizes if isinstance(size, float))


def _size(eps: str) -> float | str:
    return eps if eps == MINIMAL else parse_eps(eps)


def titles(group: Group) -> dict[str, str]:
    """What to call the group's cells; those of one condition bear their parameters, too, and whatever else differs."""
    alike: dict[str, list[CellSpec]] = {}
    for spec in group.cells:
        alike.setdefault(spec.condition, []).append(spec)
    return {spec.cell_id: _title(spec, alike[spec.condition]) for spec in group.cells}


def _title(spec: CellSpec, alike: Sequence[CellSpec]) -> str:
    plain = spec.model_dump(exclude={"parameters"})
    other = {name: value for name, value in plain.items() if any(getattr(each, name) != value for each in alike)}
    facts = (spec.parameters if len(alike) > 1 else {}) | other
    told = ", ".join(f"{name} {_plain(value)}" for name, value in facts.items())
    return f"{spec.condition} ({told})" if told else spec.condition


def _plain(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
