"""Certified radii of the smoothed models of a run, each computed once and kept beside the cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from advwindow.defenses import certify
from advwindow.defenses.around import Enclosed
from advwindow.defenses.certify import radius_of
from advwindow.defenses.smoothing import Smoothing

if TYPE_CHECKING:
    from advwindow.runs import CellSpec, RunDirectory
    from advwindow.sweep.plan import Library
    from advwindow.sweep.study import Study

#: Radii at which certified accuracy is told, as multiples of the noise's standard deviation.
RADII = (0.0, 0.5, 1.0, 1.5, 2.0)


def certify_run(run: RunDirectory, library: Library, *, copies: int) -> dict[tuple[str, str], dict[str, Any]]:
    """Certificates of the finished cells' smoothed models, by subject and images; see `advwindow.defenses.certify`.

    Args:
        run: where they are kept.
        library: has the models and images.
        copies: noisy copies of each image that test its class; a tenth of them, at least 100, choose it.

    Returns:
        For each: ``sigma``, ``n0``, ``n``, ``alpha``, ``seed``, ``images``, ``predictions`` (-1 abstains), ``radii``,
        ``largest`` (the radius that so many copies can certify at most), and ``accuracy``: certified accuracy by L2
        radius in pixel units, as text.

    Raises:
        UserError: a number of copies that cannot be used, or the disk is full.
    """
    specs = {(spec.subject, spec.images): spec for spec in run.done() if spec.defense}
    found = {key: _certificate(run, spec, library.of(spec), copies) for key, spec in specs.items()}
    return {key: each for key, each in found.items() if each}


def _certificate(run: RunDirectory, spec: CellSpec, study: Study, copies: int) -> dict[str, Any]:
    model = study.model
    if not isinstance(model, Enclosed) or not isinstance(model.around, Smoothing) or model.defense is not None:
        return {}
    known = run.certificate(spec, copies=copies)
    if known is None:
        known = _certified(model, model.around.sigma, spec, study, copies)
        run.save_certificate(spec, known)
    return known


def _certified(model: Enclosed, sigma: float, spec: CellSpec, study: Study, copies: int) -> dict[str, Any]:
    made = certify(
        model,
        study.pixels,
        study.labels.cpu(),
        sigma=sigma,
        n0=max(100, copies // 10),
        n=copies,
        seed=spec.seed,
        ids=study.images.ids,
    )
    largest = float(radius_of(np.array([made.n]), made.n, sigma=sigma, alpha=made.alpha)[0])
    radii = [sigma * share for share in RADII]
    return {
        "sigma": made.sigma,
        "n0": made.n0,
        "n": made.n,
        "alpha": made.alpha,
        "seed": spec.seed,
        "images": len(study.labels),
        "largest": largest,
        "accuracy": {f"{radius:g}": made.accuracy(radius) for radius in radii if radius < largest},
        "predictions": made.predictions.tolist(),
        "radii": made.radii.tolist(),
    }
