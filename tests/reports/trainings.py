"""Tables of trainings that never were."""

import numpy as np
import polars as pl


def training_table(*, layers=5, epochs=(1, 2, 3), history=True, name="block", seed=0):
    """Deeper layers become aligned; the last epoch has no accuracies of the training's own."""
    draw = np.random.default_rng(seed)
    rows = []
    for place, epoch in enumerate(epochs):
        for layer in range(layers):
            alignment = 0.6 * layer / layers * (1 - np.exp(-3 * (place + 1) / len(epochs))) + draw.normal() * 0.02
            known = history and place < len(epochs) - 1
            rows.append(
                {
                    "epoch": epoch,
                    "layer": f"{name}.{layer}",
                    "depth": layer,
                    "alignment": alignment,
                    "ci_low": alignment - 0.1,
                    "ci_high": alignment + 0.1,
                    "alignment_p_adjusted": float(np.clip(np.exp(-20 * alignment), 0.001, 1)),
                    "chance_low": -0.1 - 0.01 * layer,
                    "chance_high": 0.1 + 0.01 * layer,
                    "change": 0.0,
                    "change_ci_low": -0.1,
                    "change_ci_high": 0.1,
                    "accuracy": place / len(epochs),
                    "clean_accuracy": place / len(epochs) if known else None,
                    "robust_accuracy": place / len(epochs) / 2 if known else None,
                }
            )
    kinds = dict.fromkeys(("clean_accuracy", "robust_accuracy"), pl.Float64)
    return pl.DataFrame(rows, infer_schema_length=None, schema_overrides=kinds)
