"""Half-lives across the cells of a run: the same attack at several budgets, seen through stored Grams."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING

import polars as pl

from advwindow.attacks import MINIMAL, parse_eps
from advwindow.window import HALF_LIVES, Evidence, Options, half_lives, pixel_levels

if TYPE_CHECKING:
    from advwindow.runs.directory import RunDirectory
    from advwindow.runs.spec import CellSpec

_SUBJECT = ("model", "images", "words", "seed", "attack", "norm", "parameters", "target")


def run_half_lives(run: RunDirectory) -> pl.DataFrame:
    """The semantic half-life of every layer under every attack that a run holds at two budgets or more.

    Returns:
        The columns of `advwindow.window.half_lives` with what was attacked in front: ``model, images, words, seed,
        attack, norm, parameters`` (JSON), ``target``. No rows where no attack has several budgets.
    """
    groups: dict[str, list[CellSpec]] = defaultdict(list)
    for spec in run.done():
        if spec.eps != MINIMAL:
            groups[spec.model_dump_json(exclude={"eps"})].append(spec)
    tables = [_table(run, specs) for specs in groups.values() if len(specs) > 1]
    schema = dict.fromkeys(_SUBJECT, pl.String) | {"seed": pl.Int32} | HALF_LIVES
    return pl.concat(tables) if tables else pl.DataFrame(schema=schema)


def _table(run: RunDirectory, specs: list[CellSpec]) -> pl.DataFrame:
    first = specs[0]
    evidence = {parse_eps(spec.eps): Evidence.from_arrays(*run.arrays(spec, "grams")) for spec in specs}
    options = Options(measure=first.measure, permutations=first.permutations, seed=first.seed)
    show = pixel_levels if first.norm == "linf" else "{:.3g}".format
    told = first.model_dump(mode="json") | {"parameters": json.dumps(first.parameters), "words": ", ".join(first.words)}
    return half_lives(evidence, options=options, show=show).select(
        *(pl.lit(told[name]).alias(name) for name in _SUBJECT), pl.all()
    )
