"""Draws the figures of docs/findings.md from finished runs, and prints the numbers that the text quotes.

python docs/findings/figures.py --photographs runs/photographs --protocol runs/words-as-a-window
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import polars as pl

import advwindow as aw

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HERE = Path(__file__).parent
CLEAN, NOISE = "#0072B2", "#767676"
SHADES = ("#F0B27A", "#E0812F", "#A04000")
RANKS = ("#440154", "#414487", "#2a788e", "#22a884", "#7ad151", "#d9b100")


def main() -> None:
    """Draw and print what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=Path, help="run of attacks/photographs.toml")
    parser.add_argument("--protocol", type=Path, help="run of the protocol words-as-a-window")
    arguments = parser.parse_args()
    pl.Config.set_tbl_rows(200).set_tbl_cols(30).set_tbl_width_chars(200).set_fmt_str_lengths(60).set_float_precision(3)
    if arguments.photographs:
        photographs(aw.open_run(arguments.photographs))
    if arguments.protocol:
        protocol(aw.open_run(arguments.protocol))


def photographs(run: aw.Run) -> None:
    """Alignment, displacement and half-lives of the 500 photographs."""
    layers = run.layers
    attacks = layers["attack"].unique(maintain_order=True).to_list()
    names = layers["layer"].unique(maintain_order=True).to_list()
    print(run.cells.select("condition", "images", "clean_accuracy", "robust_accuracy", "concepts", "attack_seconds",
                           "window_seconds"))  # fmt: skip
    figure, (curve, erosion) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    first = layers.filter(pl.col("attack") == attacks[0])
    _line(curve, first.filter(pl.col("condition") == "clean"), "alignment", CLEAN, "clean", band=True)
    strongest = layers.filter(pl.col("attack") == attacks[-1])
    _line(curve, strongest.filter(pl.col("condition") == "noise"), "alignment", NOISE, "noise of the last one's size")
    for attack, shade in zip(attacks, SHADES, strict=False):
        rows = layers.filter((pl.col("attack") == attack) & (pl.col("condition") == "attack"))
        _line(curve, rows, "alignment", shade, attack, band=attack == attacks[-1])
        _line(erosion, rows, "displacement", shade, f"displacement, {attack}", dashed=True)
        _line(erosion, rows, "retention", shade, f"retention of alignment, {attack}")
        print(attack, rows.select("layer", "alignment", "drift", "drift_p_adjusted", "retention", "retention_low",
                                  "retention_high", "drift_beyond_noise", "one_vs_two", "one_vs_two_p_adjusted",
                                  "identification", "displacement", "verdict", "hijacked"))  # fmt: skip
    clean = first.filter(pl.col("condition") == "clean")
    print(clean.select("layer", "alignment", "two_vs_two", "decoding", "cka", "alignment_p_adjusted"))
    _finish(curve, names, "alignment with words (RSA, Pearson)")
    _finish(erosion, names, "share")
    figure.savefig(HERE / "photographs.svg", metadata={"Date": None})
    half_lives(run, names)
    references = run.references.filter(pl.col("condition") == "clean", pl.col("attack") == attacks[0])
    print(references.select("reference", "layer", "alignment", "alignment_p_adjusted", "beyond_pixels"))
    print(run.directory.tables("agreement"))
    print(losers(run))
    print(trace_ranks(run))


def half_lives(run: aw.Run, names: list[str]) -> None:
    """The budget at which half of each layer's alignment is gone."""
    table = run.half_lives
    print(table.select("layer", "text", "note"))
    figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
    largest = 8 / 255
    for place, row in enumerate(table.iter_rows(named=True)):
        if row["low"] is None:
            continue
        low, high = row["low"] * 255, min(row["high"], largest * 1.15) * 255
        axes.plot([place, place], [low, high], color=SHADES[1], lw=2, solid_capstyle="butt")
        if row["high"] > largest:
            axes.plot(place, high, marker="^", color=SHADES[1], ms=5)
        if row["half_life"] is not None:
            axes.plot(place, row["half_life"] * 255, "o", color=SHADES[2], ms=5)
    _finish(axes, names, "half-life of alignment (in 1/255)", legend=False)
    figure.savefig(HERE / "half-lives.svg", metadata={"Date": None})


def losers(run: aw.Run) -> pl.DataFrame:
    """How many words may be named as having lost their meaning, by attack and layer, and the five worst."""
    named = run.directory.tables("concepts").filter(pl.col("condition") == "attack", pl.col("loss_q") <= 0.1)
    return (
        named.sort("loss", descending=True)
        .group_by("attack", "layer", maintain_order=True)
        .agg(pl.len().alias("named"), pl.col("word").head(5).alias("worst"))
        .sort("attack", "layer")
    )


def trace_ranks(run: aw.Run) -> pl.DataFrame:
    """Median rank of the true word over the traced images."""
    return run.trace.group_by("attack", "layer", "condition", maintain_order=True).agg(pl.col("rank").median())


def protocol(run: aw.Run) -> None:
    """1 vs 2 and 2 vs 2 by layer and rank of the target."""
    layers = run.layers.filter(pl.col("condition") == "attack")
    names = layers["layer"].unique(maintain_order=True).to_list()
    attacks = layers["attack"].unique(maintain_order=True).to_list()
    print(run.cells.select("condition", "images", "clean_accuracy", "successes", "concepts"))
    shown = {attack: f"{attack.rpartition(':')[2]}" for attack in attacks}
    figure, (images, sets) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    table = pl.DataFrame({"layer": names})
    for attack, colour in zip(attacks, RANKS, strict=False):
        rows = layers.filter(pl.col("attack") == attack)
        _line(images, rows, "one_vs_two", colour, f"rank {shown[attack]}")
        _line(sets, rows, "two_vs_two_sets", colour, f"attacked, rank {shown[attack]}")
        table = table.with_columns(rows["one_vs_two"].alias(shown[attack]))
    clean = run.layers.filter(pl.col("condition") == "clean", pl.col("attack") == attacks[0])
    _line(sets, clean, "two_vs_two_sets", CLEAN, "clean")
    mean = pl.mean_horizontal(pl.exclude("layer")).alias("mean")
    print(table.with_columns(mean), clean.select("layer", "two_vs_two_sets", "two_vs_two_sets_p_adjusted"))
    print(
        layers.select(
            "attack", "layer", "one_vs_two", "one_vs_two_p", "one_vs_two_p_adjusted", "one_vs_two_n", "hijacked"
        )
    )
    for axes in (images, sets):
        axes.axhline(0.5, color="#222222", lw=0.7)
    _finish(images, names, "1 vs 2: closer to the image's own word")
    _finish(sets, names, "2 vs 2 accuracy")
    figure.savefig(HERE / "protocol.svg", metadata={"Date": None})


def _line(
    axes: Axes, rows: pl.DataFrame, column: str, colour: str, label: str, *, band: bool = False, dashed: bool = False
) -> None:
    places = range(rows.height)
    axes.plot(places, rows[column], color=colour, marker="o", ms=3, lw=1.4, ls="--" if dashed else "-", label=label)
    if band:
        axes.fill_between(places, rows["band_low"], rows["band_high"], color=colour, alpha=0.15, lw=0)


def _finish(axes: Axes, names: list[str], label: str, *, legend: bool = True) -> None:
    axes.set_xticks(range(len(names)), [name.removeprefix("_") for name in names], rotation=90, fontsize=7)
    axes.set_ylabel(label)
    axes.spines[["top", "right"]].set_visible(False)
    if legend:
        axes.legend(fontsize=6.5, frameon=False)


if __name__ == "__main__":
    main()
