"""Synthetic runs with the columns of real ones: a network whose meaning fades with the attack's strength."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from advwindow.runs import CellResult, CellSpec, RunDirectory, wilson
from advwindow.streams import stream
from tests.window.helpers import evidence_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MANIFEST = {
    "schema_version": 1,
    "created": "2026-11-21T10:15:02+00:00",
    "command": "advwindow attack --out runs/quick",
    "versions": {"python": "3.11.9", "advwindow": "0.1.0", "torch": "2.13.0", "numpy": "2.4.6"},
    "machine": {"system": "Linux 6.1", "processor": "x86_64", "cores": 2, "threads": 2, "accelerator": ""},
    "git": {"commit": "0123456789abcdef0123456789abcdef01234567", "dirty": True},
}

#: name, norm, epsilon, parameters, share of the meaning that is lost in the last layer
ATTACKS: tuple[tuple[str, str, str, dict[str, Any], float], ...] = (
    ("fgsm", "linf", "4/255", {}, 0.35),
    ("pgd", "linf", "1/255", {"steps": 10}, 0.4),
    ("pgd", "linf", "4/255", {"steps": 10}, 0.75),
    ("pgd", "linf", "8/255", {"steps": 10}, 0.9),
    ("pgd", "l2", "2", {"steps": 10}, 0.7),
    ("cw", "l2", "min", {"steps": 40, "search_steps": 5}, 0.1),
)

_LABELS = (
    "jeep, landrover", "leafhopper", "goldfish, Carassius auratus", "tree frog, tree-frog", "kit fox, Vulpes macrotis",
    "hourglass", "espresso", "volcano", "steam locomotive", "grand piano, grand", "binoculars, field glasses",
    "sea snake", "umbrella", "lampshade, lamp shade", "plate", "quilt, comforter", "marmot", "bulbul", "schooner",
    "acorn",
)  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """What a synthetic run is made of."""

    models: tuple[str, ...] = ("sample:efficientnet-lite0",)
    words: tuple[str, ...] = ("glove-6b-50d",)
    seeds: tuple[int, ...] = (0,)
    attacks: Sequence[tuple[str, str, str, dict[str, Any], float]] = ATTACKS
    layers: tuple[str, ...] = (*(f"blocks.{block}" for block in range(16)), "head")
    labels: tuple[str, ...] = _LABELS
    skipped: int = 2
    dropped: int = 1
    size: int = 24
    target: str = ""
    trials: bool = True
    caveats: tuple[str, ...] = ("Only 17 concepts: collapse is not claimed with fewer than 20.",)
    manifest: dict[str, Any] = field(default_factory=lambda: MANIFEST)


def make_run(path: Path, shape: Shape | None = None, *, missing: int = 0) -> RunDirectory:
    """A run on disk, all but the last `missing` cells finished."""
    shape = shape or Shape()
    planned = [
        (_spec(shape, model, seed, attack), attack)
        for model in shape.models
        for seed in shape.seeds
        for attack in shape.attacks
    ]
    specs = [spec for spec, _ in planned]
    toml = 'name = "quick"\nmodels = ["sample:efficientnet-lite0"]\n\n[[attack]]\nname = "pgd"\neps = ["8/255"]\n'
    run = RunDirectory.create(path, specs, sweep_toml=toml, manifest=shape.manifest)
    for spec, attack in planned[: len(planned) - missing]:
        run.save(spec, _result(shape, spec, attack[4]))
    return run


def layer_table(shape: Shape, *, loss: float, seed: int = 0, concepts: int = 17) -> pl.DataFrame:
    """A table of layers, clean, noise and attack."""
    rng, steady = stream(seed, "layers", str(loss)), stream(seed, "clean")
    rows = []
    for depth, layer in enumerate(shape.layers):
        share = (depth + 1) / len(shape.layers)
        clean = 0.02 + 0.42 * share**1.7 + 0.01 * float(steady.normal())
        for condition, lost in (("clean", 0.0), ("noise", 0.02), ("attack", loss)):
            left = clean * (1 - lost * share**3) + (0 if condition == "clean" else 0.004 * float(rng.normal()))
            rows.append(_layer_row(layer, depth, condition, clean, left, concepts, shape, rng))
    return pl.DataFrame(rows, infer_schema_length=None)


def _layer_row(
    layer: str,
    depth: int,
    condition: str,
    clean: float,
    left: float,
    concepts: int,
    shape: Shape,
    rng: np.random.Generator,
) -> dict[str, Any]:
    drift, attack = clean - left, condition == "attack"
    aligned, fell = clean > 0.12, drift > 0.1
    row: dict[str, Any] = {
        "layer": layer, "depth": depth, "condition": condition, "concepts": concepts,
        "images": len(shape.labels) - shape.skipped, "alignment": left, "rsa_pearson": left * 1.1, "rsa_spearman": left,
        "two_vs_two": min(1.0, 0.5 + 0.9 * left), "two_vs_two_p": 0.01 if left > 0.12 else 0.4,
        "two_vs_two_p_adjusted": 0.02 if left > 0.12 else 0.6, "cka": left * 0.8, "cka_clean": 1 - drift,
        "se": 0.05, "ci_low": left - 0.1, "ci_high": left + 0.1, "band_low": left - 0.14, "band_high": left + 0.14,
        "alignment_p": 0.001 if left > 0.12 else 0.3, "alignment_p_adjusted": 0.004 if left > 0.12 else 0.5,
        "chance_low": -0.11, "chance_high": 0.12, "displacement": 0.0 if condition == "clean" else 0.05 + drift,
        "decoding": min(1.0, 0.5 + left), "procrustes": 0.3 + 0.2 * left, "neighbours": 0.2 + 0.3 * left,
        "alignment_z": 10 * left, "reliability": 0.4, "ceiling": 0.55, "disattenuated": left / 0.55,
        "cka_biased": 0.4 + 0.5 * left, "cka_biased_null": 0.38, "identification": 1 - 0.5 * drift,
        "decoding_p": 0.01 if left > 0.12 else 0.4, "procrustes_p": 0.02, "procrustes_null": 0.3, "neighbours_p": 0.03,
    }  # fmt: skip
    nothing = dict.fromkeys(
        ("drift", "drift_se", "drift_ci_low", "drift_ci_high", "drift_band_low", "drift_band_high", "drift_p",
         "drift_p_adjusted", "drift_beyond_noise", "drift_beyond_noise_low", "drift_beyond_noise_high", "retention",
         "upper", "collapse_bound", "one_vs_two", "one_vs_two_margin", "one_vs_two_p", "one_vs_two_p_adjusted",
         "verdict", "hijacked", "display", "two_vs_two_sets", "two_vs_two_sets_p", "two_vs_two_sets_p_adjusted",
         "rsa_crossvalidated", "shift", "drift_disattenuated", "drift_geometry", "drift_reliability", "cohens_q",
         "retention_low", "retention_high")
    )  # fmt: skip
    row |= nothing | {"one_vs_two_n": 0, "note": ""}
    if condition == "clean":
        return row
    row |= {
        "drift": drift, "drift_se": 0.04, "drift_ci_low": drift - 0.08, "drift_ci_high": drift + 0.08,
        "drift_band_low": drift - 0.11, "drift_band_high": drift + 0.11, "drift_p": 0.002 if fell else 0.4,
        "drift_p_adjusted": 0.01 if fell else 0.7, "retention": left / clean if aligned else None, "upper": left + 0.08,
        "collapse_bound": max(0.1, 0.2 * clean), "drift_disattenuated": drift / 0.55, "drift_geometry": drift,
        "drift_reliability": 0.0, "cohens_q": float(np.arctanh(clean) - np.arctanh(left)),
        "retention_low": 0.0 if aligned else None, "retention_high": 1.0 if aligned else None,
    }  # fmt: skip
    collapsed = fell and concepts >= 20 and left + 0.08 < max(0.1, 0.2 * clean)
    verdict = "collapsed" if collapsed else "eroded" if fell else "intact"
    verdict = verdict if aligned else "unanchored"
    note = "The drift is not shown to exceed that of noise of the same size." if fell and drift < 0.12 else ""
    row |= {"verdict": verdict, "hijacked": False, "display": verdict, "note": note}
    if attack:
        row |= {
            "drift_beyond_noise": drift - 0.01, "drift_beyond_noise_low": drift - 0.1,
            "drift_beyond_noise_high": drift + 0.08,
        }  # fmt: skip
        if shape.trials:
            share = float(np.clip(0.8 - 1.6 * drift + 0.02 * float(rng.normal()), 0, 1))
            hijacked = share < 0.25
            row |= {
                "one_vs_two": share, "one_vs_two_margin": share - 0.5, "one_vs_two_n": 14,
                "one_vs_two_p": 0.004 if hijacked else 0.5, "one_vs_two_p_adjusted": 0.02 if hijacked else 0.9,
                "hijacked": hijacked, "display": "hijacked" if hijacked else verdict,
            }  # fmt: skip
    return row


def _spec(shape: Shape, model: str, seed: int, attack: tuple[str, str, str, dict[str, Any], float]) -> CellSpec:
    name, norm, eps, parameters, _ = attack
    return CellSpec(
        model=model, model_sha256="a1" * 32, images="sample:imagenet", images_sha256="b2" * 32, words=shape.words,
        words_sha256=("c3" * 32,) * len(shape.words), attack=name, parameters=parameters, norm=norm, eps=eps,
        target=shape.target, seed=seed, layers=(), pooling="mean", similarity="pearson", measure="spearman",
        permutations=2000,
    )  # fmt: skip


def _result(shape: Shape, spec: CellSpec, loss: float) -> CellResult:
    count, tried = len(shape.labels), len(shape.labels) - shape.skipped
    concepts = tried - shape.dropped
    fooled = min(tried, round(tried * min(1.0, 1.4 * loss + 0.2)))
    layers = layer_table(shape, loss=loss, seed=spec.seed, concepts=concepts)
    clean, robust = wilson(tried, count), wilson(tried - fooled, count)
    distance = {"linf": 0.0157, "l2": 0.83}[spec.norm]
    summary = {
        "images": count, "clean_accuracy": clean.share, "clean_low": clean.low, "clean_high": clean.high,
        "robust_accuracy": robust.share, "robust_low": robust.low, "robust_high": robust.high,
        "success_8bit": max(0, fooled - 1), "successes": fooled, "median_distance": distance if fooled else None,
        "concepts": concepts, "forwards": 200, "backwards": 180, "zero_gradients": 0, "nonfinite_gradients": 0,
        "caveats": list(shape.caveats), "attack_seconds": 12.6, "window_seconds": 3.1,
    }  # fmt: skip
    tables = {
        "samples": _samples(shape, fooled, distance),
        "layers": layers,
        "conditions": _conditions(layers),
        "concepts": _concepts(shape, layers, tried, concepts),
        "references": _references(shape, layers),
        "agreement": _agreement(shape),
        "trace": _trace(shape, layers),
        "words": _words(shape, tried, concepts),
    }  # fmt: skip
    pictures = _pictures(shape, spec.seed, distance)
    return CellResult(summary=summary, tables=tables, grams=_grams(shape, loss), pictures=pictures)


def _grams(shape: Shape, loss: float) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Evidence of twelve concepts that lose their meaning with depth, the same clean ones at every loss."""
    rng = stream(0, "grams")
    words = rng.normal(size=(12, 20))
    layers: dict[str, Sequence[np.ndarray]] = {}
    for depth, layer in enumerate(shape.layers):
        share = (depth + 1) / len(shape.layers)
        own, blur, other = (rng.normal(size=(12, 20)) for _ in range(3))
        clean = share * words + 0.5 * own
        attack = clean - loss * share * words + loss * share * other
        layers[layer] = [clean, clean + 0.02 * blur, attack]
    return evidence_of(words, layers, conditions=("clean", "noise", "attack")).arrays()


