"""Some layers and images of a run in full, on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from advwindow.reports.reading.depth import evenly
from advwindow.reports.reading.findings import at_layer, headline
from advwindow.reports.reading.trace import read_trace, traced_images
from advwindow.reports.terminal.console import STYLES, print_fitting, say
from advwindow.reports.text import distance, number, p_value, percent, printable, shorten, signed, span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from advwindow.reports.reading.studies import Attacked, Study
    from advwindow.reports.terminal.console import Row

_TITLE_WIDTH, _LABEL_WIDTH, _WORD_WIDTH = 28, 32, 16
_MISSED = "target missed"
_STATUS = {"success": "fooled", "failed": "withstood", "skipped_misclassified": "wrong when clean"}


def print_layer(study: Study, name: str, console: Console) -> None:
    """Every number behind the verdicts on one layer.

    Args:
        study: what was studied.
        name: of one of its layers.
        console: where to; its width decides how many columns have room.
    """
    place = study.names.index(name) + 1
    console.print()
    say(console, f"{printable(name)} (layer {place} of {len(study.names)})", style="bold")
    first = headline(study)
    conditions = ["clean", *(["noise"] if len(first.rows("noise")) else [])]
    rows = [
        *(_layer_row(condition, at_layer(first, name, condition)) for condition in conditions),
        *(_layer_row(attack.title, at_layer(attack, name, "attack")) for attack in study.attacks),
    ]
    print_fitting(rows, console, least=3)
    for note in dict.fromkeys(printable(at_layer(each, name, "attack")["note"] or "") for each in study.attacks):
        if note:
            say(console, f"! {note}", style="dim")


def _layer_row(name: str, row: dict[str, Any]) -> Row:
    shown: Row = {
        "": shorten(name, _TITLE_WIDTH),
        "alignment, 95 % band": f"{number(row['alignment'])} {span(row['band_low'], row['band_high'])}",
    }
    if row["verdict"] is None:
        return shown
    verdicts = [row["verdict"], *(["hijacked"] if row["hijacked"] else [])]
    tested = row["one_vs_two"] is not None
    return shown | {
        "verdict": Text(" and ".join(verdicts), style=STYLES[verdicts[-1]]),
        "drift, 95 %": f"{signed(row['drift'])} {span(row['drift_ci_low'], row['drift_ci_high'])}",
        "p": p_value(row["drift_p_adjusted"]),
        "at most / bound": f"{number(row['upper'])} / {number(row['collapse_bound'])}",
        "closer to true word": f"{percent(row['one_vs_two'])} of {row['one_vs_two_n']}" if tested else "",
        "beyond noise, 95 %": f"{signed(row['drift_beyond_noise'])} "
        f"{span(row['drift_beyond_noise_low'], row['drift_beyond_noise_high'])}"
        if row["drift_beyond_noise"] is not None
        else "",
    }


def print_sample(study: Study, place: int, console: Console) -> None:
    """What became of one image under every attack, and what the layers say of it.

    Args:
        study: what was studied.
        place: row of the image in the table of samples.
        console: where to; its width decides how many columns have room.
    """
    first = headline(study).samples.row(place, named=True)
    console.print()
    title = f"{first['sample_id']} (image {place} of {len(headline(study).samples)}): {first['label_name']}"
    say(console, printable(title), style="bold")
    rows = [_sample_row(attack, attack.samples.row(place, named=True)) for attack in study.attacks]
    print_fitting(rows, console, least=3)
    _trace(headline(study), place, study.names, console)


def _sample_row(attack: Attacked, row: dict[str, Any]) -> Row:
    fooled, wrong = row["status"] == "success", row["prediction"] != row["label"]
    missed = row["status"] == "failed" and bool(attack.spec.target) and wrong
    status = f"misclassified, {_MISSED}" if missed else _STATUS.get(row["status"], str(row["status"]))
    unfooled = _MISSED if attack.spec.target else "withstood"
    return {
        "": shorten(attack.title, _TITLE_WIDTH),
        "status": Text(status, style="yellow" if fooled or missed else ""),
        "says": shorten(printable(str(row["prediction_name"])), _LABEL_WIDTH),
        "distance": distance(row["distance"], attack.spec.norm) if fooled else "",
        "margin": signed(row["margin"]),
        "in 8 bits": "" if not fooled else "fooled" if row["success_8bit"] else unfooled,
    }


def _trace(attack: Attacked, place: int, names: Sequence[str], console: Console) -> None:
    """The word that each layer says; of long networks evenly spaced layers."""
    attacked = attack.samples["status"] != "skipped_misclassified"
    image = int(attacked[:place].sum())
    if not attacked[place] or image not in traced_images(attack):
        return
    traced = read_trace(attack, image)
    heading = (
        f"What layers say under {shorten(attack.title, _TITLE_WIDTH)}, with the rank of “{printable(traced.word)}”"
    )
    say(console, heading, style="dim")
    rows: list[Row] = []
    for layer in evenly(names):
        row: Row = {"": shorten(printable(layer), _TITLE_WIDTH)}
        for condition in ("clean", "attack"):
            said = traced.said.get((layer, condition))
            if said is not None and said.words:
                word = f"{shorten(printable(said.words[0]), _WORD_WIDTH)} {said.rank}"
                row[condition] = Text(word, style="bold" if said.rank == 1 else "")
        rows.append(row)
    print_fitting(rows, console, least=3)
