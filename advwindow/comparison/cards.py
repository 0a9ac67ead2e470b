"""A card for each entry, for machines: what was tested, how, and what came out."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import polars as pl

from advwindow.comparison.audits import audits_of, failed_audits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from advwindow.comparison.compare import Comparison
    from advwindow.comparison.entries import Entry

#: Raise it when a card's fields change.
CARD_VERSION = 1

_COST = ("seconds", "forwards", "backwards")
_MEANING = ("retention", "layers", "unanchored", "intact", "eroded", "collapsed", "hijacked")


def cards(comparison: Comparison) -> list[dict[str, Any]]:
    """One card per entry, after the model cards of RobustBench (Croce 2021, arXiv 2010.09670), as plain JSON values.

    Each holds ``name``, ``model``, ``defense``, ``draws``, ``hashes`` (SHA-256 of weights with the defence, of images,
    of word spaces), ``images`` (reference and number), ``clean_accuracy``, ``results`` (one per budget: threat model,
    accuracy under every kind of attack, cost, what survives of the meaning, attacks), ``audits``, ``certificate``,
    ``callouts``, ``notes``, ``versions``, ``run``. An accuracy is ``{"share", "low", "high", "n"}`` in [0, 1] with
    Wilson's 95 % interval, or null where there was no such attack.

    Args:
        comparison: the whole.
    """
    return [_card(comparison, entry) for entry in comparison.entries]


def card_json(card: Mapping[str, Any]) -> str:
    """A card as indented JSON."""
    return json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _card(comparison: Comparison, entry: Entry) -> dict[str, Any]:
    spec, manifest = entry.spec, entry.run.manifest()
    rows = comparison.matrix.filter(pl.col("entry") == entry.name).to_dicts()
    contrasts = comparison.contrasts.filter((pl.col("entry") == entry.name) & pl.col("called_out"))
    failed = [sentence for _, sentence in failed_audits([entry])]
    return {
        "card_version": CARD_VERSION,
        "name": entry.name,
        "model": spec.model,
        "defense": spec.defense,
        "draws": max(cell.spec.draws for cell in entry.cells),
        "hashes": {
            "model": spec.model_sha256,
            "images": spec.images_sha256,
            "words": dict(zip(spec.words, spec.words_sha256, strict=True)),
        },
        "images": {"reference": spec.images, "n": len(entry.ids)},
        "clean_accuracy": _accuracy(rows[0], "clean"),
        "results": [_result(comparison, row) for row in rows],
        "audits": _audits(entry),
        "certificate": entry.certificate,
        "callouts": [*contrasts["sentence"], *failed],
        "notes": list(comparison.notes),
        "versions": manifest.get("versions", {}),
        "run": {
            "name": entry.run.path.name,
            "plan": entry.run.plan_id,
            "created": manifest.get("created", ""),
            "git": manifest.get("git", {}),
            "seeds": sorted({cell.spec.seed for cell in entry.cells}),
        },
    }


def _result(comparison: Comparison, row: Mapping[str, Any]) -> dict[str, Any]:
    attacks = comparison.attacks.filter(
        (pl.col("entry") == row["entry"]) & (pl.col("norm") == row["norm"]) & (pl.col("eps") == row["eps"])
    )
    return {
        "threat_model": {
            "norm": row["norm"],
            "eps": row["eps"],
            "eps_value": row["eps_value"] if math.isfinite(row["eps_value"]) else None,
        },
        "robust_accuracy": _accuracy(row, "robust"),
        **{f"{kind}_accuracy": _accuracy(row, kind) for kind in ("oblivious", "adaptive", "black_box")},
        "cost": {name: row[name] for name in _COST},
        "meaning": {"under": row["strongest"], **{name: row[name] for name in _MEANING}},
        "attacks": [
            {
                "name": attack["attack"],
                "parameters": json.loads(attack["parameters"]),
                "access": attack["access"],
                "robust_accuracy": _accuracy(attack, "robust"),
                "cost": {name: attack[name] for name in _COST},
            }
            for attack in attacks.iter_rows(named=True)
        ],
    }


def _accuracy(row: Mapping[str, Any], name: str) -> dict[str, float | int] | None:
    if row[name] is None:
        return None
    return {"share": row[name], "low": row[f"{name}_low"], "high": row[f"{name}_high"], "n": row["images"]}


def _audits(entry: Entry) -> list[dict[str, Any]]:
    return [
        {
            "cell": cell.spec.cell_id,
            "attack": audit.attack,
            "budget": audit.budget,
            "level": audit.level,
            "verdict": audit.worst,
            "fired": [finding.code for finding in audit.fired],
        }
        for cell, audit in audits_of(entry)
    ]
