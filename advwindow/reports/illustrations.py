"""All figures of a study with what is said about them, cut into pieces that fit a page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from advwindow.reports import captions, figures
from advwindow.reports.findings import headline
from advwindow.reports.references import reference_curves
from advwindow.reports.strip import verdict_strip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from matplotlib.figure import Figure

    from advwindow.reports.captions import Words
    from advwindow.reports.figures import Layers
    from advwindow.reports.reading import Study

#: Panels, or rows of the strip, that fit a page.
_MOST_ATTACKS = 12

#: Columns of the strip that leave room for a letter each.
_MOST_LAYERS = 60


@dataclass(frozen=True, eq=False)
class Illustration:
    """A figure in one or more pieces.

    Attributes:
        name: of the figure; names its files.
        pieces: at least one.
        words: caption and alternative text.
    """

    name: str
    pieces: tuple[Figure, ...]
    words: Words


def illustrate(study: Study) -> list[Illustration]:
    """Every figure of a study; that of the 1 vs 2 test only where some image was fooled into another word."""
    layers, measure = study.layers, study.attacks[0].spec.measure
    worst = headline(study)
    drawn: list[tuple[str, Callable[[Layers], Figure], Words]] = [
        ("alignment", lambda some: figures.alignment(some, measure=measure), captions.alignment_words(study)),
        ("two-vs-two", figures.two_vs_two, captions.two_vs_two_words(study)),
        ("drift", figures.drift, captions.drift_words(study)),
        ("beyond-noise", figures.beyond_noise, captions.beyond_noise_words(study)),
    ]
    if any(attack.rows()["one_vs_two"].count() for attack in study.attacks):
        drawn.append(("one-vs-two", figures.one_vs_two, captions.one_vs_two_words(study)))
    strips = tuple(verdict_strip(part) for some in _by_attacks(layers) for part in _by_layers(some))
    return [
        Illustration("verdicts", strips, captions.verdict_words(study)),
        Illustration(
            "headline",
            (figures.alignment({worst.title: worst.layers}, measure=measure),),
            captions.alignment_words(replace(study, attacks=(worst,))),
        ),
        *_references(study),
        *(Illustration(name, tuple(draw(some) for some in _by_attacks(layers)), words) for name, draw, words in drawn),
    ]


def _references(study: Study) -> list[Illustration]:
    """None where there is nothing beside one word space."""
    attack = headline(study)
    if attack.references["reference"].n_unique() < 2:
        return []
    figure = reference_curves(attack.references, study.names, title=attack.title, measure=study.attacks[0].spec.measure)
    return [Illustration("references", (figure,), captions.reference_words(study))]


def _by_attacks(layers: Layers) -> Iterator[Layers]:
    titles = list(layers)
    for start in range(0, len(titles), _MOST_ATTACKS):
        yield {title: layers[title] for title in titles[start : start + _MOST_ATTACKS]}


def _by_layers(layers: Layers) -> Iterator[Layers]:
    depth = 1 + max(int(table["depth"].max() or 0) for table in layers.values())  # type: ignore[arg-type]
    pieces = -(-depth // _MOST_LAYERS)
    width = -(-depth // pieces)
    for start in range(0, depth, width):
        inside = pl.col("depth").is_between(start, start + width - 1)
        yield {title: table.filter(inside) for title, table in layers.items()}
