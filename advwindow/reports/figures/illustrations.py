"""All figures of a study with what is said about them, cut into pieces that fit a page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from advwindow.reports.figures import captions, curves
from advwindow.reports.figures.collapse_map import collapse_map_illustration
from advwindow.reports.figures.concept_map import map_illustration
from advwindow.reports.figures.illustration import Illustration
from advwindow.reports.figures.matrices import matrices_illustration
from advwindow.reports.figures.references import reference_curves, shown_references
from advwindow.reports.figures.retention import retention_illustration
from advwindow.reports.figures.robustness import robustness_illustration
from advwindow.reports.figures.strip import verdict_strip
from advwindow.reports.reading.findings import headline
from advwindow.reports.reading.studies import layers_under

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from advwindow.reports.figures.captions import Words
    from advwindow.reports.figures.curves import Curves, Layers
    from advwindow.reports.reading.studies import Attacked, Study

#: Panels, or rows of the strip, that fit a page.
_MOST_ATTACKS = 12

#: Figures of tests that are not always made, with the column that is empty then.
_TESTS = {"two-vs-two": "two_vs_two", "one-vs-two": "one_vs_two"}

#: Columns of the strip that leave room for a letter each.
_MOST_LAYERS = 60


def illustrate(study: Study) -> list[Illustration]:
    """Every figure of a study that there are data for."""
    layers = study.layers
    strips = tuple(verdict_strip(part) for some in _by_attacks(layers) for part in _by_layers(some))
    return [
        Illustration("verdicts", strips, captions.verdict_words(study), verdict_data(layers)),
        _headline(study),
        *robustness_illustration(study),
        *collapse_map_illustration(study),
        *_references(study),
        *(
            Illustration(
                name,
                tuple(curves.small_multiples(kind, some, measure=_measure(study)) for some in _by_attacks(layers)),
                _WORDS[name](study),
                curve_data(kind, layers),
            )
            for name, kind in drawable_curves(study).items()
        ),
        *retention_illustration(study),
        *map_illustration(study),
        *matrices_illustration(study),
    ]


def drawable_curves(study: Study) -> dict[str, Curves]:
    """Figures against depth that there is something to draw in, by name."""
    absent = {
        name for name, column in _TESTS.items() if not any(each[column].count() for each in study.layers.values())
    }
    return {name: kind for name, kind in curves.KINDS.items() if name not in absent}


def curve_data(kind: Curves, layers: Layers) -> pl.DataFrame:
    """What a figure against depth draws: one row per attack, layer and condition."""
    columns = ("layer", "depth", "condition", *kind.shown)
    return _together(layers, lambda table: table.filter(pl.col("condition").is_in(kind.conditions)).select(columns))


def verdict_data(layers: Layers) -> pl.DataFrame:
    """What the verdict strip draws: one row per attack and layer."""
    return _together(
        layers, lambda table: layers_under(table, "attack").select("layer", "depth", "verdict", "hijacked")
    )


def reference_data(attack: Attacked) -> pl.DataFrame:
    """What the figure of references draws: one row per reference, condition and layer."""
    columns = ("reference", "condition", "layer", "alignment", "alignment_p_adjusted", "beyond_pixels")
    drawn = attack.references.filter(
        pl.col("condition").is_in(["clean", "attack"]),
        pl.col("reference").is_in(list(shown_references(attack.references))),
    )
    return drawn.select(pl.lit(attack.title).alias("attack"), *columns)


def _together(layers: Layers, chosen: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.DataFrame:
    """Rows of all attacks, in the order of the network."""
    tables = (
        chosen(table).sort("depth", maintain_order=True).select(pl.lit(title).alias("attack"), pl.all())
        for title, table in layers.items()
    )
    return pl.concat(tables, how="vertical_relaxed")


def _headline(study: Study) -> Illustration:
    worst = headline(study)
    layers = {worst.title: worst.layers}
    return Illustration(
        "headline",
        (curves.alignment(layers, measure=_measure(study)),),
        captions.alignment_words(replace(study, attacks=(worst,))),
        curve_data(curves.ALIGNMENT, layers),
    )


def _references(study: Study) -> list[Illustration]:
    """None where there is nothing beside one word space."""
    attack = headline(study)
    if attack.references["reference"].n_unique() < 2:
        return []
    figure = reference_curves(attack.references, study.names, title=attack.title, measure=_measure(study))
    return [Illustration("references", (figure,), captions.reference_words(study), reference_data(attack))]


def _measure(study: Study) -> str:
    return study.attacks[0].spec.measure


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


_WORDS: dict[str, Callable[[Study], Words]] = {
    "alignment": captions.alignment_words,
    "two-vs-two": captions.two_vs_two_words,
    "drift": captions.drift_words,
    "beyond-noise": captions.beyond_noise_words,
    "one-vs-two": captions.one_vs_two_words,
}
