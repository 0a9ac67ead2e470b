"""Cells to test with."""

from __future__ import annotations

import numpy as np
import polars as pl

from advwindow.runs import TABLES, CellResult, CellSpec


def spec(**changes) -> CellSpec:
    facts = {
        "model": "py:nets:make",
        "model_sha256": "a" * 64,
        "images": "npz:x.npz",
        "images_sha256": "b" * 64,
        "words": ("npz:w.npz",),
        "words_sha256": ("c" * 64,),
        "attack": "pgd",
        "parameters": {"steps": 10},
        "norm": "linf",
        "eps": "8/255",
        "target": "",
        "seed": 0,
        "layers": (),
        "pooling": "mean",
        "similarity": "pearson",
        "measure": "spearman",
        "permutations": 999,
    }
    return CellSpec.model_validate(facts | changes)


def result(number: float = 0.5) -> CellResult:
    table = pl.DataFrame({"value": [number]})
    return CellResult(
        summary={"robust_accuracy": number, "caveats": ["few"]},
        tables=dict.fromkeys(TABLES, table),
        grams=({"block/gram": np.eye(3)}, {"evidence": "{}"}),
        pictures={"clean": np.zeros((1, 3, 2, 2), np.uint8)},
    )