def _word(label: str) -> str:
    return label.partition(",")[0].split()[-1]


def _pictures(shape: Shape, seed: int, distance: float) -> dict[str, np.ndarray]:
    """Gradients of colour, each its own, with noise."""
    down, across = np.mgrid[0 : shape.size, 0 : shape.size] / shape.size
    planes = [
        (down, across, 1 - down),
        (across, 1 - down, down),
        (1 - across, down, across),
        (down, 1 - across, across),
    ]
    size = min(distance, 8 / 255)
    return {
        "index": np.arange(shape.skipped, shape.skipped + 4),
        "clean": (np.array(planes) * 255).astype(np.uint8),
        "delta": stream(seed, "pictures").uniform(-size, size, (4, 3, shape.size, shape.size)).astype(np.float16),
    }


def _samples(shape: Shape, fooled: int, distance: float) -> pl.DataFrame:
    count = len(shape.labels)
    names = [label.partition(",")[0] for label in shape.labels]
    won = [shape.skipped <= index < shape.skipped + fooled for index in range(count)]
    wrong = [(index + 7) % count for index in range(count)]
    prediction = [wrong[i] if won[i] or i < shape.skipped else i for i in range(count)]
    status = ["skipped_misclassified" if i < shape.skipped else "success" if won[i] else "failed" for i in range(count)]
    return pl.DataFrame({
        "sample_id": [f"image-{index}" for index in range(count)],
        "label": list(range(count)),
        "label_name": names,
        "clean_prediction": [wrong[i] if i < shape.skipped else i for i in range(count)],
        "prediction": prediction,
        "prediction_name": [names[index] for index in prediction],
        "target": pl.Series([None] * count, dtype=pl.Int64),
        "status": status,
        "success": won,
        "success_8bit": won,
        "distance": [distance if each else 0.0 for each in won],
        "linf": [distance if each else 0.0 for each in won],
        "l2": [distance * 30 if each else 0.0 for each in won],
        "margin": [-3.0 if each else 2.0 for each in won],
    })  # fmt: skip


