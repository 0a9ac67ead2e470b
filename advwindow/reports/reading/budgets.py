"""Attacks at all their budgets: what differs in nothing but the budget belongs together."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from advwindow.attacks import MINIMAL, parse_eps
from advwindow.reports.text import attack_name, norm_name, printable, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advwindow.reports.reading.studies import Attacked, Study
    from advwindow.runs import CellSpec

_TITLE_WIDTH = 44


class Family(NamedTuple):
    """An attack at all its budgets.

    Attributes:
        title: what to call it without norm and budget; unique among those of its norm.
        norm: of the budgets.
        attacks: by size of the budget; one where the smallest perturbation was sought.
    """

    title: str
    norm: str
    attacks: tuple[Attacked, ...]

    @property
    def minimal(self) -> bool:
        """Whether it sought the smallest perturbation rather than one within a budget."""
        return self.attacks[0].spec.eps == MINIMAL

    @property
    def several(self) -> bool:
        """Whether it was made within two budgets or more."""
        return len({size_of(attack) for attack in self.attacks}) > 1

    @property
    def normed_title(self) -> str:
        """The title with the norm, unique within the study."""
        return f"{self.title} {norm_name(self.norm)}"


def families(study: Study) -> list[Family]:
    """The attacks of a study that differ in nothing but the budget, together; in the order of the study."""
    groups: dict[tuple[str, bool], list[Attacked]] = {}
    for attack in study.attacks:
        key = (attack.spec.model_dump_json(exclude={"eps"}), attack.spec.eps == MINIMAL)
        groups.setdefault(key, []).append(attack)
    titles = _titles([group[0].spec for group in groups.values()])
    return [
        Family(title, group[0].spec.norm, tuple(sorted(group, key=size_of)))
        for title, group in zip(titles, groups.values(), strict=True)
    ]


def lives_of(family: Family, lives: pl.DataFrame) -> pl.DataFrame:
    """Rows of the study's half-lives that are those of a family."""
    spec = family.attacks[0].spec
    own = {
        "attack": spec.attack, "norm": spec.norm, "parameters": json.dumps(spec.parameters), "target": spec.target,
        "access": spec.access, "draws": spec.draws,
    }  # fmt: skip
    return lives.filter(*(pl.col(name) == value for name, value in own.items()))


def size_of(attack: Attacked) -> float:
    """The budget as a number, infinite where the smallest perturbation was sought."""
    return math.inf if attack.spec.eps == MINIMAL else parse_eps(attack.spec.eps)


def _titles(specs: Sequence[CellSpec]) -> list[str]:
    """Names of attacks; where several of a norm share one, with the parameters in which they differ, else numbered."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    given: list[dict[str, Any]] = []
    for spec in specs:
        given.append({**spec.parameters, "draws": spec.draws, "budget": "min" if spec.eps == MINIMAL else "fixed"})
        groups.setdefault((spec.norm, _name(spec)), []).append(given[-1])
    taken: Counter[tuple[str, str]] = Counter()
    found = []
    for spec, own in zip(specs, given, strict=True):
        twins = groups[spec.norm, _name(spec)]
        told = [f"{key} {own[key]}" for key in own if any(twin.get(key) != own[key] for twin in twins)]
        title = shorten(printable(f"{_name(spec)} ({', '.join(told)})" if told else _name(spec)), _TITLE_WIDTH)
        taken[spec.norm, title] += 1
        found.append(title if taken[spec.norm, title] == 1 else f"{title} [{taken[spec.norm, title]}]")
    return found


def _name(spec: CellSpec) -> str:
    goal, blind = f" to {spec.target}" if spec.target else "", " oblivious" if spec.access == "oblivious" else ""
    return f"{attack_name(spec.attack)}{goal}{blind}"
