"""What is compared: a model with its defence, and what every attack did to every image."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from advwindow.attacks import NATIVE, Budget, complete_parameters, make_budgets
from advwindow.comparison.images import cells_on, image_sets
from advwindow.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import polars as pl
    from numpy.typing import NDArray

    from advwindow.attacks import Norm
    from advwindow.runs import CellSpec, RunDirectory

#: How an attack met the defence: it did not know it, it used its gradients, or it only asked it.
Access = Literal["oblivious", "adaptive", "black-box"]
ACCESSES: tuple[Access, ...] = ("oblivious", "adaptive", "black-box")


@dataclass(frozen=True, eq=False)
class Tested:
    """A finished, untargeted cell, image by image in the order of its entry.

    Attributes:
        spec: what was computed.
        access: how the attack met the defence.
        correct: ``(n,)`` the clean image is classified correctly.
        success: ``(n,)`` the attack fooled the defended network within its budget.
        distance: ``(n,)`` size of the perturbation in the norm of the budget.
        summary: the cell's plain numbers.
    """

    spec: CellSpec
    access: Access
    correct: NDArray[np.bool_]
    success: NDArray[np.bool_]
    distance: NDArray[np.float64]
    summary: Mapping[str, Any]

    @cached_property
    def attack(self) -> tuple[str, str]:
        """Name and complete parameters of the attack: the same in cells that can be compared."""
        name = self.spec.attack
        given = self.spec.parameters
        complete = complete_parameters(name, given) if name in NATIVE else given
        return name, json.dumps(complete, sort_keys=True)

    @cached_property
    def budget(self) -> Budget:
        """Norm and epsilon the attack was given."""
        return make_budgets(self.spec.eps, self.spec.norm)[0]

    def counts_at(self, budget: Budget) -> bool:
        """Whether what the attack found can lie within a budget: one of the same norm that is not smaller."""
        same = self.budget.norm == budget.norm
        return same and (self.budget.minimal or self.budget.value <= budget.value)

    def broken(self, budget: Budget) -> NDArray[np.bool_]:
        """``(n,)`` images that it fooled within the budget.

        An example within a smaller epsilon lies within this one, and one of a minimal-norm attack counts where its
        distance does not exceed epsilon.
        """
        if not self.counts_at(budget):
            return np.zeros_like(self.success)
        return self.success & (self.distance <= budget.value) if self.budget.minimal else self.success


@dataclass(frozen=True, eq=False)
class Entry:
    """One row of the comparison.

    Attributes:
        name: model and defence, with the run's name where that is not unique.
        run: where it is from.
        ids: ``(n,)`` names of the images, sorted.
        labels: ``(n,)`` their classes.
        cells: its cells in the order of the plan, at least one.
    """

    name: str
    run: RunDirectory
    ids: tuple[str, ...]
    labels: NDArray[np.int64]
    cells: tuple[Tested, ...]

    @property
    def spec(self) -> CellSpec:
        """The first cell attacked as it is defended, or the first of all."""
        return self._judged[0].spec

    @cached_property
    def correct(self) -> NDArray[np.bool_]:
        """``(n,)`` images that the defended network classifies correctly when they are clean, in every cell."""
        right: NDArray[np.bool_] = np.all([cell.correct for cell in self._judged], axis=0)
        return right

    @property
    def certificate(self) -> dict[str, Any] | None:
        """What is certified of the model if it is a smoothed one (`advwindow.sweep.certify_run`); None if nothing."""
        return self.run.certificate(self.spec)

    @property
    def budgets(self) -> list[Budget]:
        """Different budgets of the attacks on the defended network, those of minimal-norm attacks among them."""
        return distinct(cell.budget for cell in self._judged)

    def at(self, budget: Budget, access: Access | None = None) -> list[Tested]:
        """Cells whose examples can lie within a budget, of one access or of all."""
        return [cell for cell in self.cells if cell.counts_at(budget) and access in {None, cell.access}]

    def robust(self, budget: Budget, access: Access | None = None) -> NDArray[np.bool_] | None:
        """``(n,)`` images that are classified correctly and that none of these attacks fooled; None without attack."""
        cells = self.at(budget, access)
        return withstood(self, cells, budget) if cells else None

    @property
    def _judged(self) -> Sequence[Tested]:
        return [cell for cell in self.cells if cell.access != "oblivious"]


def withstood(entry: Entry, cells: Iterable[Tested], budget: Budget) -> NDArray[np.bool_]:
    """``(n,)`` images that are classified correctly when clean and that no such cell fooled within the budget."""
    left = entry.correct.copy()
    for cell in cells:
        left &= ~cell.broken(budget)
    return left


def distinct(budgets: Iterable[Budget]) -> list[Budget]:
    """Budgets that differ in norm or in the number that epsilon is, in order of norm as met, then of size."""
    found: dict[tuple[Norm, float], Budget] = {}
    for budget in budgets:
        found.setdefault((budget.norm, budget.value), budget)
    norms = list(dict.fromkeys(norm for norm, _ in found))
    return [found[key] for key in sorted(found, key=lambda key: (norms.index(key[0]), key[1]))]


def read_entries(runs: Sequence[RunDirectory], *, images: str = "") -> tuple[Entry, ...]:
    """Entries of finished runs in the order of their plans.

    Args:
        runs: at least one, each once.
        images: a reference of the image set that is wanted; all if empty.

    Raises:
        UserError: no run, the same one twice, no untargeted cell, or cells of an entry that do not fit together.
        IncompleteError: cells that are wanted are not finished.
    """
    _check_runs(runs)
    groups: dict[tuple[int, str, str], list[CellSpec]] = {}
    for place, specs in enumerate(cells_on(runs, images)):
        for spec in specs:
            groups.setdefault((place, spec.subject, spec.images), []).append(spec)
    if not groups:
        raise UserError(
            "there is nothing to compare",
            got=f"no untargeted cell{f' on {images}' if images else ''}",
            expected="a run of untargeted attacks",
            fix=f"choose images among {', '.join(image_sets(runs))}" if images else "",
        )
    names = _names(runs, list(groups))
    return tuple(_read(names[key], runs[key[0]], specs) for key, specs in groups.items())


def _check_runs(runs: Sequence[RunDirectory]) -> None:
    twice = [path for path, times in Counter(run.path.resolve() for run in runs).items() if times > 1]
    if twice:
        raise UserError("a run is named twice", got=str(twice[0]), fix="name each run once")
    if not runs:
        raise UserError("there is nothing to compare", got="no run", fix="name at least one")


def _names(runs: Sequence[RunDirectory], keys: Sequence[tuple[int, str, str]]) -> dict[tuple[int, str, str], str]:
    """Model and defence; where that is not unique with images, with the run's name, then with its path."""

    def spellings(place: int, subject: str, images: str) -> tuple[str, ...]:
        run = runs[place].path
        return (
            subject,
            f"{subject} (on {images})",
            f"{subject} ({run.resolve().name})",
            f"{subject} ({run.resolve()}, on {images})",
        )

    spelt = {key: spellings(*key) for key in keys}
    names = {key: spelling[0] for key, spelling in spelt.items()}
    for level in range(1, 4):
        taken = Counter(names.values())
        names = {key: spelt[key][level] if taken[name] > 1 else name for key, name in names.items()}
    return names


