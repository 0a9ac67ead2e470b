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


def test_the_summary_tells_what_became_of_the_labels():
    labels = [*LABELS, "crane, fox"]
    assert str(resolve(labels, SPACE)) == repr(resolve(labels, SPACE))
    assert str(resolve(labels, SPACE)).splitlines() == [
        "3 of 5 labels have a word in toy (60.0%)",
        "  exact          1",
        "  other_name     1  'crane, fox' -> fox",
        "  tokens         1  'kit fox' -> kit + fox",
        "  dropped        2",
        "    'Crane' (index 0): same word as crane (index 2)",
        "    'nothing' (index 3): no spelling is in toy",
        "  gave way       1",
        "    'crane, fox' (index 4) -> fox: same word as crane (index 2)",
        ".table() has every label, .explain(label) every spelling that was tried",
    ]


def test_the_summary_stays_short_for_many_labels():
    text = str(resolve([*LABELS, *(f"n{place}" for place in range(2000))], SPACE))
    assert "  dropped     2002" in text.splitlines()
    assert "    ... and 1992 more" in text.splitlines()
    assert len(text.splitlines()) < 20


def test_words_can_be_given_up():
    found = resolve(LABELS, SPACE)
    fewer = found.without({1: "a reason", 3: "not this one"})
    assert (fewer.indices, fewer.words, fewer.vectors.tolist()) == ((2,), ("crane",), [[1, 0]])
    assert (fewer.rows[1].words, fewer.rows[1].note) == ((), "a reason")
    assert fewer.rows[3] == found.rows[3]
    assert fewer.explain("kit fox").splitlines()[-2:] == ["tokens 'kit' + 'fox': used.", "dropped: a reason."]
    assert found.indices == (1, 2)


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
