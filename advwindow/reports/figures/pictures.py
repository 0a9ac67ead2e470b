"""Example images: clean, attacked, and the difference amplified until it can be seen."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from advwindow.reports.reading.findings import headline
from advwindow.reports.text import printable, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from advwindow.reports.reading.studies import Attacked, Study

    Pixels = NDArray[np.float32]

#: Pixels of the longer side in a report.
_SIDE = 160
_NAME_WIDTH = 26


def examples(study: Study) -> tuple[list[dict[str, Any]], dict[str, bytes]]:
    """Rows of example images and the PNG files they show.

    Shown are the headline attack and, of the others that fooled the network on some of these images, the one that
    changed those least, by the mean square over their pixels.
    """
    attacks = _chosen(study)
    files: dict[str, bytes] = {}
    rows: list[dict[str, Any]] = []
    first = attacks[0]
    for place, index in enumerate(first.pictures["index"].tolist()):
        name = f"clean-{place}.png"
        clean = first.pictures["clean"][place].astype(np.float32) / 255
        files[name] = png(clean)
        label = _label(first, index)
        row: dict[str, Any] = {"name": label, "clean": name, "attacked": []}
        for number, attack in enumerate(attacks):
            shown = dict(_attacked(attack, place, clean, prefix=f"{number}-{place}"))
            files |= shown
            factor = amplification(attack.pictures["delta"])
            row["attacked"].append({"name": _prediction(attack, index), "files": list(shown), "factor": f"× {factor}"})
        rows.append(row)
    return [{"titles": [attack.title for attack in attacks], "rows": rows}] if rows else [], files


def png(pixels: Pixels) -> bytes:
    """An image ``(C, H, W)`` in [0, 1] as PNG: grey unless it has three channels, at most `_SIDE` pixels long."""
    eight = np.rint(pixels.clip(0, 1) * 255).astype(np.uint8)
    picture = Image.fromarray(np.moveaxis(eight, 0, -1) if len(eight) == 3 else eight.mean(0).astype(np.uint8))
    longest = max(picture.size)
    scale = max(1, _SIDE // longest) if longest < _SIDE else _SIDE / longest
    size = (round(picture.width * scale), round(picture.height * scale))
    buffer = io.BytesIO()
    picture.resize(size, Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.LANCZOS).save(buffer, "PNG")
    return buffer.getvalue()


def amplification(delta: NDArray[np.generic]) -> int:
    """The factor, a whole number, that brings the largest difference close to the end of the scale."""
    largest = float(np.abs(delta.astype(np.float32)).max(initial=0))
    return max(1, int(0.5 / largest)) if largest else 1


def _chosen(study: Study) -> list[Attacked]:
    first = headline(study)
    found = ((attack, _mean_square(attack)) for attack in study.attacks if attack is not first)
    changes = {attack: change for attack, change in found if change is not None}
    return [first, *sorted(changes, key=changes.__getitem__)[:1]]


def _mean_square(attack: Attacked) -> float | None:
    """Of what was added to the images it succeeded on; None where there are none."""
    won = attack.samples["success"].to_numpy()[attack.pictures["index"].astype(int)]
    return float(np.square(attack.pictures["delta"][won].astype(np.float32)).mean()) if won.any() else None


def _attacked(attack: Attacked, place: int, clean: Pixels, *, prefix: str) -> Iterator[tuple[str, bytes]]:
    delta = attack.pictures["delta"][place].astype(np.float32)
    yield f"attacked-{prefix}.png", png(clean + delta)
    yield f"difference-{prefix}.png", png(delta * amplification(attack.pictures["delta"]) + 0.5)


def _label(attack: Attacked, index: int) -> str:
    return shorten(printable(attack.samples["label_name"][index]), _NAME_WIDTH)


def _prediction(attack: Attacked, index: int) -> str:
    return shorten(printable(attack.samples["prediction_name"][index]), _NAME_WIDTH)
