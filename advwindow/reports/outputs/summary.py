"""The findings of a run as one JSON document with a published schema."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import polars as pl

from advwindow.reports.outputs.schema import (
    Attack,
    Check,
    Drift,
    Estimate,
    HalfLife,
    Layer,
    OneVsTwo,
    StudySummary,
    Summary,
)
from advwindow.reports.reading.findings import answer, caveats, headline, tally
from advwindow.reports.reading.studies import read_studies

if TYPE_CHECKING:
    from advwindow.reports.reading.studies import Attacked, Study
    from advwindow.runs import RunDirectory


def summarise(run: RunDirectory) -> Summary:
    """The findings of a run as data.

    Args:
        run: at least one cell must be finished.

    Raises:
        IncompleteError: no cell is finished.
    """
    manifest = run.manifest()
    return Summary(
        schema_version=1,
        plan=run.plan_id,
        created=str(manifest.get("created", "")),
        command=str(manifest.get("command", "")),
        versions={name: str(version) for name, version in manifest.get("versions", {}).items()},
        cells=len(run.specs),
        missing=[spec.cell_id for spec in run.missing()],
        studies=[_study(study) for study in read_studies(run)],
    )


def summary_json(run: RunDirectory) -> str:
    """The findings of a run as JSON; see `summarise`."""
    content = summarise(run).model_dump(mode="json")
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _study(study: Study) -> StudySummary:
    first = headline(study)
    spec = first.spec
    return StudySummary(
        model=spec.model,
        defense=spec.defense,
        images=spec.images,
        words=list(spec.words),
        seed=spec.seed,
        measure=spec.measure,
        image_count=int(first.summary["images"]),
        concepts=int(first.summary["concepts"]),
        clean_accuracy=_accuracy(first, "clean"),
        answer=answer(study),
        caveats=caveats(study),
        headline=first.title,
        attacks=[_attack(study, attack) for attack in study.attacks],
        half_lives=_half_lives(study),
    )


def _attack(study: Study, attack: Attacked) -> Attack:
    spec, counted = attack.spec, tally(attack)
    audit = study.audits.get(attack.title)
    return Attack(
        cell=spec.cell_id,
        title=attack.title,
        name=spec.attack,
        norm=spec.norm,
        eps=spec.eps,
        target=spec.target,
        access=spec.access,
        parameters=spec.parameters,
        attacked=attack.tried,
        fooled=int(attack.summary["successes"]),
        robust_accuracy=_accuracy(attack, "robust"),
        median_distance=attack.summary["median_distance"],
        mean_drift=_area(attack, "attack"),
        mean_noise_drift=_area(attack, "noise"),
        verdicts=counted.verdicts,  # type: ignore[arg-type] # its keys are verdicts
        hijacked=counted.hijacked,
        layers=_layers(attack),
        audit=None
        if audit is None
        else [Check(code=each.code, title=each.title, verdict=each.verdict, summary=each.summary) for each in audit],
    )


def _layers(attack: Attacked) -> list[Layer]:
    clean, noise = (
        {str(row["layer"]): row for row in attack.rows(condition).iter_rows(named=True)}
        for condition in ("clean", "noise")
    )
    return [
        Layer(
            layer=row["layer"],
            depth=row["depth"],
            clean=_band(clean[row["layer"]]),
            noise=_band(noise[row["layer"]]) if row["layer"] in noise else None,
            attack=_band(row),
            drift=_drift(row),
            collapse_bound=_number(row["collapse_bound"]),
            one_vs_two=None
            if row["one_vs_two"] is None
            else OneVsTwo(
                share=row["one_vs_two"], images=row["one_vs_two_n"], p_adjusted=_number(row["one_vs_two_p_adjusted"])
            ),
            verdict=row["verdict"],
            hijacked=bool(row["hijacked"]),
        )
        for row in attack.rows().iter_rows(named=True)
    ]


def _drift(row: dict[str, Any]) -> Drift:
    return Drift(
        value=_number(row["drift"]),
        low=_number(row["drift_ci_low"]),
        high=_number(row["drift_ci_high"]),
        p_adjusted=_number(row["drift_p_adjusted"]),
        beyond_noise=_estimate(row, "drift_beyond_noise", "drift_beyond_noise_low", "drift_beyond_noise_high"),
    )


def _band(row: dict[str, Any]) -> Estimate:
    return _estimate(row, "alignment", "band_low", "band_high")


def _estimate(row: dict[str, Any], value: str, low: str, high: str) -> Estimate:
    return Estimate(value=_number(row[value]), low=_number(row[low]), high=_number(row[high]))


def _number(value: float | None) -> float | None:
    """JSON knows neither NaN nor infinity, which here is the end of an open interval."""
    return value if value is not None and math.isfinite(value) else None


def _accuracy(attack: Attacked, which: str) -> Estimate:
    summary = attack.summary
    return Estimate(value=summary[f"{which}_accuracy"], low=summary[f"{which}_low"], high=summary[f"{which}_high"])


def _area(attack: Attacked, condition: str) -> float | None:
    found = attack.conditions.filter(pl.col("condition") == condition)["area"]
    return _number(found[0]) if len(found) else None


def _half_lives(study: Study) -> list[HalfLife]:
    return [
        HalfLife(
            attack=row["attack"],
            norm=row["norm"],
            parameters=json.loads(row["parameters"]),
            target=row["target"],
            access=row["access"],
            draws=row["draws"],
            layer=row["layer"],
            value=_number(row["half_life"]),
            low=_number(row["low"]),
            high=_number(row["high"]),
            text=row["text"],
        )
        for row in study.half_lives.iter_rows(named=True)
    ]
