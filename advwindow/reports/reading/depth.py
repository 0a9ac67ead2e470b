"""Where in depth meaning begins to break, and at which budget half of it is gone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from advwindow.reports.reading.budgets import families, lives_of
from advwindow.reports.reading.findings import at_layer, best_layer, headline, layer_name
from advwindow.reports.reading.wording import LIVES, THINNED
from advwindow.reports.text import listing, number, short_names, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advwindow.reports.reading.studies import Attacked, Study

_DAMAGE = ("eroding", "collapsing", "hijacked")
_NAME_WIDTH, _TITLE_WIDTH = 28, 44
_MOST_FAMILIES, _MOST_TOLD = 3, 3
#: Networks of up to so many layers are shown whole, of longer ones so many layers.
_WHOLE, _THINNED = 18, 13


class _Life(NamedTuple):
    """A half-life in words, and what must be said beside it."""

    text: str
    notes: tuple[str, ...]


def evenly(names: Sequence[str]) -> list[str]:
    """All layers, or of a long network evenly spaced ones with the first and the last.

    Example:
        >>> evenly([str(place) for place in range(25)])
        ['0', '2', '4', '6', '8', '10', '12', '14', '16', '18', '20', '22', '24']
    """
    if len(names) <= _WHOLE:
        return list(names)
    return [names[place] for place in np.linspace(0, len(names) - 1, _THINNED).round().astype(int)]


def beginning_rows(study: Study) -> list[dict[str, str]]:
    """One line per attack: where each kind of damage begins, and the drift averaged over depth."""
    rows = []
    for attack in study.attacks:
        found, noise = (_condition(attack, condition) for condition in ("attack", "noise"))
        layers = {kind: found[f"first_{kind}"] for kind in _DAMAGE}
        places = {kind: layer_name(attack, layer) if layer else "–" for kind, layer in layers.items()}
        drifts = {"drift": number(found["area"]), "noise": number(noise["area"] if noise else None)}
        rows.append({"attack": shorten(attack.title, _TITLE_WIDTH), **places, **drifts})
    return rows


def half_life_tables(study: Study) -> list[dict[str, Any]]:
    """Tables of half-lives: lines for the layers that are aligned with words, columns for the attacks.

    At most three attacks stand side by side, and the last table tells how to read them; no table where no attack was
    made at several budgets, or no layer is aligned.
    """
    rows = headline(study).rows()
    anchored = [str(name) for name in rows.filter(pl.col("verdict") != "unanchored")["layer"]]
    lives = _families(study)
    if not (anchored and lives):
        return []
    chosen = evenly(anchored)
    labels = dict(zip(study.names, short_names(study.names, _NAME_WIDTH), strict=True))
    titles = list(lives)
    pieces = [titles[start : start + _MOST_FAMILIES] for start in range(0, len(titles), _MOST_FAMILIES)]
    tables = [_half_life_table({title: lives[title] for title in piece}, chosen, labels) for piece in pieces]
    told = LIVES.format(thinned=THINNED if len(chosen) < len(anchored) else "")
    tables[-1]["caption"] = f"{told} {tables[-1]['caption']}".strip()
    return tables


def depth_sentences(study: Study) -> list[str]:
    """For the terminal: the first layer that falls, and the half-life of the layer that is aligned best."""
    first = headline(study)
    firsts: dict[str, list[str]] = {}
    for attack in study.attacks:
        layer = _condition(attack, "attack")["first_eroding"]
        if layer:
            firsts.setdefault(layer, []).append(attack.title)
    told = [f"{layer_name(first, layer)} ({_some(firsts[layer])})" for layer in study.names if layer in firsts]
    sentences = [f"Meaning begins to erode at {_some(told)}."] if told else []
    return [*sentences, *_best_life(study)]


def _best_life(study: Study) -> list[str]:
    """The half-life of the layer that is aligned best, with what must be said beside it.

    Nothing where that layer is not aligned with words, as in `half_life_tables`.
    """
    attack = headline(study)
    best = best_layer(attack)["layer"]
    lives = {title: layers[best] for title, layers in _families(study).items() if best in layers}
    if not lives or at_layer(attack, best, "attack")["verdict"] == "unanchored":
        return []
    told = "; ".join(f"{title} {life.text}" for title, life in lives.items())
    noted: dict[str, list[str]] = {}
    for title, life in lives.items():
        for note in life.notes:
            noted.setdefault(note, []).append(title)
    notes = [note if len(who) == len(lives) else f"{listing(who)}: {note}" for note, who in noted.items()]
    return [" ".join([f"Half-life at {layer_name(attack, best)}, the best aligned layer: {told}.", *notes])]


def _condition(attack: Attacked, condition: str) -> dict[str, Any]:
    """The row of a condition; empty without such a one."""
    rows = attack.conditions.filter(pl.col("condition") == condition)
    return rows.row(0, named=True) if len(rows) else {}


def _half_life_table(
    attacks: dict[str, dict[str, _Life]], chosen: Sequence[str], labels: dict[str, str]
) -> dict[str, Any]:
    """What is to be said of every cell is told once, the rest under a mark."""
    cells = {layer: [lives[layer] for lives in attacks.values()] for layer in chosen}
    common = frozenset.intersection(*(frozenset(life.notes) for row in cells.values() for life in row))
    marks: dict[str, str] = {}
    rows = []
    for layer, row in cells.items():
        told = [" ".join(note for note in life.notes if note not in common) for life in row]
        found = [marks.setdefault(text, str(1 + len(marks))) if text else "" for text in told]
        cell = [{"text": life.text, "mark": mark} for life, mark in zip(row, found, strict=True)]
        rows.append({"layer": labels[layer], "cells": cell})
    remarks = [{"mark": mark, "text": text} for text, mark in marks.items()]
    return {"titles": list(attacks), "rows": rows, "caption": " ".join(sorted(common)), "remarks": remarks}


def _families(study: Study) -> dict[str, dict[str, _Life]]:
    """Half-life of every layer, by attack."""
    lives = study.half_lives
    tables = {family.normed_title: lives_of(family, lives) for family in families(study) if family.several}
    return {
        title: {
            str(layer): _Life(text, _sentences(note))
            for layer, text, note in table.select("layer", "text", "note").iter_rows()
        }
        for title, table in tables.items()
        if len(table)
    }


def _sentences(text: str) -> tuple[str, ...]:
    return tuple(re.split(r"(?<=\.) ", text)) if text else ()


def _some(parts: Sequence[str]) -> str:
    more = len(parts) - _MOST_TOLD
    return listing([*parts[:_MOST_TOLD], f"{more} more"] if more > 0 else parts)
