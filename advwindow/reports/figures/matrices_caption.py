"""What is said about the matrices of concepts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from advwindow.reports.figures.captions import Words
from advwindow.reports.figures.matrix_scale import KINDS, MANY, least_cluster, pooled_pairs
from advwindow.reports.reading.findings import at_layer, layer_name
from advwindow.reports.reading.geometry import concept_names, within_and_between, word_order
from advwindow.reports.text import count, listing, number, printable, shorten, signed
from advwindow.window.alignment import pair_values

if TYPE_CHECKING:
    from advwindow.reports.reading.geometry import ConceptGeometry
    from advwindow.reports.reading.studies import Attacked

_TOLD_WIDTH = 30
_SHARED = "The first three share one scale of colours."
_CLIPPED = "The first three share one scale of colours, which ends at the 1st and 99th percentile of all pairs."


def matrix_words(attack: Attacked, geometry: ConceptGeometry) -> Words:
    """About the matrices of one of the attack's layers."""
    concepts, layer = count(len(geometry.concepts), "concept"), layer_name(attack, geometry.layer)
    space = shorten(printable(geometry.space), _TOLD_WIDTH)
    facts = " ".join(
        fact for fact in (_clusters(geometry), _most_changed(geometry), _aligned(attack, geometry)) if fact
    )
    caption = (
        f"How alike {concepts} are to each other at {layer} ({KINDS[geometry.kind]} of every two): by their words "
        f"({space}), on clean images, under {attack.title}, and attacked minus clean. They stand in the order of the "
        f"words' own hierarchical clustering; lines set off its clusters{_least_told(len(geometry.concepts))}. "
        f"{_SHARED if len(geometry.concepts) <= MANY else _CLIPPED}{_blocks(len(geometry.concepts))} {facts}"
    )
    alt = f"Four matrices of {concepts}: words, clean, attacked, and the difference, at {layer}. {facts}"
    return Words(caption, alt)


def _blocks(concepts: int) -> str:
    step = pooled_pairs(concepts)
    return f" Every field is the mean of {step} by {step} pairs." if step > 1 else ""


def _least_told(concepts: int) -> str:
    return "" if least_cluster(concepts) == 1 else f" of {least_cluster(concepts)} concepts or more"


def _clusters(geometry: ConceptGeometry) -> str:
    clusters = word_order(geometry.of_words).clusters
    means = [within_and_between(each, clusters) for each in (geometry.of_words, geometry.clean, geometry.attacked)]
    if any(math.isnan(mean) for pair in means for mean in pair):
        return ""
    told = [
        f"{number(within)} ({number(between)}) {where}"
        for (within, between), where in zip(means, ("by words", "on clean images", "under attack"), strict=True)
    ]
    return f"Mean similarity within (between) the words' {len(set(clusters.tolist()))} clusters: {listing(told)}."


def _most_changed(geometry: ConceptGeometry) -> str:
    changes = pair_values(geometry.difference)
    first, second = np.triu_indices(len(geometry.concepts), 1)
    place = int(np.abs(changes).argmax())
    names = concept_names(geometry.concepts, _TOLD_WIDTH)
    pair = f"{names[first[place]]} and {names[second[place]]}"
    return f"The attack changes {pair} most ({signed(float(changes[place]))})."


def _aligned(attack: Attacked, geometry: ConceptGeometry) -> str:
    """The run's own numbers."""
    clean, left = (at_layer(attack, geometry.layer, condition)["alignment"] for condition in ("clean", "attack"))
    measure = attack.spec.measure.title()
    return f"Alignment with words ({measure} over pairs) goes from {number(clean)} to {number(left)}."
