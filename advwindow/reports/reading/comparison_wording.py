"""Sentences about the tables of a comparison, for all media; backticks mark code."""

from __future__ import annotations

from advwindow.reports.style import MARKS

_LETTERS = ", ".join(f"{mark.letter} {verdict}" for verdict, mark in MARKS.items())
MATRIX = (
    "Shares of all images that are classified correctly: clean, and whatever attacks do that do not know the defence "
    "(oblivious), that do (adaptive), that only ask (black-box), and all together (worst per image). An image that is "
    "misclassified when clean is not robust. Bars and brackets: 95 % intervals (Wilson), scale from 0 to 100 %."
    "{ranked} "
    f"Letters: layers by verdict under the strongest attack, {_LETTERS}; kept: clean alignment of the aligned layers "
    "that it leaves, in per cent."
)
RANKED = " Rank with the 95 % interval of a bootstrap over images."
PAIRS = (
    "{significant} of {all} differences are significant at 5 % (McNemar’s exact test, adjusted over all pairs and "
    "budgets by Holm’s procedure). Difference of the shares of the same images with Newcombe’s paired 95 % interval, "
    "which is not adjusted; images that one of the two withstands alone."
)
KEPT = (
    "First minus second: clean alignment that the strongest attack leaves, in points of each network’s own clean "
    "alignment. Blue: the first keeps more; amber: the second. Only networks that share the names of their layers are "
    "held against each other, and only layers that are aligned in both. There is no interval of these differences: "
    "read them with those of single layers in `layers.csv`."
)
THINNED = " Of many layers, evenly spaced ones."
ATTACKS = (
    "What each attack alone leaves, images it broke, and those among them that no other attack on that entry broke."
)
AUDITS = (
    "A pass means that signs of a broken attack or of masked gradients were looked for and not seen; "
    "`advwindow explain CODE` tells what each check does."
)
TOLD = {
    "survival": (
        "The verdict on every layer under the strongest attack, and what that attack leaves of the layer’s clean "
        "alignment with words, in per cent. Unanchored layers have nothing to lose and no number."
    ),
    "cost": (
        "Attacks at this very budget and of minimal norm, as far as seconds, passes and gradients go; the number of "
        "attacks counts those within smaller budgets, too. Draws: forward passes that are averaged for each gradient "
        "of a random defence."
    ),
    "undrawn": "Only the budget that tells entries apart best is drawn; `layers.csv` holds all.",
}


def more(left: int, file: str) -> str:
    """Where the rest of a table stands; empty where there is none."""
    return f" {left} more stand in `{file}`." if left else ""
