"""What finished cells keep to compute their statistics again, layer by layer: whole, it may not fit into memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from advwindow.window import Evidence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advwindow.runs.directory import RunDirectory
    from advwindow.runs.spec import CellSpec


def layer_evidence(run: RunDirectory, spec: CellSpec, layer: str) -> Evidence:
    """What a cell holds of one layer; of none if it has no such layer.

    Args:
        run: where the cell is.
        spec: a finished cell.
        layer: its full name.
    """
    own = f"layers/{layer}/"
    arrays, metadata = run.arrays(
        spec, "grams", wanted=lambda key: not key.startswith("layers/") or key.startswith(own)
    )
    told = json.loads(metadata["evidence"])
    told["layers"] = [name for name in told["layers"] if name == layer]
    return Evidence.from_arrays(arrays, metadata | {"evidence": json.dumps(told)})


def kept_facts(run: RunDirectory, spec: CellSpec) -> dict[str, list[str]]:
    """Names of what a cell holds: layers, conditions, concepts, words by space."""
    told = json.loads(run.arrays(spec, "grams", wanted=lambda _: False)[1]["evidence"])
    assert isinstance(told, dict)
    return told


def kept_layers(run: RunDirectory, specs: Sequence[CellSpec]) -> list[str]:
    """Layers of all cells, in the order of the network."""
    return list(dict.fromkeys(layer for spec in specs for layer in kept_facts(run, spec)["layers"]))
