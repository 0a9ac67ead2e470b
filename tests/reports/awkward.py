"""Studies whose tables part what the usual ones couple: p-values, verdicts, signs of drift, and targets missed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Collection

    from advwindow.reports.reading.studies import Attacked, Study

#: Layers of `awkward`, in the order of the network, with verdict, drift and p of the drift.
AWKWARD = {
    "loose": ("unanchored", 0.9, 0.001),
    "risen": ("intact", -0.2, 0.001),
    "vague": ("intact", 0.6, 0.2),
    "fallen": ("eroded", 0.3, 0.01),
}


def only(study: Study, attack: Attacked) -> Study:
    """The study as one of a single attack."""
    return replace(study, attacks=(attack,))


def changed(attack: Attacked, condition: str, layers: Collection[str] = (), **values: Any) -> Attacked:
    """The attack with columns of one condition set to a value, in all layers if none are named."""
    where = pl.col("condition") == condition
    where = where & pl.col("layer").is_in(list(layers)) if layers else where
    columns = [pl.when(where).then(pl.lit(value)).otherwise(pl.col(name)).alias(name) for name, value in values.items()]
    return replace(attack, layers=attack.layers.with_columns(columns))


def awkward(study: Study) -> Study:
    """One attack: a significant layer without anchor, one that rises, and the largest drift not significant.

    Under noise every p-value is small: the layer without anchor falls, the others rise.
    """
    first = study.attacks[-1]
    names = dict(zip(study.names[: len(AWKWARD)], AWKWARD, strict=True))
    kept = first.layers.filter(pl.col("layer").is_in(list(names))).with_columns(pl.col("layer").replace(names))
    attack = changed(replace(first, layers=kept), "clean", alignment=0.5)
    for layer, (verdict, drift, p) in AWKWARD.items():
        attack = changed(
            attack, "attack", [layer], verdict=verdict, drift=drift, drift_p_adjusted=p, alignment=0.5 - drift
        )
        sign = 1 if verdict == "unanchored" else -1
        kind = "unanchored" if verdict == "unanchored" else "intact"
        attack = changed(attack, "noise", [layer], verdict=kind, drift=sign * 0.1, drift_p_adjusted=0.001)
    return only(study, attack)


def risen(study: Study) -> Study:
    """One attack under which alignment rises significantly in all layers, of which all are aligned with words."""
    attack = awkward(study).attacks[0]
    return only(study, changed(attack, "attack", verdict="intact", drift=-0.49, drift_p_adjusted=0.001, alignment=0.64))


def targeted(study: Study, *, reached: int, robust: float = 0.3) -> Study:
    """One targeted attack that misclassifies all but a few images, and takes only some of them to their target."""
    first = study.attacks[2]
    attempted = pl.col("status") != "skipped_misclassified"
    won = attempted & (attempted.cum_sum() <= reached)
    samples = first.samples.with_columns(
        prediction=pl.when(attempted & (attempted.reverse().cum_sum().reverse() <= robust * pl.len()))
        .then("label")
        .otherwise((pl.col("label") + 1) % pl.len()),
        status=pl.when(won).then(pl.lit("success")).when(attempted).then(pl.lit("failed")).otherwise("status"),
        success=won,
        success_8bit=won,
        target=pl.when(won).then((pl.col("label") + 1) % pl.len()).otherwise((pl.col("label") + 2) % pl.len()),
    ).with_columns(prediction_name=pl.col("label_name").gather(pl.col("prediction")))
    summary = {**first.summary, "successes": reached, "success_8bit": reached, "robust_accuracy": robust}
    return only(
        study,
        replace(
            first,
            spec=first.spec.model_copy(update={"target": "random"}),
            title="PGD L∞ 4/255 to random",
            summary=summary | {"robust_low": 0.15, "robust_high": 0.52},
            samples=samples,
        ),
    )
