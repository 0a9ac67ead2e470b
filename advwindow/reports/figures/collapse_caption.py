"""What is said about the collapse map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from advwindow.reports.figures.captions import Words
from advwindow.reports.reading.budgets import families
from advwindow.reports.reading.collapse import conditions_of, whole_drift
from advwindow.reports.reading.findings import aligned, fallen
from advwindow.reports.text import count, eps_name, listing, number, short_names, span

if TYPE_CHECKING:
    from advwindow.reports.reading.studies import Study

_MOST_TOLD, _NAME_WIDTH = 3, 28


def collapse_words(study: Study, points: pl.DataFrame) -> Words:
    """Caption and alternative text.

    Args:
        study: what was attacked.
        points: of `collapse_points`, of this study.
    """
    labels = _told_names(study)
    what = "alignment" if whole_drift(points) else "alignment beyond what noise of the same size takes"
    many = count(len(conditions_of(points)), "combination")
    caption = [f"How much {what} is lost, layer by layer, under {many} of attack and budget."]
    top = aligned(points).filter(pl.col("lost").is_not_null() & pl.col("lost").is_not_nan())
    if top.height:
        row = top.sort("lost", descending=True, maintain_order=True).row(0, named=True)
        ends = "" if whole_drift(points) else f" {span(row['drift_beyond_noise_low'], row['drift_beyond_noise_high'])}"
        where = f"{labels[row['layer']]} under {row['attack']} {eps_name(row['eps'])}"
        caption.append(f"Of layers aligned with words {where} loses most: {number(row['lost'])}{ends}.")
    caption.append(_significant(points))
    alt = f"Map of what is lost, layers by attacks and budgets. {' '.join(_told(study, points))}"
    return Words(" ".join([*caption, *_spread(study)]), alt)


def _told_names(study: Study) -> dict[str, str]:
    return dict(zip(study.names, short_names(study.names, _NAME_WIDTH), strict=True))


def _significant(points: pl.DataFrame) -> str:
    """In how many cells alignment falls significantly, and in how many of these it has collapsed."""
    sought, gone = aligned(points).height, points.filter(pl.col("verdict") == "collapsed").height
    if not sought:
        return "No layer is aligned with words on clean images."
    collapsed = f", {gone} of them collapsed" if gone else ""
    cells = f"{count(sought, 'cell')} of layers aligned with words"
    return f"Alignment falls significantly in {fallen(points).height} of {cells}{collapsed}."


def _spread(study: Study) -> list[str]:
    """Where the loss begins to be significant at the smallest and at the largest budget of an attack."""
    told: list[str] = []
    labels = _told_names(study)
    for family in families(study):
        first, last = family.attacks[0], family.attacks[-1]
        fell = [fallen(attack.rows())["layer"].to_list() for attack in (first, last)]
        if first is not last and all(fell) and len(told) < _MOST_TOLD:
            ends = [
                f"{labels[layers[0]]} at {attack.spec.eps} ({count(len(layers), 'layer')})"
                for attack, layers in zip((first, last), fell, strict=True)
            ]
            told.append(f"Under {family.normed_title} alignment first falls significantly at {listing(ends)}.")
    return told


def _told(study: Study, points: pl.DataFrame) -> list[str]:
    """The layer that loses most under each attack and budget."""
    labels = _told_names(study)
    told = []
    for table in points.partition_by("attack", "eps", maintain_order=True):
        known = table.filter(pl.col("lost").is_not_null() & pl.col("lost").is_not_nan())
        row = known.sort("lost", descending=True, maintain_order=True).row(0, named=True) if known.height else None
        most = f"most at {labels[row['layer']]}, {number(row['lost'])}" if row else "not known"
        told.append(f"{table['attack'][0]} {eps_name(table['eps'][0])}: {most}.")
    return told