def _conditions(layers: pl.DataFrame) -> pl.DataFrame:
    """Mean drift by the trapezoid rule, and the first layer of each kind of damage."""
    kinds = {
        "first_eroding": pl.col("verdict").is_in(["eroded", "collapsed"]),
        "first_collapsing": pl.col("verdict") == "collapsed",
        "first_hijacked": pl.col("hijacked"),
    }
    rows = []
    for condition in ("noise", "attack"):
        table = layers.filter(pl.col("condition") == condition)
        area = float(np.trapezoid(table["drift"].to_numpy())) / max(1, len(table) - 1)
        firsts = [next(iter(table.filter(kind)["layer"]), None) for kind in kinds.values()]
        rows.append((condition, area, *firsts))
    schema = {"condition": pl.String, "area": pl.Float64, **dict.fromkeys(kinds, pl.String)}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _concepts(shape: Shape, layers: pl.DataFrame, tried: int, concepts: int) -> pl.DataFrame:
    kept = shape.labels[len(shape.labels) - tried :][:concepts]
    rows = [
        (row["layer"], row["condition"], label, _word(label),
         max(0.0, row["two_vs_two"] - (0.03 * (place % 9) if row["condition"] == "attack" else 0.0)),
         0.1 * (place % 9) if row["condition"] == "attack" else 0.0,
         0.06 if row["verdict"] in {"eroded", "collapsed"} and place % 9 > 4 else 1.0)
        for row in layers.iter_rows(named=True)
        for place, label in enumerate(kept)
    ]  # fmt: skip
    return pl.DataFrame(
        rows, schema=["layer", "condition", "concept", "word", "two_vs_two", "loss", "loss_q"], orient="row"
    )


