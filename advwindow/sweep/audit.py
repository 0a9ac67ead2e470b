"""The audit of a sweep: for each subject, can the lowest robust accuracy that was found be believed?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from advwindow.attacks import audit, make_budgets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advwindow.attacks import AuditLevel
    from advwindow.runs import CellSpec, RunDirectory
    from advwindow.sweep.cell import Transport
    from advwindow.sweep.plan import Library


def audit_run(run: RunDirectory, library: Library, level: AuditLevel, transport: Transport) -> None:
    """Audit each subject of a finished run that has no audit of this level yet, and keep what is found.

    Audited is the untargeted cell with the lowest robust accuracy, the first of several, as an epsilon's for choice.

    Raises:
        UserError: the attack cannot be run here, or its audit cannot be written.
    """
    for spec in audited_cells(run):
        known = run.audit(spec)
        if known is None or known["level"] != level:
            run.save_audit(spec, _audit(spec, library, level, transport))


def audited_cells(run: RunDirectory) -> list[CellSpec]:
    """One cell for each network, set of images and seed."""
    groups: dict[tuple[str, str, int], list[CellSpec]] = {}
    for spec in run.done():
        if not spec.target:
            groups.setdefault((spec.model_sha256, spec.images_sha256, spec.seed), []).append(spec)
    return [_lowest(run, specs) for specs in groups.values()]


def _lowest(run: RunDirectory, specs: Sequence[CellSpec]) -> CellSpec:
    return min(specs, key=lambda spec: (spec.eps == "min", run.summary(spec)["robust_accuracy"]))


def _audit(spec: CellSpec, library: Library, level: AuditLevel, transport: Transport) -> dict[str, object]:
    study = library.of(spec)
    found = audit(
        study.model,
        study.pixels,
        study.labels,
        attack=spec.attack,
        parameters=spec.parameters,
        budget=make_budgets(spec.eps, spec.norm)[0],
        level=level,
        seed=spec.seed,
        ids=study.images.ids,
        batch_size=transport.batch_size,
    )
    return found.to_dict()
