"""How much meaning every layer loses under every attack and budget, beyond what noise of the same size takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from advwindow.reports.reading.budgets import families

if TYPE_CHECKING:
    from advwindow.reports.reading.studies import Study

#: Rows of `collapse_points`.
POINTS: dict[str, type[pl.DataType]] = {
    "attack": pl.String, "eps": pl.String, "layer": pl.String, "depth": pl.Int64, "lost": pl.Float64,
    "drift_beyond_noise": pl.Float64, "drift_beyond_noise_low": pl.Float64, "drift_beyond_noise_high": pl.Float64,
    "drift": pl.Float64, "drift_p_adjusted": pl.Float64, "verdict": pl.String, "hijacked": pl.Boolean,
}  # fmt: skip


def collapse_points(study: Study) -> pl.DataFrame:
    """What the figure draws: one row per attack, budget and layer; attacks together, by size of the budget.

    ``lost`` is what the colour shows: drift beyond noise of the same size, or the whole drift where a layer has no such
    number anywhere in the study (no noise was looked at).
    """
    tables = [
        attack.rows().select(
            pl.lit(family.normed_title).alias("attack"), pl.lit(attack.spec.eps).alias("eps"),
            *(name for name in POINTS if name not in {"attack", "eps", "lost"}),
        )
        for family in families(study)
        for attack in family.attacks
    ]  # fmt: skip
    table = pl.concat(tables, how="vertical_relaxed")
    shown = "drift" if whole_drift(table) else "drift_beyond_noise"
    return table.with_columns(pl.col(shown).cast(pl.Float64).alias("lost")).select(
        pl.col(n).cast(t) for n, t in POINTS.items()
    )


def whole_drift(points: pl.DataFrame) -> bool:
    """Whether the whole drift is shown, as what noise takes is not known."""
    return bool(points["drift_beyond_noise"].is_null().all())


def conditions_of(points: pl.DataFrame) -> list[tuple[str, str]]:
    """Attack and budget of each row of the map."""
    return [
        (str(attack), str(eps))
        for attack, eps in points.select("attack", "eps").unique(maintain_order=True).iter_rows()
    ]
