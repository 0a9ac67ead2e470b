"""What a study found, in numbers and in sentences made from them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import polars as pl

from advwindow.reports.reading.studies import ALPHA, VERDICTS
from advwindow.reports.text import count, listing, number, percent, percent_span, printable, short_names, shorten

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from advwindow.attacks import Audit
    from advwindow.reports.reading.studies import Attacked, Study

_FALLEN = ("eroded", "collapsed")
_MOST_RUNS = 4
_NAME_WIDTH = 28
_SUBJECT_WIDTH = 60
#: What has been computed; every figure and sentence asks for the most harmful attack.
_HARM: WeakKeyDictionary[Attacked, tuple[float, int, float]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Tally:
    """How many layers got which verdict under one attack.

    Attributes:
        verdicts: number of layers by verdict on the geometry.
        hijacked: layers in which images are closer to the wrong word, whatever the geometry says.
        noise: layers aligned with words that fell under the noise control.
        layers: all of them.
    """

    verdicts: dict[str, int]
    hijacked: int
    noise: int
    layers: int

    @property
    def fallen(self) -> int:
        """Layers aligned with words that lost significantly."""
        return sum(self.verdicts[verdict] for verdict in _FALLEN)


def tally(attack: Attacked) -> Tally:
    """Count the verdicts of an attack."""
    rows = attack.rows()
    counts = Counter(rows["verdict"])
    return Tally(
        {verdict: counts[verdict] for verdict in VERDICTS},
        int(rows["hijacked"].sum()),
        fallen(attack.rows("noise")).height,
        rows.height,
    )


def aligned(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of layers that are significantly aligned with words on clean images: the others have nothing to lose."""
    return rows.filter(pl.col("verdict") != "unanchored")


def fallen(rows: pl.DataFrame) -> pl.DataFrame:
    """Those of them in which alignment falls significantly."""
    return rows.filter(pl.col("verdict").is_in(_FALLEN))


def risen(rows: pl.DataFrame) -> pl.DataFrame:
    """Those of them in which alignment rises significantly."""
    return aligned(rows).filter((pl.col("drift_p_adjusted") <= ALPHA) & (pl.col("drift") < 0))


def headline(study: Study) -> Attacked:
    """The attack to speak of: the most harmful one."""
    return min(study.attacks, key=harm)


def harm(attack: Attacked) -> tuple[float, int, float]:
    """Sorts the most harmful attack first: by robust accuracy, then layers fallen, then the largest drift."""
    if attack not in _HARM:
        _HARM[attack] = (attack.robust, -tally(attack).fallen, -float(worst_layer(attack)["drift"] or 0.0))
    return _HARM[attack]


def worst_layer(attack: Attacked) -> dict[str, Any]:
    """The row of the largest drift, among layers that are aligned with words if there are any."""
    rows = attack.rows().filter(pl.col("drift").is_not_null())
    anchored = aligned(rows)
    ranked = (rows if anchored.is_empty() else anchored).sort("drift", descending=True, maintain_order=True)
    return ranked.row(0, named=True) if ranked.height else attack.rows().row(0, named=True)


def best_layer(attack: Attacked) -> dict[str, Any]:
    """The clean row of the layer that is aligned best with words."""
    ranked = attack.rows("clean").sort("alignment", descending=True, nulls_last=True, maintain_order=True)
    return ranked.row(0, named=True)


def at_layer(attack: Attacked, layer: str, condition: str) -> dict[str, Any]:
    """The row of a layer under a condition."""
    return attack.rows(condition).filter(pl.col("layer") == layer).row(0, named=True)


def layer_name(attack: Attacked, layer: str) -> str:
    """What to call a layer in a sentence."""
    names = [str(name) for name in attack.rows()["layer"]]
    return short_names(names, _NAME_WIDTH)[names.index(layer)]


def question(study: Study) -> str:
    """What the run was made to find out."""
    subject = shorten(printable(study.subject.model), _SUBJECT_WIDTH)
    what = study.attacks[0].title if len(study.attacks) == 1 else f"any of {len(study.attacks)} attacks"
    return f"Does {what} fool {subject}, and in which layers does meaning break?"


def answer(study: Study) -> list[str]:
    """Two sentences: is the network fooled, and in which layers does meaning break, beside what noise does?"""
    attack = headline(study)
    return [_fooled(study, attack), f"{_meaning(attack)}{_control(attack)}."]


def details(study: Study) -> list[str]:
    """What else a reader of the answer must know: wrong words, and whether the attacks can be believed."""
    return [*_hijacked(headline(study)), *(_belief(title, audit) for title, audit in study.audits.items())]


def caveats(study: Study) -> list[str]:
    """What the window and the attacks warn of, each sentence once, with the attacks it is about."""
    told: dict[str, list[str]] = {}
    for attack in study.attacks:
        for caveat in (*attack.summary["caveats"], *_attack_caveats(attack)):
            told.setdefault(printable(str(caveat)), []).append(attack.title)
    everywhere = len(study.attacks)
    return [text if len(who) == everywhere else f"{listing(who)}: {text}" for text, who in told.items()]


def places(names: Sequence[str], chosen: Collection[str]) -> str:
    """Chosen layers in words, neighbours joined: ``blocks.3 and blocks.11 to head``.

    Args:
        names: all layers in order.
        chosen: those to name.
    """
    runs: list[list[str]] = []
    labels = short_names(names, _NAME_WIDTH)
    for before, name, label in zip([None, *names], names, labels, strict=False):
        if name not in chosen:
            continue
        if before in chosen and runs:
            runs[-1].append(label)
        else:
            runs.append([label])
    told = [_run(run) for run in runs]
    hidden = sum(len(run) for run in runs[_MOST_RUNS:])
    return listing([*told[:_MOST_RUNS], f"{hidden} more"] if hidden else told)