def _read(name: str, run: RunDirectory, specs: Sequence[CellSpec]) -> Entry:
    tables = [run.table(spec, "samples").sort("sample_id", maintain_order=True) for spec in specs]
    ids = tuple(str(each) for each in tables[0]["sample_id"])
    for spec, table in zip(specs, tables, strict=True):
        if tuple(table["sample_id"]) != ids:
            raise UserError(
                f"cells of {name} have other images",
                got=f"{spec.condition} with {table.height} images",
                expected=f"the {len(ids)} images of {specs[0].condition}",
                fix="compute the run anew",
            )
    if all(spec.access == "oblivious" for spec in specs):
        raise UserError(
            f"{name} was attacked by adversaries only who do not know the defence",
            got=", ".join(dict.fromkeys(spec.condition for spec in specs)),
            expected="attacks made on the defended network, too",
            fix='set access = ["oblivious", "adaptive"] and run the sweep again',
        )
    cells = tuple(_tested(spec, run.summary(spec), table) for spec, table in zip(specs, tables, strict=True))
    return Entry(name, run, ids, tables[0]["label"].to_numpy(), cells)


def _tested(spec: CellSpec, summary: Mapping[str, Any], samples: pl.DataFrame) -> Tested:
    return Tested(
        spec,
        access_of(spec, summary),
        correct=(samples["clean_prediction"] == samples["label"]).to_numpy(),
        success=samples["success"].to_numpy(),
        distance=samples["distance"].cast(float).to_numpy(),
        summary=summary,
    )


def access_of(spec: CellSpec, summary: Mapping[str, Any]) -> Access:
    """How a cell's attack met the defence.

    What attacks of ours need is known; one of another library is black-box where it asked the network but never for a
    gradient.
    """
    if spec.access == "oblivious":
        return "oblivious"
    if spec.attack in NATIVE:
        return "adaptive" if NATIVE[spec.attack].access == "white" else "black-box"
    return "black-box" if summary["forwards"] and not summary["backwards"] else "adaptive"
