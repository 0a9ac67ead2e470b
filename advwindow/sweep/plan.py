"""Plan first: a sweep becomes cells with stable identities, before anything is computed."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from advwindow.attacks import attack_notes, cost_per_sample
from advwindow.runs import CellSpec, short_hash
from advwindow.sweep.study import Study, load_study

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

    from advwindow.sweep.config import Sweep


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
        self._studies: dict[tuple[str, str, tuple[str, ...]], Study] = {}

    def study(self, model: str, images: str, words: tuple[str, ...]) -> Study:
        """The study of these references; raises `UserError` where they cannot be loaded or do not fit."""
        key = (model, images, words)
        if key not in self._studies:
            self._studies[key] = load_study(*key, device=self._device)
        return self._studies[key]

    def of(self, spec: CellSpec) -> Study:
        """The study of a cell."""
        return self.study(spec.model, spec.images, spec.words)


def make_plan(sweep: Sweep, library: Library) -> list[PlannedCell]:
    """All cells of a sweep, in the order in which they will run; a cell that is named twice is planned once."""
    return list({cell.spec.cell_id: cell for cell in _cells(sweep, library)}.values())


def plan_id(cells: list[PlannedCell]) -> str:
    """Identity of the plan: the identities of its cells, in order."""
    return short_hash([cell.spec.cell_id for cell in cells])


def _cells(sweep: Sweep, library: Library) -> Iterator[PlannedCell]:
    for model, images in itertools.product(sweep.models, sweep.images):
        study = library.study(model, images, sweep.words)
        for entry, seed in itertools.product(sweep.attack, sweep.seeds):
            classes = study.clean_logits.shape[1]
            cost = study.count_gradients(
                cost_per_sample(entry.name, entry.parameters, classes=classes, norm=entry.norm)
            )
            notes = attack_notes(entry.name, entry.parameters, classes=classes, norm=entry.norm)
            for target, eps in itertools.product(entry.target, entry.eps):
                spec = CellSpec(
                    model=model,
                    model_sha256=study.model_sha256,
                    images=images,
                    images_sha256=study.images_sha256,
                    words=sweep.words,
                    words_sha256=tuple(space.sha256 for space in study.words),
                    attack=entry.name,
                    parameters=entry.parameters,
                    norm=entry.norm,
                    eps=eps,
                    target=target,
                    seed=seed,
                    **sweep.window.model_dump(),
                )
                yield PlannedCell(spec, int(study.correct.sum()), cost, notes)