def _run(run: Sequence[str]) -> str:
    return run[0] if len(run) == 1 else f"{run[0]} and {run[-1]}" if len(run) == 2 else f"{run[0]} to {run[-1]}"


def _fooled(study: Study, attack: Attacked) -> str:
    summary = attack.summary
    whom = _won(int(summary["successes"]), attack.tried)
    did = f"reaches its target on {whom};" if attack.spec.target else f"fools {whom}:"
    clean = percent(summary["clean_accuracy"])
    if attack.robust == summary["clean_accuracy"]:
        return f"{attack.title} {did} accuracy stays at {clean}."
    interval = percent_span(summary["robust_low"], summary["robust_high"])
    told = f"{attack.title} {did} accuracy falls from {clean} to {percent(attack.robust)} (95 % interval {interval})"
    others = len(study.attacks) - 1
    alike = sum(other.robust == attack.robust for other in study.attacks) - 1
    return f"{told}, as under {alike} of the {others} other attacks." if alike and others > 1 else f"{told}."


def fooled(attack: Attacked) -> str:
    """How many of the attacked images were fooled, for a cell; of a targeted attack, how many reached the target."""
    aim = " on target" if attack.spec.target else ""
    return f"{attack.summary['successes']} of {attack.tried}{aim}"


def _won(successes: int, tried: int) -> str:
    images = count(tried, "correctly classified image")
    return f"all {images}" if successes == tried else f"{successes or 'none'} of {images}"


def _meaning(attack: Attacked) -> str:
    rows = attack.rows()
    names = [str(name) for name in rows["layer"]]
    anchored = aligned(rows)["layer"].to_list()
    if not anchored:
        return (
            f"None of the {count(len(names), 'layer')} is significantly aligned with words even on clean images, "
            "so there is nothing that could be seen to break"
        )
    basis = f"Of {count(len(names), 'layer')}, {len(anchored)} {'is' if len(anchored) == 1 else 'are'} significantly"
    basis = f"{basis} aligned with words on clean images ({places(names, anchored)});"
    told = []
    for verdict in reversed(_FALLEN):
        chosen = rows.filter(pl.col("verdict") == verdict)["layer"].to_list()
        if chosen:
            where = (
                "all of them" if len(chosen) == len(anchored) else f"{len(chosen)} of them ({places(names, chosen)})"
            )
            told.append(f"{verdict} in {where}")
    if not told:
        worst = worst_layer(attack)
        most = f" (the largest fall is {_fall(attack, worst)})" if (worst["drift"] or 0.0) > 0 else ""
        return f"{basis} in none of them does alignment fall significantly{most}"
    deepest = fallen(rows).sort("drift", descending=True, nulls_last=True, maintain_order=True).row(0, named=True)
    return f"{basis} meaning is {listing(told)}, where alignment falls {_fall(attack, deepest)}"


def _fall(attack: Attacked, row: dict[str, Any]) -> str:
    clean = at_layer(attack, row["layer"], "clean")["alignment"]
    return f"from {number(clean)} to {number(row['alignment'])} at {layer_name(attack, row['layer'])}"


def _hijacked(attack: Attacked) -> list[str]:
    rows = attack.rows()
    chosen = rows.filter(pl.col("hijacked"))["layer"].to_list()
    if not chosen:
        return []
    where = places([str(name) for name in rows["layer"]], chosen)
    return [
        f"In {count(len(chosen), 'layer')} ({where}) fooled images look more like the wrong word than the true one."
    ]


def _control(attack: Attacked) -> str:
    """The end of a sentence."""
    if aligned(attack.rows("noise")).is_empty():
        return ""
    where = tally(attack).noise or "none"
    return f", and under random noise of the same size it falls significantly in {where} of the aligned layers"


def _belief(title: str, audit: Audit) -> str:
    fired = listing([f"{finding.code}, “{finding.title}”" for finding in audit.fired])
    return f"Audit of {title}: {audit_tally(audit)}{f' (see {fired})' if fired else ''}."


def _attack_caveats(attack: Attacked) -> list[str]:
    summary = attack.summary
    zero, broken = summary["zero_gradients"], summary["nonfinite_gradients"]
    lost = summary["successes"] - summary["success_8bit"]
    said = {
        f"{count(zero, 'step')} met a gradient that vanished: the attack may be weaker than it looks.": zero > 0,
        f"{count(broken, 'step')} met a gradient that was no number; it was replaced by zero.": broken > 0,
        f"{count(lost, 'adversarial image')} would not survive rounding to 8 bits.": lost > 0,
    }
    return [sentence for sentence, applies in said.items() if applies]


def audit_tally(audit: Audit) -> str:
    """How many checks ended how, e.g. ``"12 checks passed, 1 warned, 8 left out"``."""
    verdicts = Counter(str(finding.verdict) for finding in audit)
    words = {"pass": "passed", "warn": "warned", "fail": "failed", "skipped": "left out"}
    parts = [f"{verdicts[verdict]} {word}" for verdict, word in words.items() if verdicts[verdict]]
    first, *others = parts
    number, _, word = first.partition(" ")
    return ", ".join([f"{number} check{'' if number == '1' else 's'} {word}", *others])
