"""Labels that have a word in several spaces."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from advwindow.errors import UserError
from advwindow.words import common, resolve, similarity_space
from tests.words.helpers import toy_space

LABELS = ["tench", "kit fox", "nothing", "crane", "heron"]
GLOVE = dataclasses.replace(
    toy_space({"tench": (1, 0, 0), "kit": (0, 1, 0), "fox": (0, 0, 1), "crane": (1, 1, 0)}), name="glove"
)
PEOPLE = similarity_space("people", ["heron", "crane", "tench", "kit fox"], np.eye(4) + 1)


def test_all_spaces_keep_the_same_labels_in_order():
    found = common(LABELS, [GLOVE, PEOPLE])
    glove, people = found.resolutions
    assert found.indices == glove.indices == people.indices == (0, 1, 3)
    assert (glove.words, people.words) == (("tench", "kit + fox", "crane"), ("tench", "kit fox", "crane"))
    assert glove.vectors.tolist() == resolve([LABELS[index] for index in found.indices], GLOVE).vectors.tolist()
    assert people.inner(people.vectors, people.vectors).tolist() == (np.eye(3) + 1).tolist()
    assert people.vectors.shape == (3, 4)


def test_the_account_says_who_was_dropped_by_which_space():
    found = common(LABELS, [GLOVE, PEOPLE])
    assert found.lost == {2: ("glove", "people"), 4: ("glove",)}
    assert found.table().rows() == [
        (0, "tench", "", "tench", "tench"),
        (1, "kit fox", "", "kit + fox", "kit fox"),
        (2, "nothing", "glove, people", "", ""),
        (3, "crane", "", "crane", "crane"),
        (4, "heron", "glove", "", ""),
    ]
    assert str(found).splitlines() == [
        "3 of 5 labels have a word in each of glove, people",
        "  no word in glove, people: 1",
        "    'nothing' (index 2)",
        "  no word in glove: 1",
        "    'heron' (index 4)",
        ".table() has every label, .resolutions[i].explain(label) what was tried in a space",
    ]


def test_each_resolution_says_why_it_gave_a_word_up():
    people = common(LABELS, [GLOVE, PEOPLE]).resolutions[1]
    assert people.coverage == 0.6
    assert people.rows[4].note == "no word in glove"
    assert people.rows[2].note == "no spelling is in people"
    assert people.explain("heron").splitlines()[1:] == ["exact 'heron': used.", "dropped: no word in glove."]


def test_long_lists_are_cut():
    found = common([f"n{place}" for place in range(12)], [GLOVE])
    assert "    ... and 2 more" in str(found).splitlines()
    assert (found.indices, found.resolutions[0].vectors.shape) == ((), (0, 3))


def test_one_space_is_the_resolution_itself():
    (alone,) = common(LABELS, [GLOVE], overrides={"heron": "fox"}).resolutions
    straight = resolve(LABELS, GLOVE, overrides={"heron": "fox"})
    assert (alone.rows, alone.indices) == (straight.rows, straight.indices)


@pytest.mark.parametrize("spaces", [[], [GLOVE, GLOVE], [GLOVE, PEOPLE, dataclasses.replace(PEOPLE, name="glove")]])
def test_no_spaces_and_equal_names_are_told(spaces):
    with pytest.raises(UserError, match=r"word spaces to compare.*different names"):
        common(LABELS, spaces)
