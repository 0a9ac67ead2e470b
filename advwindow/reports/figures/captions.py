"""Captions that state the finding, and texts for those who cannot see the figure; all made from the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from advwindow.reports.figures.references import shown_references
from advwindow.reports.reading.findings import (
    aligned,
    at_layer,
    best_layer,
    fallen,
    headline,
    layer_name,
    places,
    risen,
    worst_layer,
)
from advwindow.reports.reading.studies import VERDICTS
from advwindow.reports.style import MARKS
from advwindow.reports.text import count, listing, number, percent, printable, shorten, span
from advwindow.window.references import MEAN, PIXELS

if TYPE_CHECKING:
    from collections.abc import Callable

    from advwindow.reports.reading.studies import Attacked, Study

#: Pairs of references that are told one by one.
_MOST_PAIRS = 3


class Words(NamedTuple):
    """What is said about a figure: the caption that all see, and the text in place of the figure."""

    caption: str
    alt: str


def verdict_words(study: Study) -> Words:
    """About the verdict strip."""
    key = "; ".join(f"{mark.letter}: {mark.meaning}" for mark in MARKS.values())
    caption = f"What became of the meaning in each of {count(len(study.names), 'layer')}. {key}."
    return Words(caption, _alt(study, "Matrix of verdicts, layers by attacks.", _verdicts))


def alignment_words(study: Study) -> Words:
    """About alignment against depth."""
    attack = study.attacks[0]
    best = best_layer(attack)
    left = {each.title: at_layer(each, best["layer"], "attack")["alignment"] for each in study.attacks}
    known = sorted((value, title) for title, value in left.items() if value is not None)
    caption = f"Clean images are aligned best with words at {_name(attack, best)} ({number(best['alignment'])})."
    if len(known) > 1:
        low, high = (f"{number(value)} ({title})" for value, title in (known[0], known[-1]))
        caption += f" Under attack there is left between {low} and {high}."
    elif known:
        noisy = attack.rows("noise").filter(pl.col("layer") == best["layer"])["alignment"].to_list()
        control = f", noise of the same size {number(noisy[0])}" if noisy else ""
        caption += f" {known[0][1]} leaves {number(known[0][0])} there{control}."
    if best["ceiling"] is not None:
        noisy_parts = "images and words" if len(attack.spec.words) > 1 else "images"
        caption += f" The noise of {noisy_parts} would let that layer reach {number(best['ceiling'])} (noise ceiling)."
    return Words(caption, _alt(study, "Alignment with words against depth, one panel per attack.", _alignments))


def two_vs_two_words(study: Study) -> Words:
    """About the 2 vs 2 test."""
    attack = headline(study)
    best = best_layer(attack)
    left = at_layer(attack, best["layer"], "attack")
    shares = _share(best["two_vs_two"]), _share(left["two_vs_two"])
    caption = (
        f"At {_name(attack, best)} the activations of {shares[0]} of all pairs of concepts are matched to the right "
        f"words on clean images and {shares[1]} under {attack.title}; guessing gives 50 %."
    )
    return Words(caption, _alt(study, "2 vs 2 accuracy against depth, one panel per attack.", _accuracies))


def drift_words(study: Study) -> Words:
    """About drift."""
    attack = headline(study)
    worst = worst_layer(attack)
    noise = max((abs(drift) for drift in attack.rows("noise")["drift"] if drift is not None), default=None)
    control = "" if noise is None else f" Noise of the same size changes alignment by {number(noise)} at most."
    caption = (
        f"Under {attack.title} the drift is largest at {_name(attack, worst)}: {number(worst['drift'])} "
        f"{span(worst['drift_ci_low'], worst['drift_ci_high'])}{_changed(attack)}.{control}"
    )
    return Words(caption, _alt(study, "Drift against depth with intervals, one panel per attack.", _drifts))


def _changed(attack: Attacked) -> str:
    """Among which layers the largest drift was sought, and in how many of them alignment changes."""
    rows = attack.rows()
    sought = aligned(rows).height
    if not sought:
        return "; no layer is aligned with words on clean images"
    rises = f" and rises significantly in {risen(rows).height}" if risen(rows).height else ""
    among = f"among the {count(sought, 'layer')} aligned with words"
    return f", {among}; alignment falls significantly in {fallen(rows).height} of them{rises}"


def beyond_noise_words(study: Study) -> Words:
    """About drift beyond noise."""
    attack = headline(study)
    above = attack.rows().filter(pl.col("drift_beyond_noise_low") > 0)["layer"].to_list()
    where = f" ({places(study.names, above)})" if above else ""
    caption = (
        f"What the attack takes beyond noise of the same size. Under {attack.title} the interval lies above zero in "
        f"{count(len(above), 'layer')}{where}; these intervals hold layer by layer."
    )
    return Words(caption, _alt(study, "Drift beyond noise against depth, one panel per attack.", _excesses))


def one_vs_two_words(study: Study) -> Words:
    """About the 1 vs 2 test; at least one attack must have been tested."""
    told = [(attack, low) for attack in study.attacks if (low := _lowest(attack)) is not None]
    attack, low = min(told, key=lambda each: each[1]["one_vs_two"])
    caption = (
        f"Of fooled images, the share that a layer still holds closer to the true word than to the wrong one. It is "
        f"lowest at {_name(attack, low)} under {attack.title}: {_share(low['one_vs_two'])} of "
        f"{count(low['one_vs_two_n'], 'image')}."
    )
    return Words(caption, _alt(study, "Share of fooled images closer to the true word, by layer and attack.", _lows))


def reference_words(study: Study) -> Words:
    """About the references; there must be two or more."""
    attack = headline(study)
    clean = attack.references.filter(pl.col("condition") == "clean")
    names = list(shown_references(clean))
    told = [
        f"{_quoted(name)} at {_name(attack, top)} ({number(top['alignment'])})"
        for name in names
        if (top := _top(clean, name)) is not None
    ]
    caption = (
        "What else the layers' geometry agrees with; filled marks are significantly above chance over all layers. "
        f"On clean images it is closest to {listing(told)}."
    )
    first = _top(clean, names[0])
    if first is not None and first["beyond_pixels"] is not None:
        caption += (
            f" With the pixels' geometry taken out of both sides (dotted) {_quoted(names[0])} keeps "
            f"{number(first['beyond_pixels'])} of {number(first['alignment'])} at {_name(attack, first)}."
        )
    return Words(f"{caption}{_agreement(attack)}", f"Alignment with {listing(names)} against depth. {caption}")


def _top(clean: pl.DataFrame, reference: str) -> dict[str, Any] | None:
    """The row of the layer that agrees best with a reference."""
    rows = clean.filter((pl.col("reference") == reference) & pl.col("alignment").is_not_null())
    return rows.sort("alignment", descending=True, maintain_order=True).row(0, named=True) if rows.height else None


def _agreement(attack: Attacked) -> str:
    """How the references agree with each other; of many pairs the least and the best."""
    pairs = attack.agreement.filter(pl.col("correlation").is_not_null()).sort("correlation", maintain_order=True)
    rows = list(pairs.iter_rows(named=True))
    shown = rows if len(rows) <= _MOST_PAIRS else [rows[0], rows[-1]]
    told = [
        f"{_quoted(row['first'])} and {_quoted(row['second'])} {number(row['correlation'])} "
        f"{span(row['ci_low'], row['ci_high'])}"
        for row in reversed(shown)
    ]
    if not told:
        return ""
    among = "" if len(rows) == len(shown) else f", best and least of {len(rows)} pairs"
    return f" Agreement of the references with each other (95 % interval{among}): {listing(told)}."


def _quoted(reference: str) -> str:
    return (
        "the pixels"
        if reference == PIXELS
        else f"the {MEAN}"
        if reference == MEAN
        else shorten(printable(reference), 40)
    )


def _alt(study: Study, what: str, tell: Callable[[Attacked], str]) -> str:
    return " ".join([what, *(f"{attack.title}: {tell(attack)}." for attack in study.attacks)])


def _name(attack: Attacked, row: dict[str, Any]) -> str:
    return layer_name(attack, row["layer"])


def _share(value: float | None) -> str:
    return "an unknown share" if value is None else percent(value)


def _verdicts(attack: Attacked) -> str:
    rows, names = attack.rows(), [str(name) for name in attack.rows()["layer"]]
    chosen = {verdict: rows.filter(pl.col("verdict") == verdict)["layer"].to_list() for verdict in VERDICTS}
    chosen["hijacked"] = rows.filter(pl.col("hijacked"))["layer"].to_list()
    return "; ".join(f"{verdict} {places(names, layers)}" for verdict, layers in chosen.items() if layers)


def _alignments(attack: Attacked) -> str:
    best = best_layer(attack)
    left = at_layer(attack, best["layer"], "attack")["alignment"]
    last = attack.rows().row(-1, named=True)
    there = f"at {_name(attack, best)} from {number(best['alignment'])} to {number(left)}"
    return f"{there}; in the last layer {number(last['alignment'])}"


def _accuracies(attack: Attacked) -> str:
    best = best_layer(attack)
    left = at_layer(attack, best["layer"], "attack")["two_vs_two"]
    return f"at {_name(attack, best)} from {_share(best['two_vs_two'])} to {_share(left)}"


def _drifts(attack: Attacked) -> str:
    worst = worst_layer(attack)
    return f"largest at {_name(attack, worst)}, {number(worst['drift'])}{_changed(attack)}"


def _excesses(attack: Attacked) -> str:
    worst = worst_layer(attack)
    return f"at {_name(attack, worst)} {number(worst['drift_beyond_noise'])}"


def _lowest(attack: Attacked) -> dict[str, Any] | None:
    rows = attack.rows().filter(pl.col("one_vs_two").is_not_null()).sort("one_vs_two", maintain_order=True)
    return rows.row(0, named=True) if rows.height else None


def _lows(attack: Attacked) -> str:
    low = _lowest(attack)
    return "nothing to test" if low is None else f"lowest at {_name(attack, low)}, {_share(low['one_vs_two'])}"
