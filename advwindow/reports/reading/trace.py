"""The word trace as people read it: what word each layer says of an image, clean and attacked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from advwindow.reports.reading.depth import evenly
from advwindow.reports.reading.findings import best_layer, headline, layer_name
from advwindow.reports.reading.wording import TRACE
from advwindow.reports.text import count, printable, short_names, shorten

if TYPE_CHECKING:
    from advwindow.reports.reading.studies import Attacked, Study

#: Images side by side in a report.
_MOST_IMAGES = 3
_WORD_WIDTH, _LABEL_WIDTH, _NAME_WIDTH = 13, 30, 22


class Said(NamedTuple):
    """What a layer says of one image under one condition.

    Attributes:
        words: best first, at most three.
        rank: of the true word among all concepts, from 1.
    """

    words: tuple[str, ...]
    rank: int


class Traced(NamedTuple):
    """The trace of one image.

    Attributes:
        image: its number among the attacked images, from 0.
        label: what it shows.
        prediction: what the network says of the attacked image.
        word: the true word.
        said: by layer and condition (``"clean"``, ``"noise"``, ``"attack"``).
    """

    image: int
    label: str
    prediction: str
    word: str
    said: dict[tuple[str, str], Said]


def traced_images(attack: Attacked) -> list[int]:
    """Numbers of the images that have a trace, ascending."""
    return sorted(attack.trace["image"].unique().to_list())


def read_trace(attack: Attacked, image: int) -> Traced:
    """The trace of one of `traced_images`."""
    rows = attack.trace.filter(pl.col("image") == image)
    concept = rows["concept"][0]
    words = dict(attack.concepts.select("concept", "word").unique().iter_rows())
    sample = attack.samples.filter(pl.col("status") != "skipped_misclassified").row(image, named=True)
    said = {
        (str(layer), str(condition)): Said(tuple(says), rank)
        for layer, condition, says, rank in rows.select("layer", "condition", "says", "rank").iter_rows()
    }
    return Traced(image, str(sample["label_name"]), str(sample["prediction_name"]), str(words[concept]), said)


def guessed_rank(attack: Attacked) -> float:
    """The mean rank of the true word if words were guessed."""
    return (int(attack.summary["concepts"]) + 1) / 2


def trace_table(study: Study) -> dict[str, Any] | None:
    """The traces of the report's example images side by side under the headline attack; None where there is none.

    Of long networks evenly spaced layers are shown.
    """
    attack = headline(study)
    pictures = _pictures(attack)
    images = sorted(traced_images(attack), key=lambda image: (image not in pictures, image))[:_MOST_IMAGES]
    if not images:
        return None
    traces = [read_trace(attack, image) for image in images]
    chosen = evenly(study.names)
    labels = dict(zip(study.names, short_names(study.names, _NAME_WIDTH), strict=True))
    return {
        "attack": shorten(attack.title, 20),
        "images": [
            {
                "label": shorten(printable(each.label), _LABEL_WIDTH),
                "prediction": shorten(printable(each.prediction), _LABEL_WIDTH),
                "picture": f"clean-{pictures[each.image]}.png" if each.image in pictures else "",
            }
            for each in traces
        ],
        "rows": [
            {"layer": labels[layer], "cells": [_cell(each, layer, on) for each in traces for on in ("clean", "attack")]}
            for layer in chosen
        ],
        "caption": f"{_caption(attack, len(traces), thinned=len(chosen) < len(study.names))} {TRACE}",
    }


def _pictures(attack: Attacked) -> dict[int, int]:
    """Number among the attacked images of each image that is kept as a picture, to its place among the pictures."""
    attacked = attack.samples["status"] != "skipped_misclassified"
    number = attacked.cast(pl.Int64).cum_sum() - 1
    return {int(number[index]): place for place, index in enumerate(attack.pictures["index"].tolist())}


def _cell(traced: Traced, layer: str, condition: str) -> dict[str, Any]:
    said = traced.said.get((layer, condition))
    if said is None or not said.words:
        return {"word": "–", "rank": "", "true": False}
    word = shorten(printable(said.words[0]), _WORD_WIDTH)
    return {"word": word, "rank": str(said.rank), "true": said.rank == 1}


def _caption(attack: Attacked, shown: int, *, thinned: bool) -> str:
    concepts = int(attack.summary["concepts"])
    where = " Every layer was traced; evenly spaced ones are shown." if thinned else ""
    return (
        f"The word that each layer says of {count(shown, 'image')}, and in grey the rank of the true word among "
        f"{concepts} words: a bold word, of rank 1, is the true one; guessing ranks it {guessed_rank(attack):g} on "
        f"average.{where}{_medians(attack)}"
    )


def _medians(attack: Attacked) -> str:
    """The median rank in the layer that is aligned best, and in the last one."""
    best, last = str(best_layer(attack)["layer"]), str(attack.rows()["layer"][-1])
    places = {best: f"at {layer_name(attack, best)}, the layer best aligned with words"}
    places.setdefault(last, f"at {layer_name(attack, last)}, the last")
    told = []
    for layer, where in places.items():
        ranks = attack.trace.filter(pl.col("layer") == layer).group_by("condition").agg(pl.col("rank").median())
        median = {str(condition): rank for condition, rank in ranks.iter_rows()}
        if {"clean", "attack"} <= median.keys():
            told.append(f"{median['clean']:g} on clean images and {median['attack']:g} under {attack.title} {where}")
    images = count(len(traced_images(attack)), "image")
    return f" The median rank over {images} is {'; it is '.join(told)}." if told else ""
