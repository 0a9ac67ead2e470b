"""The audit: table, coverage, explanation."""

from __future__ import annotations

import polars as pl
import pytest

from advwindow.errors import UserError
from advwindow.words import resolve
from tests.words.helpers import toy_space

SPACE = toy_space({"crane": (1, 0), "kit": (0, 1), "fox": (1, 1)}, lowercase=True)
LABELS = ["Crane", "kit fox", "crane", "nothing"]


def test_the_table_has_a_row_per_label():
    table = resolve(LABELS, SPACE).table()
    assert table.schema == {
        "index": pl.Int64,
        "label": pl.String,
        "step": pl.String,
        "words": pl.String,
        "note": pl.String,
    }
    assert table.rows() == [
        (0, "Crane", "dropped", "", "same word as crane (index 2)"),
        (1, "kit fox", "tokens", "kit + fox", ""),
        (2, "crane", "exact", "crane", ""),
        (3, "nothing", "dropped", "", "no spelling is in toy"),
    ]


def test_coverage_is_the_kept_fraction():
    assert resolve(LABELS, SPACE).coverage == 0.5


def test_a_word_explains_itself():
    assert resolve(LABELS, SPACE).explain("kit fox").splitlines() == [
        "kit fox (index 1)",
        "exact 'kit fox': 'kit fox' not in toy.",
        "variant 'kit_fox': 'kit_fox' not in toy.",
        "variant 'kit-fox': 'kit-fox' not in toy.",
        "variant 'kitfox': 'kitfox' not in toy.",
        "tokens 'kit' + 'fox': used.",
    ]


def test_a_dropped_label_explains_itself():
    assert resolve(LABELS, SPACE).explain("Crane").splitlines() == [
        "Crane (index 0)",
        "exact 'Crane': 'Crane' not in toy.",
        "variant 'crane': same word as crane (index 2).",
        "dropped: same word as crane (index 2).",
    ]


def test_equal_labels_are_explained_one_after_the_other():
    text = resolve(["crane", "crane"], SPACE).explain("crane")
    assert [line for line in text.splitlines() if line.startswith("crane")] == ["crane (index 0)", "crane (index 1)"]


def test_an_unknown_label_is_told():
    with pytest.raises(UserError, match=r"unknown label: got 'crain'.*did you mean 'crane'"):
        resolve(LABELS, SPACE).explain("crain")
    with pytest.raises(UserError, match="use one of the 4 labels"):
        resolve(LABELS, SPACE).explain("xyzzy")
