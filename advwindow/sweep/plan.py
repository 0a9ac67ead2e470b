"""Plan first: a sweep becomes cells with stable identities, before anything is computed."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from advwindow.attacks import attack_notes, cost_per_sample
from advwindow.runs import CellSpec, short_hash
from advwindow.sweep.study import Study, defended, load_study, probe_speed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import torch

    from advwindow.sweep.config import AttackEntry, Sweep


@dataclass(frozen=True)
class PlannedCell:
    """A cell, and what it will cost at most.

    Attributes:
        spec: what to compute.
        images: correctly classified images, those that are attacked.
        gradients: most gradients the attack can spend; 0 where a back end does not tell.
        notes: what the attack does otherwise here than its protocol says, in sentences.
    """

    spec: CellSpec
    images: int
    gradients: int
    notes: tuple[str, ...] = ()


class Library:
    """Studies by their references, each loaded once."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._studies: dict[tuple[str, str, tuple[str, ...], str], Study] = {}

    def study(self, model: str, images: str, words: tuple[str, ...], defense: str = "") -> Study:
        """The study of these references; raises `UserError` where they cannot be loaded or do not fit."""
        key = (model, images, words, defense)
        if key not in self._studies:
            bare = None if not defense else self.study(model, images, words)
            made = load_study(model, images, words, device=self._device) if bare is None else defended(bare, defense)
            self._studies[key] = made
        return self._studies[key]

    def of(self, spec: CellSpec) -> Study:
        """The study of a cell."""
        return self.study(spec.model, spec.images, spec.words, spec.defense)


def probe_speeds(cells: Sequence[PlannedCell], library: Library) -> dict[str, float]:
    """Gradients per second of each cell's model on this machine, by the cell's id; for estimates only."""
    speeds: dict[int, float] = {}
    for cell in cells:
        study = library.of(cell.spec)
        if id(study) not in speeds:
            speeds[id(study)] = probe_speed(study)
    return {cell.spec.cell_id: speeds[id(library.of(cell.spec))] for cell in cells}


def make_plan(library: Library, *sweeps: Sweep) -> list[PlannedCell]:
    """All cells of the sweeps, in the order in which they will run; a cell that is named twice is planned once."""
    return list({cell.spec.cell_id: cell for sweep in sweeps for cell in _cells(sweep, library)}.values())


def plan_id(cells: list[PlannedCell]) -> str:
    """Identity of the plan: the identities of its cells, in order."""
    return short_hash([cell.spec.cell_id for cell in cells])


def _cells(sweep: Sweep, library: Library) -> Iterator[PlannedCell]:
    for model, images, defense in itertools.product(sweep.models, sweep.images, sweep.defenses):
        study = library.study(model, images, sweep.words, defense)
        common = {
            "model": model,
            "model_sha256": study.model_sha256,
            "images": images,
            "images_sha256": study.images_sha256,
            "words": sweep.words,
            "words_sha256": tuple(space.sha256 for space in study.words),
            "defense": defense,
            **sweep.window.model_dump(),
        }
        for entry, seed in itertools.product(sweep.attack, sweep.seeds):
            yield from _of_entry(entry, study, {**common, "seed": seed})


def _of_entry(entry: AttackEntry, study: Study, common: dict[str, Any]) -> Iterator[PlannedCell]:
    """The cells of one attack on one study: targets, accesses, epsilons."""
    classes = study.clean_logits.shape[1]
    per_sample = cost_per_sample(entry.name, entry.parameters, classes=classes, norm=entry.norm)
    notes = attack_notes(entry.name, entry.parameters, classes=classes, norm=entry.norm)
    for target, access, eps in itertools.product(entry.target, entry.access, entry.eps):
        adaptive = access == "adaptive"
        if study.undefended is None and not adaptive:
            continue
        draws = (entry.draws or study.draws) if study.random and adaptive else 1
        spec = CellSpec(
            **common,
            attack=entry.name,
            parameters=entry.parameters,
            norm=entry.norm,
            eps=eps,
            target=target,
            access=access,
            draws=draws,
        )
        yield PlannedCell(spec, int(study.correct.sum()), draws * study.count_gradients(per_sample), notes)
