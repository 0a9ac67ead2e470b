"""Studies under fabricated attacks at chosen budgets, with tables of images that agree with them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import polars as pl

from advwindow.attacks import parse_eps
from advwindow.streams import stream

IMAGES, SKIPPED = 40, 3


def samples(name, eps, *, target=None, images=IMAGES):
    """A table in which each image has its own distance, and the attack is right about those within the budget."""
    rng = stream(0, name, eps)
    minimal = eps == "min"
    needed = rng.gamma(2, 2 / 255, images)
    won = (needed <= (0.05 if minimal else parse_eps(eps))) & (np.arange(images) >= SKIPPED)
    prediction = np.where(won | (np.arange(images) < SKIPPED), 1, 0)
    if target is not None:
        won &= rng.random(images) < 0.5  # some are pushed elsewhere than to the target
    missed = np.where(np.arange(images) < SKIPPED, 0.0, math.inf if minimal else 0.01)
    order = rng.permutation(images)
    table = pl.DataFrame({
        "sample_id": [f"image-{place}" for place in range(images)],
        "label": [0] * images,
        "clean_prediction": [1] * SKIPPED + [0] * (images - SKIPPED),
        "prediction": prediction,
        "target": pl.Series([target] * images, dtype=pl.Int64),
        "status": [*["skipped_misclassified"] * SKIPPED, *("success" if each else "failed" for each in won[SKIPPED:])],
        "success": won,
        "distance": np.where(won, needed, missed),
    })  # fmt: skip
    return table[order.tolist()]


def attacked(study, *told, **options):
    """The study under other attacks: name, norm, eps and, if wanted, parameters and target."""
    first = study.attacks[0]
    attacks = []
    for name, norm, eps, *rest in told:
        parameters, target = rest[0] if rest else {}, rest[1] if len(rest) > 1 else ""
        spec = first.spec.model_copy(
            update={"attack": name, "norm": norm, "eps": eps, "parameters": parameters, "target": target}
        )
        table = samples(name, eps, target=1 if target else None, **options)
        attacks.append(replace(first, spec=spec, title=f"{name} {norm} {eps}", samples=table))
    return replace(study, attacks=tuple(attacks))


def mixed(study):
    """Attacks of two norms, some at several budgets, some that seek the smallest."""
    return attacked(
        study, ("pgd", "linf", "8/255"), ("fgsm", "linf", "2/255"), ("pgd", "linf", "1/255"), ("cw", "linf", "min"),
        ("fgsm", "linf", "8/255"), ("cw", "l2", "min"),
    )  # fmt: skip


def large(study, images):
    """Images with a distance each, one of them shared by many."""
    made = attacked(study, ("cw", "linf", "min"), ("ddn", "linf", "min"), ("pgd", "linf", "2/255"), images=images)
    tied = pl.when((pl.col("distance") > 0.01) & (pl.col("distance") < 0.012)).then(0.011).otherwise("distance")
    return replace(made, attacks=tuple(
        replace(each, samples=each.samples.with_columns(distance=tied)) for each in made.attacks
    ))  # fmt: skip
