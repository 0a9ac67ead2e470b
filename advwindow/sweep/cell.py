"""One cell, start to end: attack, judge, control with noise, look through the window."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl
import torch

from advwindow.attacks import (
    NATIVE,
    RANDOM_PASSES,
    Norm,
    Oblivious,
    Outcome,
    Status,
    attack_notes,
    make_attack,
    make_budgets,
    matched_noise,
    perform,
    private_randomness,
)
from advwindow.runs import CellResult, CellSpec, package_versions, wilson
from advwindow.sweep.targets import choose_targets
from advwindow.window import Window, WindowReport

if TYPE_CHECKING:
    from torch import Tensor

    from advwindow.sweep.study import Study

# Of the images that are looked at one by one, so many are left out between two that are kept for reports.
_STRIDE = 5


@dataclass(frozen=True)
class Transport:
    """How cells are computed; changes no result beyond rounding and the draws of random networks, and no identity.

    Attributes:
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ...
        batch_size: samples side by side; None chooses by image size.
        workers: cells side by side, each in a process of its own.
        keep_images: keep all attacked images as tensors.
        audit: how much is checked whether the attacks can be believed: ``"quick"``, ``"full"`` or ``"off"``.
    """

    device: str = "auto"
    batch_size: int | None = None
    workers: int = 1
    keep_images: bool = False
    audit: Literal["quick", "full", "off"] = "quick"


def compute_cell(spec: CellSpec, study: Study, transport: Transport) -> CellResult:
    """All numbers of a cell.

    Raises:
        UserError: the attack cannot be run here, or the geometry cannot be computed.
    """
    started = time.perf_counter()
    outcome = _attack(spec, study, transport)
    attack_seconds = time.perf_counter() - started
    tried = torch.tensor([status is not Status.SKIPPED for status in outcome.status], device=study.pixels.device)
    attacked = tried.nonzero().squeeze(1)
    with private_randomness(spec.seed, "window"):
        report = _look(spec, study, outcome, attacked, transport)
    summary = _summary(spec, study, outcome, report) | {
        "attack_seconds": round(attack_seconds, 3),
        "window_seconds": round(time.perf_counter() - started - attack_seconds, 3),
    }
    return CellResult(
        summary=summary,
        tables={
            "samples": _samples(study, outcome),
            "layers": report.layers,
            "conditions": report.conditions,
            "concepts": report.concepts,
            "references": report.references,
            "agreement": report.agreement,
            "trace": report.trace,
            "words": pl.concat(
                each.table().select(pl.lit(each.space).alias("space"), pl.all()) for each in report.words
            ),
        },
        grams=report.evidence.arrays(),
        pictures=_pictures(study, outcome, attacked[report.evidence.examples.place[::_STRIDE]]),
        attacked=outcome.images.cpu().numpy() if transport.keep_images else None,
    )


def _attack(spec: CellSpec, study: Study, transport: Transport) -> Outcome:
    target = None
    if spec.target:
        target = choose_targets(
            spec.target,
            study.clean_logits,
            study.labels,
            ids=study.images.ids,
            seed=spec.seed,
            words=partial(study.word_order, spec.similarity),
        )
    attack = make_attack(spec.attack, spec.parameters)
    if spec.access == "oblivious":
        assert study.undefended is not None
        attack = Oblivious(attack, study.undefended)
    return perform(
        spec.attack,
        attack,
        study.model,
        study.pixels,
        study.labels,
        make_budgets(spec.eps, spec.norm),
        target=target,
        seed=spec.seed,
        ids=study.images.ids,
        batch_size=transport.batch_size,
        clean_logits=study.clean_logits,
        draws=spec.draws,
    )[0]


def _look(spec: CellSpec, study: Study, outcome: Outcome, tried: Tensor, transport: Transport) -> WindowReport:
    """Only images that were attacked enter the geometry, in every condition the same."""
    clean, attacked = study.pixels[tried], outcome.images[tried]
    ids = [study.images.ids[index] for index in tried.tolist()]
    window = Window(
        study.seen,
        study.words,
        layers=spec.layers or None,
        pooling=spec.pooling,
        similarity=spec.similarity,
        measure=spec.measure,
        permutations=spec.permutations,
        folds=spec.folds,
        ties=spec.ties,
        image_sets=spec.image_sets,
        correction=spec.correction,
        seed=spec.seed,
        batch_size=transport.batch_size,
    )
    return window.compare(
        study.observed(window, tried),
        attacked,
        noise=matched_noise(clean, attacked, Norm(spec.norm), ids=ids, seed=spec.seed),
        predictions=_rivals(study, outcome)[tried],
    )


def _rivals(study: Study, outcome: Outcome) -> Tensor:
    """The class whose word the 1 vs 2 test holds against the true one's, for each attacked image.

    The target where it was reached, of an untargeted attack the prediction; elsewhere the true class itself, so that
    there is no trial (Words as a Window tests successful attacks). Clean images and noise have no target: there the
    network's own wrong predictions are held against the truth.
    """
    if outcome.target is None:
        return outcome.prediction
    return torch.where(outcome.success, outcome.target, study.labels)


def _summary(spec: CellSpec, study: Study, outcome: Outcome, report: WindowReport) -> dict[str, Any]:
    count, classes = study.clean_logits.shape
    clean = wilson(int(study.correct.sum()), count)
    robust = wilson(outcome.withstood(), count)
    won = outcome.success
    median = float(np.median(outcome.distance[won].cpu().numpy())) if bool(won.any()) else None
    return {
        "images": count,
        "clean_accuracy": clean.share,
        "clean_low": clean.low,
        "clean_high": clean.high,
        "robust_accuracy": robust.share,
        "robust_low": robust.low,
        "robust_high": robust.high,
        "success_8bit": int(outcome.success_8bit.sum()),
        "successes": int(won.sum()),
        "median_distance": median,
        "concepts": len(report.evidence.concepts),
        "forwards": int(outcome.forwards.sum()),
        "backwards": int(outcome.backwards.sum()),
        "zero_gradients": int(outcome.zero_gradients.sum()),
        "nonfinite_gradients": int(outcome.nonfinite_gradients.sum()),
        "caveats": [
            *_on_defense(spec, study),
            *attack_notes(spec.attack, spec.parameters, classes=classes, norm=spec.norm),
            *report.caveats,
        ],
        "versions": package_versions(),
    }


def _on_defense(spec: CellSpec, study: Study) -> list[str]:
    """How the defence was attacked, in sentences; nothing where there is none."""
    if spec.access == "oblivious":
        return ["Made on the network without its defence, which the adversary does not know of."]
    asks = spec.attack in NATIVE and NATIVE[spec.attack].access != "white"
    told = []
    if study.surrogate and not asks:
        told.append(f"Gradients through the defence are replaced (BPDA): {study.surrogate}.")
    if study.random:
        means = "answers" if asks else "gradients"
        told.append(
            f"The network draws at random: {means} are means of {spec.draws} passes (EOT), and a success holds in most "
            f"of {RANDOM_PASSES} passes."
        )
    return told


def _samples(study: Study, outcome: Outcome) -> pl.DataFrame:
    name = [label.partition(",")[0] for label in study.model.label_names]
    clean, attacked = outcome.clean_prediction.tolist(), outcome.prediction.tolist()
    target = [None] * len(clean) if outcome.target is None else outcome.target.tolist()
    columns = {
        "sample_id": list(study.images.ids),
        "label": study.labels.tolist(),
        "label_name": [name[label] for label in study.labels.tolist()],
        "clean_prediction": clean,
        "prediction": attacked,
        "prediction_name": [name[label] for label in attacked],
        "target": target,
        "status": [status.value for status in outcome.status],
        "success": outcome.success.tolist(),
        "success_8bit": outcome.success_8bit.tolist(),
        "distance": outcome.distance.tolist(),
        **{norm: sizes.tolist() for norm, sizes in outcome.norms.items()},
        "margin": outcome.margin.tolist(),
        "first_success_step": outcome.first_success_step.tolist(),
        "forwards": outcome.forwards.tolist(),
        "backwards": outcome.backwards.tolist(),
        "zero_gradients": outcome.zero_gradients.tolist(),
        "nonfinite_gradients": outcome.nonfinite_gradients.tolist(),
    }
    return pl.DataFrame(columns, schema_overrides={"target": pl.Int64})


def _pictures(study: Study, outcome: Outcome, shown: Tensor) -> dict[str, np.ndarray]:
    clean, attacked = study.pixels[shown].cpu(), outcome.images[shown].cpu()
    return {
        "index": shown.cpu().numpy(),
        "clean": (clean * 255).round().to(torch.uint8).numpy(),
        "delta": (attacked - clean).half().numpy(),
    }