def _references(shape: Shape, layers: pl.DataFrame) -> pl.DataFrame:
    """The words' own curve, less of it for further word spaces, and pixels to which early layers are aligned."""
    plain = layers.select(
        "layer", "condition", "alignment", "alignment_p", "alignment_p_adjusted",
        (0.9 * pl.col("alignment")).alias("beyond_pixels"), "drift", "drift_ci_low", "drift_ci_high",
    )  # fmt: skip
    pixels = plain.with_columns(alignment=0.3 - pl.col("alignment"), beyond_pixels=pl.lit(None, pl.Float64))
    spaces = [*shape.words, *(["mean of word spaces"] if len(shape.words) > 1 else [])]
    tables = {
        name: plain.with_columns(alignment=(1 - 0.1 * place) * pl.col("alignment")) for place, name in enumerate(spaces)
    }
    return pl.concat(
        table.select(pl.lit(name).alias("reference"), pl.all()) for name, table in (tables | {"pixels": pixels}).items()
    )


def _agreement(shape: Shape) -> pl.DataFrame:
    names = [*shape.words, "pixels"]
    rows = [
        (one, other, value, 0.05, value - 0.1, value + 0.1)
        for place, one in enumerate(names)
        for other in names[place + 1 :]
        for value in [0.04 if other == "pixels" else 0.6 + 0.01 * place]
    ]
    schema = ["first", "second", "correlation", "se", "ci_low", "ci_high"]
    return pl.DataFrame(rows, schema=schema, orient="row")


def _trace(shape: Shape, layers: pl.DataFrame) -> pl.DataFrame:
    """Four images whose word comes up with depth on clean images and is lost under attack."""
    labels = shape.labels[shape.skipped :][:4]
    rows = [
        (place, label, row["layer"], row["condition"],
         [_word(label) if row["alignment"] > 0.2 else "object", "thing", "stuff"],
         [0.5, 0.3, 0.2], 1 if row["alignment"] > 0.2 else 9)
        for place, label in enumerate(labels)
        for row in layers.iter_rows(named=True)
    ]  # fmt: skip
    return pl.DataFrame(
        rows, schema=["image", "concept", "layer", "condition", "says", "similarity", "rank"], orient="row"
    )


def _words(shape: Shape, tried: int, concepts: int) -> pl.DataFrame:
    present = shape.labels[len(shape.labels) - tried :]
    rows = []
    for index, label in enumerate(present):
        name = label.partition(",")[0]
        step = "dropped" if index >= concepts else "tokens" if " " in name else "exact"
        words = "" if step == "dropped" else name.replace(" ", " + ")
        rows.append((index, label, step, words, "no known spelling" if step == "dropped" else ""))
    schema = ["space", "index", "label", "step", "words", "note"]
    return pl.DataFrame([("glove-6b-50d", *row) for row in rows], schema=schema, orient="row")
