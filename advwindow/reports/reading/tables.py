"""The tables of a report as rows of text, ready to be set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from advwindow.reports.reading.findings import at_layer, headline, layer_name, tally, worst_layer
from advwindow.reports.reading.wording import CONCEPTS, LOST
from advwindow.reports.style import MARKS
from advwindow.reports.text import (
    attack_name,
    count,
    distance,
    eps_name,
    listing,
    norm_name,
    number,
    p_value,
    percent,
    percent_span,
    printable,
    shorten,
    signed,
    span,
)
from advwindow.window.effects import LOSER_RATE

if TYPE_CHECKING:
    from advwindow.reports.reading.studies import Attacked, Study

_STEPS = {
    "override": "as told",
    "exact": "as written",
    "variant": "other spelling",
    "other_name": "other name of the class",
    "tokens": "mean of its parts",
    "dropped": "no word, left out",
}
_MOST_CONCEPTS, _MOST_ATTACKS = 12, 6
_MOST_LOSING, _MOST_LOST = 3, 8
_LAYER_WIDTH, _LABEL_WIDTH = 44, 60
#: A loss of this much of 2 vs 2 accuracy gets the strongest tint.
_FULL_TINT = 0.5


def attack_row(attack: Attacked) -> dict[str, Any]:
    """One line of the table of attacks."""
    summary, counted = attack.summary, tally(attack)
    shares = ("robust_low", "robust_accuracy", "robust_high")
    return {
        "attack": _attack_label(attack),
        "norm": norm_name(attack.spec.norm),
        "eps": eps_name(attack.spec.eps),
        "clean": percent(summary["clean_accuracy"]),
        "clean_span": percent_span(summary["clean_low"], summary["clean_high"]),
        "robust": percent(summary["robust_accuracy"]),
        "robust_span": percent_span(summary["robust_low"], summary["robust_high"]),
        "bar": [round(float(summary[share]), 4) for share in shares],
        "distance": distance(summary["median_distance"], attack.spec.norm),
        "verdicts": [*counted.verdicts.values(), counted.hijacked, counted.noise],
    }


def layer_table(attack: Attacked) -> dict[str, Any]:
    """The numbers behind the verdicts of one attack, one line per layer, with remarks below."""
    clean, noise = (attack.rows(condition)["alignment"].to_list() for condition in ("clean", "noise"))
    remarks: dict[str, str] = {}
    rows = []
    for place, row in enumerate(attack.rows().iter_rows(named=True)):
        text = printable(row["note"] or "")
        mark = remarks.setdefault(text, str(len(remarks) + 1)) if text else ""
        rows.append(_layer_row(row, clean[place], noise[place] if noise else None) | {"note": mark})
    notes = [{"mark": mark, "text": text} for text, mark in remarks.items()]
    return {"title": attack.title, "rows": rows, "notes": notes}


def concept_table(study: Study) -> dict[str, Any] | None:
    """2 vs 2 accuracy of the concepts that lost most, where the headline attack drifts most, under every attack.

    None where no concept has one on clean images.
    """
    chosen = headline(study)
    layer = worst_layer(chosen)["layer"]
    others = [attack for attack in study.attacks if attack is not chosen][: _MOST_ATTACKS - 1]
    attacks = [attack for attack in study.attacks if attack is chosen or attack in others]
    clean = _scores(chosen, layer, "clean")
    if not clean:
        return None
    under = {attack.title: _scores(attack, layer, "attack") for attack in attacks}
    lost_in = {attack.title: _losers_at(attack, layer) for attack in attacks}
    losses = {name: score - under[chosen.title].get(name, score) for name, score in clean.items()}
    lost = sorted(losses, key=lambda name: -losses[name])[:_MOST_CONCEPTS]
    words = dict(chosen.concepts.select("concept", "word").iter_rows())
    bold = LOST if any(name in lost_in[title] for title in under for name in lost) else ""
    return {
        "caption": CONCEPTS.format(layer=shorten(printable(layer), _LAYER_WIDTH), attack=chosen.title, lost=bold),
        "titles": [shorten(title, 40) for title in under],
        "rows": [
            {
                "concept": shorten(printable(name.partition(",")[0]), 36),
                "word": shorten(printable(words[name]), 28),
                "clean": percent(clean[name]),
                "cells": [
                    _scored(clean[name], scores.get(name)) | {"lost": name in lost_in[title]}
                    for title, scores in under.items()
                ],
            }
            for name in lost
        ],
    }


def losers(study: Study) -> list[str]:
    """Which words lost their meaning under the headline attack: a sentence for up to three layers, or why none.

    Layers that are aligned with words are asked, those with most losers first.
    """
    attack = headline(study)
    anchored = attack.rows().filter(pl.col("verdict") != "unanchored")["layer"].to_list()
    rate = f"{LOSER_RATE:.0%}".replace("%", " %")
    lost = attack.concepts.filter(
        (pl.col("condition") == "attack") & pl.col("layer").is_in(anchored) & (pl.col("loss_q") <= LOSER_RATE)
    )
    if lost.is_empty():
        few = int(attack.summary["concepts"]) < 1 / LOSER_RATE
        why = f"; that needs {1 / LOSER_RATE:.0f} concepts or more" if few else ""
        return [
            (
                f"No single word can be named as having lost its meaning under {attack.title} at a false discovery "
                f"rate of {rate}{why}."
            )
        ]
    ranked = lost.group_by("layer", maintain_order=True).len().sort("len", descending=True, maintain_order=True)
    told = [
        _lost(attack, str(layer), lost.filter(pl.col("layer") == layer)) for layer in ranked["layer"][:_MOST_LOSING]
    ]
    head = (
        f"Words that lost their meaning under {attack.title} (layer by layer; at most {rate} of "
        "those named are expected to be named wrongly): "
    )
    more = ranked.height - len(told)
    return [f"{head}{'; '.join(told)}.", *([f"So did words in {count(more, 'other layer')}."] if more else [])]


def _lost(attack: Attacked, layer: str, rows: pl.DataFrame) -> str:
    names = [printable(name.partition(",")[0]) for name in rows.sort("loss", descending=True)["concept"]]
    shown = [shorten(name, 28) for name in names[:_MOST_LOST]]
    others = [f"{len(names) - len(shown)} more"] if len(names) > len(shown) else []
    return f"at {layer_name(attack, layer)} {listing([*shown, *others])} ({len(names)} of {attack.summary['concepts']})"


def word_rows(study: Study) -> list[dict[str, str]]:
    """What happened to each label in the first word space, those without a word first."""
    words = study.attacks[0].words
    words = words.filter(pl.col("space") == words["space"][0]).with_columns((pl.col("step") != "dropped").alias("kept"))
    return [
        {
            "label": shorten(printable(row["label"]), _LABEL_WIDTH),
            "words": shorten(printable(row["words"]), 40),
            "step": _STEPS.get(row["step"], row["step"]),
            "note": shorten(printable(row["note"]), 120),
            "dropped": row["step"] == "dropped",
        }
        for row in words.sort("kept", maintain_order=True).iter_rows(named=True)
    ]


def _attack_label(attack: Attacked) -> str:
    goal = f" to {attack.spec.target}" if attack.spec.target else ""
    blind = " oblivious" if attack.spec.access == "oblivious" else ""
    _, opened, parameters = attack.title.partition(" (")
    return shorten(printable(f"{attack_name(attack.spec.attack)}{goal}{blind}{opened}{parameters}"), 60)


def _layer_row(row: dict[str, Any], clean: float | None, noise: float | None) -> dict[str, Any]:
    letters = [MARKS[row["verdict"]].letter, *(["H"] if row["hijacked"] else [])]
    tested = row["one_vs_two"] is not None
    return {
        "layer": shorten(printable(row["layer"]), _LAYER_WIDTH),
        "clean": number(clean),
        "noise": number(noise),
        "attack": number(row["alignment"]),
        "drift": f"{signed(row['drift'])} {span(row['drift_ci_low'], row['drift_ci_high'])}",
        "p": p_value(row["drift_p_adjusted"]),
        "beyond": f"{signed(row['drift_beyond_noise'])} "
        f"{span(row['drift_beyond_noise_low'], row['drift_beyond_noise_high'])}",
        "bound": f"{number(row['upper'])} / {number(row['collapse_bound'])}",
        "one_vs_two": f"{percent(row['one_vs_two'])} of {row['one_vs_two_n']}" if tested else number(None),
        "letters": letters,
    }


def _scores(attack: Attacked, layer: str, condition: str) -> dict[str, float]:
    rows = attack.concepts.filter(
        (pl.col("layer") == layer) & (pl.col("condition") == condition) & pl.col("two_vs_two").is_not_null()
    )
    return {str(name): float(score) for name, score in rows.select("concept", "two_vs_two").iter_rows()}


def _losers_at(attack: Attacked, layer: str) -> set[str]:
    """Concepts that lost their meaning in a layer; none where it is not aligned with words, as in `losers`."""
    if at_layer(attack, layer, "attack")["verdict"] == "unanchored":
        return set()
    rows = attack.concepts.filter(
        (pl.col("layer") == layer) & (pl.col("condition") == "attack") & (pl.col("loss_q") <= LOSER_RATE)
    )
    return set(rows["concept"].to_list())


def _scored(clean: float, score: float | None) -> dict[str, Any]:
    if score is None:
        return {"text": number(None), "tint": 0.0}
    return {"text": percent(score), "tint": round(min(1.0, max(0.0, (clean - score) / _FULL_TINT)), 2)}
