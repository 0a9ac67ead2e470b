"""The published schema of a run's findings: ``docs/summary.schema.json``."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Verdict = Literal["unanchored", "intact", "eroded", "collapsed"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Estimate(_Part):
    """A number with its 95 % interval; null where it does not exist."""

    value: float | None = Field(description="the number")
    low: float | None = Field(description="low end of the interval")
    high: float | None = Field(description="high end of the interval")


class Drift(_Part):
    """What a layer lost: alignment on clean images minus alignment under the attack."""

    value: float | None = Field(description="positive where alignment falls")
    low: float | None = Field(description="low end of the 95 % interval")
    high: float | None = Field(description="high end of the 95 % interval")
    p_adjusted: float | None = Field(description="permutation test, adjusted over all layers")
    beyond_noise: Estimate = Field(description="minus the drift under random noise of the same size")


class OneVsTwo(_Part):
    """Share of fooled images that a layer holds closer to the true word than to the wrong one."""

    share: float = Field(ge=0, le=1, description="in [0, 1]")
    images: int = Field(ge=0, description="number of fooled images that were tested")
    p_adjusted: float | None = Field(description="of a share below one half, adjusted over all layers")


class Layer(_Part):
    """One layer under one attack; intervals of alignments hold for all layers at once."""

    layer: str = Field(description="its name in the network")
    depth: int = Field(ge=0, description="place in the network, from 0")
    clean: Estimate = Field(description="alignment with words on clean images")
    noise: Estimate | None = Field(description="alignment under random noise of the same size")
    attack: Estimate = Field(description="alignment under the attack")
    drift: Drift = Field(description="clean minus attack, with its tests")
    collapse_bound: float | None = Field(description="the layer is collapsed only if alignment is surely below")
    one_vs_two: OneVsTwo | None = Field(
        description="the true word against the wrong one; null where nothing was tested"
    )
    verdict: Verdict = Field(description="on the geometry; see docs/window.md")
    hijacked: bool = Field(description="significantly closer to the wrong word than to the true one")


class Check(_Part):
    """One answer of the audit."""

    code: str = Field(description="as advwindow explain takes it")
    title: str = Field(description="what is checked")
    verdict: Literal["pass", "warn", "fail", "skipped"] = Field(description="warn and fail speak against the attack")
    summary: str = Field(description="what was found, in a sentence")


class Attack(_Part):
    """One attack at one budget."""

    cell: str = Field(description="identity of the cell in the run")
    title: str = Field(description="as the report names it")
    name: str = Field(description="as advwindow list attacks has it")
    norm: str = Field(description="linf, l2, l1 or l0")
    eps: str = Field(description="exact text; min where the smallest perturbation is sought")
    target: str = Field(description="how targets were chosen; empty where untargeted")
    access: Literal["adaptive", "oblivious"] = Field(
        description="adaptive: on the defended network; oblivious: on the one without its defence"
    )
    parameters: dict[str, str | int | float | bool | None] = Field(
        description="those that were given; others have their defaults"
    )
    attacked: int = Field(ge=0, description="images that were classified correctly and attacked")
    fooled: int = Field(ge=0, description="images of these that the attack succeeded on")
    robust_accuracy: Estimate = Field(description="share of all images that are classified correctly under the attack")
    median_distance: float | None = Field(description="of successes, in the norm of the budget, pixels in [0, 1]")
    mean_drift: float | None = Field(description="averaged over depth")
    mean_noise_drift: float | None = Field(description="the same under noise of the same size")
    verdicts: dict[Verdict, Annotated[int, Field(ge=0)]] = Field(
        description="number of layers by verdict on the geometry"
    )
    hijacked: int = Field(ge=0, description="number of layers closer to the wrong word")
    layers: list[Layer] = Field(description="from the first to the last")
    audit: list[Check] | None = Field(description="null where the attack was not audited")


class HalfLife(_Part):
    """The budget at which half of a layer's clean alignment is gone under one attack, made at several budgets."""

    attack: str = Field(description="as advwindow list attacks has it")
    norm: str = Field(description="linf, l2, l1 or l0")
    parameters: dict[str, str | int | float | bool | None] = Field(
        description="those that were given; others have their defaults"
    )
    target: str = Field(description="how targets were chosen; empty where untargeted")
    access: Literal["adaptive", "oblivious"] = Field(
        description="adaptive: on the defended network; oblivious: on the one without its defence"
    )
    draws: int = Field(ge=1, description="draws of a random network that each gradient is the mean of")
    layer: str = Field(description="its name in the network")
    value: float | None = Field(
        description="the budget, of pixels in [0, 1]; null where it lies outside those that were tried"
    )
    low: float | None = Field(
        description="low end of the 95 % interval; 0 where nothing bounds it from below, null where nothing is known"
    )
    high: float | None = Field(
        description="high end of the 95 % interval; null where nothing bounds it from above or nothing is known"
    )
    text: str = Field(description="the same in words")


class StudySummary(_Part):
    """One model with its defence on one set of images, seen through its words."""

    model: str = Field(description="reference, as written")
    defense: str = Field(description="reference, as written; empty for none")
    images: str = Field(description="reference, as written")
    words: list[str] = Field(description="references; verdicts are about the first")
    seed: int = Field(description="of all random streams")
    measure: str = Field(description="alignment that drives drift and verdicts")
    image_count: int = Field(ge=0, description="images that were classified")
    concepts: int = Field(ge=0, description="classes with a word")
    clean_accuracy: Estimate = Field(description="share of clean images that are classified correctly")
    answer: list[str] = Field(description="the verdict in sentences")
    caveats: list[str] = Field(description="what to keep in mind, in sentences")
    headline: str = Field(description="title of the most harmful attack")
    attacks: list[Attack] = Field(description="in the order of the plan")
    half_lives: list[HalfLife] = Field(description="of attacks with several budgets")


class Summary(_Part):
    """The findings of a run."""

    schema_version: Literal[1] = Field(description="of this document")
    plan: str = Field(description="identity of the plan")
    created: str = Field(description="when the run began, ISO 8601")
    command: str = Field(description="that made the run")
    versions: dict[str, str] = Field(description="of packages that numbers depend on")
    cells: int = Field(ge=0, description="number of cells in the plan")
    missing: list[str] = Field(description="identities of cells that are not finished")
    studies: list[StudySummary] = Field(description="what was studied, one after the other")


def summary_schema() -> str:
    """The schema of that JSON, as JSON Schema (draft 2020-12)."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Summary.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
