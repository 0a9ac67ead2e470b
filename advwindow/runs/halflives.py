"""Half-lives across the cells of a run: the same attack at several budgets, seen through stored Grams."""

from __future__ import annotations

import json
from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING

import polars as pl

from advwindow.attacks import MINIMAL, parse_eps
from advwindow.errors import UserError
from advwindow.runs.evidence import kept_layers, layer_evidence
from advwindow.window import HALF_LIVES, Options, half_lives, pixel_levels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advwindow.runs.directory import RunDirectory
    from advwindow.runs.spec import CellSpec

_SUBJECT = ("model", "images", "words", "seed", "attack", "norm", "parameters", "target", "access", "draws")
_SCHEMA = dict.fromkeys(_SUBJECT, pl.String) | {"seed": pl.Int64, "draws": pl.Int64} | HALF_LIVES


def run_half_lives(run: RunDirectory) -> pl.DataFrame:
    """The semantic half-life of every layer under every attack that a run holds at two budgets or more.

    Returns:
        The columns of `advwindow.window.half_lives` with what was attacked in front: ``model, images, words, seed,
        attack, norm, parameters`` (JSON), ``target, access, draws``; ``model`` names the defence, too. No rows where no
        attack has several budgets. A layer whose cells cannot be compared (computed on two machines, say, so that the
        clean images look different) has no half-life; its ``text`` is ``not compared``, its ``note`` tells why.
    """
    return _curves(run, tuple(spec.cell_id for spec in run.done()))


@lru_cache(maxsize=2)
def _curves(run: RunDirectory, finished: tuple[str, ...]) -> pl.DataFrame:
    """Kept, as several readers ask for the same: a finished cell does not change."""
    groups: dict[str, list[CellSpec]] = defaultdict(list)
    for spec in run.specs:
        if spec.eps != MINIMAL and spec.cell_id in finished:
            groups[spec.model_dump_json(exclude={"eps"})].append(spec)
    tables = [_table(run, specs) for specs in groups.values() if len(specs) > 1]
    return pl.concat([pl.DataFrame(schema=_SCHEMA), *tables])


def _table(run: RunDirectory, specs: Sequence[CellSpec]) -> pl.DataFrame:
    first = specs[0]
    told = first.model_dump(mode="json") | {
        "model": first.subject,
        "parameters": json.dumps(first.parameters),
        "words": ", ".join(first.words),
    }
    return pl.concat([_row(run, specs, layer) for layer in kept_layers(run, specs)]).select(
        *(pl.lit(told[name], _SCHEMA[name]).alias(name) for name in _SUBJECT), pl.all()
    )


def _row(run: RunDirectory, specs: Sequence[CellSpec], layer: str) -> pl.DataFrame:
    """One layer by itself: all Grams of all cells at once may be more than fits into memory."""
    first = specs[0]
    options = Options(measure=first.measure, permutations=first.permutations, seed=first.seed)
    show = pixel_levels if first.norm == "linf" else "{:.3g}".format
    try:
        evidence = {parse_eps(spec.eps): layer_evidence(run, spec, layer) for spec in specs}
        return half_lives(evidence, options=options, show=show)
    except UserError as error:
        note = f"Not compared: {str(error).partition(' Fix: ')[0]}"  # a reader of a finished run cannot mend it
        return pl.DataFrame([(layer, None, None, None, "not compared", note)], schema=HALF_LIVES, orient="row")
