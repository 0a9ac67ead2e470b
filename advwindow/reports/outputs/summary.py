"""The findings of a run as one JSON document with a published schema."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from advwindow.reports.reading.findings import answer, caveats, headline, tally
from advwindow.reports.reading.studies import read_studies

if TYPE_CHECKING:
    from advwindow.reports.reading.studies import Attacked, Study
    from advwindow.runs import RunDirectory

Verdict = Literal["unanchored", "intact", "eroded", "collapsed"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Estimate(_Part):
    """A number with its 95 % interval; null where it does not exist."""

    value: float | None
    low: float | None
    high: float | None


class Drift(_Part):
    """What a layer lost: alignment on clean images minus alignment under the attack."""

    value: float | None
    low: float | None
    high: float | None
    p_adjusted: float | None = Field(description="permutation test, adjusted over all layers")
    beyond_noise: Estimate = Field(description="minus the drift under random noise of the same size")


class OneVsTwo(_Part):
    """Share of fooled images that a layer holds closer to the true word than to the wrong one."""

    share: float
    images: int
    p_adjusted: float | None


class Layer(_Part):
    """One layer under one attack; intervals of alignments hold for all layers at once."""

    layer: str
    depth: int = Field(ge=0, description="place in the network, from 0")
    clean: Estimate
    noise: Estimate | None
    attack: Estimate
    drift: Drift
    collapse_bound: float | None
    one_vs_two: OneVsTwo | None
    verdict: Verdict
    hijacked: bool


class Check(_Part):
    """One answer of the audit."""

    code: str
    title: str
    verdict: Literal["pass", "warn", "fail", "skipped"]
    summary: str


class Attack(_Part):
    """One attack at one budget."""

    cell: str = Field(description="identity of the cell in the run")
    title: str
    name: str
    norm: str
    eps: str = Field(description="exact text; min where the smallest perturbation is sought")
    target: str
    access: Literal["adaptive", "oblivious"]
    parameters: dict[str, str | int | float | bool | None]
    attacked: int = Field(ge=0, description="images that were classified correctly and attacked")
    fooled: int = Field(ge=0)
    robust_accuracy: Estimate
    median_distance: float | None = Field(description="of successes, in the norm of the budget, pixels in [0, 1]")
    mean_drift: float | None = Field(description="averaged over depth")
    mean_noise_drift: float | None
    verdicts: dict[Verdict, int] = Field(description="number of layers by verdict on the geometry")
    hijacked: int = Field(ge=0, description="number of layers closer to the wrong word")
    layers: list[Layer]
    audit: list[Check] | None


class HalfLife(_Part):
    """The budget at which half of a layer's clean alignment is gone; the high end is null where it is open."""

    attack: str
    norm: str
    layer: str
    value: float | None
    low: float | None
    high: float | None
    text: str


class StudySummary(_Part):
    """One model with its defence on one set of images, seen through its words."""

    model: str
    defense: str
    images: str
    words: list[str]
    seed: int
    measure: str
    image_count: int = Field(ge=0)
    concepts: int = Field(ge=0)
    clean_accuracy: Estimate
    answer: list[str] = Field(description="the verdict in sentences")
    caveats: list[str]
    headline: str = Field(description="title of the most harmful attack")
    attacks: list[Attack]
    half_lives: list[HalfLife]


class Summary(_Part):
    """The findings of a run."""

    schema_version: Literal[1]
    plan: str
    created: str
    command: str
    versions: dict[str, str]
    cells: int = Field(ge=0)
    missing: list[str] = Field(description="identities of cells that are not finished")
    studies: list[StudySummary]


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


def summary_schema() -> str:
    """The schema of that JSON, as JSON Schema (draft 2020-12)."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Summary.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


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
            layer=row["layer"],
            value=_number(row["half_life"]),
            low=_number(row["low"]),
            high=_number(row["high"]),
            text=row["text"],
        )
        for row in study.half_lives.iter_rows(named=True)
    ]
