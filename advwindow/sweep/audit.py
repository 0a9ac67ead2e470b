"""The audit of a sweep: for each subject, can the lowest robust accuracy that was found be believed?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

from advwindow.attacks import Status, audit, make_budgets
from advwindow.attacks.audit import SINGLE_STEP, Trial
from advwindow.defenses import traits

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from advwindow.attacks import AuditLevel
    from advwindow.runs import CellSpec, RunDirectory
    from advwindow.sweep.cell import Transport
    from advwindow.sweep.executor import Watcher
    from advwindow.sweep.plan import Library


def audit_run(run: RunDirectory, library: Library, level: AuditLevel, transport: Transport, watcher: Watcher) -> None:
    """Audit each subject of a finished run that has no audit of this level yet, and keep what is found.

    Audited is the untargeted cell with the lowest robust accuracy; of several the first, but an epsilon's and one of
    many steps for choice. Checks that compare attacks or epsilons read the stored tables of all the subject's cells;
    the others attack some images again.

    Raises:
        UserError: the attack cannot be run here, or its audit cannot be written.
    """
    for specs in _subjects(run):
        spec = _lowest(run, specs)
        known = run.audit(spec)
        if known is None or known["level"] != level:
            watcher.audit_started(spec, level)
            started = time.perf_counter()
            run.save_audit(spec, _audit(run, spec, specs, library, level, transport))
            seconds = round(time.perf_counter() - started, 3)
            run.log("audit done", cell=spec.cell_id, condition=spec.condition, level=level, seconds=seconds)


def audited_cells(run: RunDirectory) -> list[CellSpec]:
    """One cell for each network, set of images and seed."""
    return [_lowest(run, specs) for specs in _subjects(run)]


def stored_trials(run: RunDirectory, specs: Sequence[CellSpec]) -> dict[str, Trial]:
    """What the tables of these finished, untargeted cells of one subject say about each image, by the cell's id."""
    names = _names(specs)
    return {spec.cell_id: _trial(spec, names[spec.cell_id], run.table(spec, "samples")) for spec in specs}


def _subjects(run: RunDirectory) -> list[list[CellSpec]]:
    """Finished, untargeted cells by network, set of images and seed; those that the network itself was asked in."""
    groups: dict[tuple[str, str, str, int], list[CellSpec]] = {}
    for spec in run.done():
        if not spec.target and spec.access == "adaptive":
            groups.setdefault((spec.subject, spec.model_sha256, spec.images_sha256, spec.seed), []).append(spec)
    return list(groups.values())


def _lowest(run: RunDirectory, specs: Sequence[CellSpec]) -> CellSpec:
    def rank(spec: CellSpec) -> tuple[bool, float, bool]:
        return spec.eps == "min", run.summary(spec)["robust_accuracy"], spec.attack in SINGLE_STEP

    return min(specs, key=rank)


def _names(specs: Sequence[CellSpec]) -> dict[str, str]:
    """Names of the attacks by cell; an attack that occurs with different parameters bears those that differ."""
    return {spec.cell_id: _name(spec, [each for each in specs if each.attack == spec.attack]) for spec in specs}


def _name(spec: CellSpec, namesakes: Sequence[CellSpec]) -> str:
    keys = sorted({key for each in namesakes for key in each.parameters})
    differing = [key for key in keys if any(each.parameters.get(key) != spec.parameters.get(key) for each in namesakes)]
    told = ", ".join(f"{key} {spec.parameters.get(key)}" for key in differing)
    return f"{spec.attack} ({told})" if told else spec.attack


def _trial(spec: CellSpec, name: str, samples: pl.DataFrame) -> Trial:
    """A cell's attack ran at its budget alone, so no success was taken over from a smaller one."""
    tried = samples["status"] != Status.SKIPPED.value
    return Trial(
        attack=name,
        budget=make_budgets(spec.eps, spec.norm)[0],
        tried=torch.tensor(tried.to_list(), dtype=torch.bool),
        success=torch.tensor(samples["success"].to_list(), dtype=torch.bool),
        distance=torch.tensor(samples["distance"].to_list(), dtype=torch.float64),
        blind=int(samples["forwards"].sum()) > 0 and int(samples["backwards"].sum()) == 0,
        single=spec.attack in SINGLE_STEP,
    )


def _audit(
    run: RunDirectory,
    spec: CellSpec,
    specs: Sequence[CellSpec],
    library: Library,
    level: AuditLevel,
    transport: Transport,
) -> dict[str, object]:
    study, trials = library.of(spec), stored_trials(run, specs)
    found = audit(
        study.model,
        study.pixels,
        study.labels,
        attack=spec.attack,
        parameters=spec.parameters,
        budget=make_budgets(spec.eps, spec.norm)[0],
        name=trials[spec.cell_id].attack,
        level=level,
        trials=list(trials.values()),
        seed=spec.seed,
        ids=study.images.ids,
        batch_size=transport.batch_size,
        draws=spec.draws,
        declared_random=traits(study.model).random,
        reference=study.undefended,
    )
    return found.to_dict()
