"""The way from labels to words: order, duplicates, audit."""

from __future__ import annotations

import numpy as np
import pytest

from advwindow.errors import UserError
from advwindow.imagenet import imagenet_label_names
from advwindow.words import Step, WordSpace, load_words, resolve
from tests.words.helpers import toy_space


def outcome(labels, space, **options):
    return [(row.step.value, " + ".join(row.words)) for row in resolve(labels, space, **options).rows]


E_ = np.eye(12).tolist()
TABLE = {
    word: E_[place]
    for place, word in enumerate(
        ["tench", "Band_Aid", "kit", "fox", "vulpes", "hound", "sealion", "crane", "heron", "cell", "Cell", "ray"]
    )
}


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("tench, Tinca tinca", ("exact", "tench")),
        ("Tench", ("variant", "tench")),
        ("band aid", ("variant", "Band_Aid")),
        ("sea lion", ("variant", "sealion")),
        ("Tinca tinca, tench", ("other_name", "tench")),
        ("red kite, Sea-lion, tench", ("other_name", "sealion")),
        ("kit fox, Vulpes macrotis", ("tokens", "kit + fox")),
        ("Kit-Fox", ("tokens", "kit + fox")),
        ("Vulpes macrotis, fox's kit", ("tokens", "fox + kit")),
        ("leafhopper", ("dropped", "")),
        ("", ("dropped", "")),
    ],
)
def test_a_label_ends_at_the_first_step_that_holds(label, expected):
    assert outcome([label], toy_space(TABLE)) == [expected]


def test_in_a_lower_cased_space_only_lower_case_is_tried() -> None:
    calls: list[set[str]] = []
    space = toy_space({"kit fox": (1, 0)}, lowercase=True, calls=calls)
    assert outcome(["Kit Fox"], space) == [("variant", "kit fox")]
    assert {word for word in calls[0] if word != word.lower()} == {"Kit Fox"}


def test_the_space_is_searched_once() -> None:
    calls: list[set[str]] = []
    resolve(["kit fox", "crane", "nothing at all"], toy_space(TABLE, calls=calls), overrides={"crane": "heron"})
    assert len(calls) == 1


def test_tokens_give_the_mean_of_unit_vectors():
    space = toy_space({"kit": (3.0, 4.0), "fox": (0.0, 1e200)})
    resolution = resolve(["kit fox"], space)
    assert resolution.vectors == pytest.approx(np.array([[0.3, 0.9]]), rel=1e-12)
    assert resolution.words == ("kit + fox",)


def test_one_word_keeps_its_vector_as_it_is():
    space = toy_space({"kit": (3.0, 4.0)})
    assert resolve(["kit"], space).vectors.tolist() == [[3.0, 4.0]]


class TestDuplicates:
    def test_an_exact_name_beats_an_earlier_label_that_reaches_the_word_by_another_name(self):
        space = toy_space({"partridge": (1, 0), "ruffed": (0, 1), "grouse": (1, 1)})
        found = resolve(["ruffed grouse, partridge", "partridge"], space)
        assert [row.words for row in found.rows] == [("ruffed", "grouse"), ("partridge",)]

    def test_the_first_label_keeps_the_word_and_the_later_takes_another_name(self):
        labels = ["crane", "crane", "crane, heron"]
        resolution = resolve(labels, toy_space(TABLE))
        assert [row.step for row in resolution.rows] == [Step.EXACT, Step.DROPPED, Step.OTHER_NAME]
        assert resolution.indices == (0, 2)
        assert resolution.words == ("crane", "heron")
        assert resolution.rows[1].note == "same word as crane (index 0)"
        assert resolution.rows[2].note == "same word as crane (index 0)"

    def test_another_case_of_a_taken_name_is_not_another_word(self):
        assert outcome(["cell", "cell"], toy_space(TABLE)) == [("exact", "cell"), ("dropped", "")]

    def test_tokens_of_a_taken_name_are_not_another_word(self):
        table = {"sea lion": (1, 0, 0), "sea": (0, 1, 0), "lion": (0, 0, 1)}
        assert outcome(["sea lion", "sea_lion"], toy_space(table)) == [("exact", "sea lion"), ("dropped", "")]

    def test_the_same_tokens_in_another_order_are_the_same_word(self):
        rng = np.random.default_rng(0)
        space = toy_space({word: rng.normal(size=9).tolist() for word in ("big", "house", "boat")})
        resolution = resolve(["big house boat", "house boat big"], space)
        assert [row.step for row in resolution.rows] == [Step.TOKENS, Step.DROPPED]
        assert resolution.rows[1].note == "same word as big house boat (index 0)"

    def test_different_words_with_one_vector_are_told(self):
        space = toy_space({"sunglass": (1, -0.0), "sunglasses": (1, 0.0), "shades": (0, 1)})
        resolution = resolve(["sunglass", "sunglasses", "sunglasses, shades"], space)
        assert [row.step for row in resolution.rows] == [Step.EXACT, Step.DROPPED, Step.OTHER_NAME]
        assert resolution.rows[1].note == "same vector as sunglass (index 0)"

    def test_no_two_labels_ever_share_a_vector(self):
        resolution = resolve([*TABLE, *TABLE, "kit fox", "fox kit", "Crane"], toy_space(TABLE))
        assert len(np.unique(resolution.vectors, axis=0)) == len(resolution.indices) == len(TABLE) + 1

    def test_an_override_goes_before_what_is_found_automatically(self):
        resolution = resolve(["crane", "machine, heron"], toy_space(TABLE), overrides={"machine, heron": "crane"})
        assert [(row.step, row.words) for row in resolution.rows] == [
            (Step.DROPPED, ()),
            (Step.OVERRIDE, ("crane",)),
        ]
        assert resolution.rows[0].note == "same word as machine, heron (index 1)"

    def test_an_override_does_not_change_the_order_of_the_result(self):
        resolution = resolve(["tench", "fox", "ray"], toy_space(TABLE), overrides={"ray": "heron"})
        assert resolution.indices == (0, 1, 2)
        assert [TABLE[word] for word in ("tench", "fox", "heron")] == resolution.vectors.tolist()

    def test_an_override_of_equal_labels_serves_the_first(self):
        resolution = resolve(["crane", "crane"], toy_space(TABLE), overrides={"crane": "heron"})
        assert [row.words for row in resolution.rows] == [("heron",), ("crane",)]


@pytest.mark.parametrize("bad", [(0.0, 0.0), (np.nan, 1.0), (np.inf, 1.0), (-0.0, 0.0)])
def test_zero_and_non_finite_vectors_are_never_used(bad):
    space = toy_space({"ray": bad, "Ray": (1.0, 0.0), "sting": (0.0, 1.0), "manta": bad})
    resolution = resolve(["ray", "sting manta", "manta"], space)
    assert [(row.step, row.words) for row in resolution.rows] == [
        (Step.VARIANT, ("Ray",)),
        (Step.DROPPED, ()),
        (Step.DROPPED, ()),
    ]
    assert "the vector of 'manta' is" in resolution.rows[1].note
    assert np.isfinite(resolution.vectors).all()


def test_tokens_that_cancel_out_are_never_used():
    row = resolve(["hot cold"], toy_space({"hot": (2, 0), "cold": (-1, 0)})).rows[0]
    assert (row.step, row.note) == (Step.DROPPED, "the mean of 'hot' + 'cold' is zero")


@pytest.mark.parametrize("seed", range(5))
def test_shuffled_labels_give_the_same_words_shuffled(seed):
    labels = [*TABLE, "kit fox, Vulpes macrotis", "nothing", "Tinca tinca, nobody", "ray hound"]
    labels.remove("Cell")
    order = np.random.default_rng(seed).permutation(len(labels))
    straight, shuffled = resolve(labels, toy_space(TABLE)), resolve([labels[i] for i in order], toy_space(TABLE))
    for place, index in enumerate(order):
        assert (shuffled.rows[place].step, shuffled.rows[place].words) == (
            straight.rows[index].step,
            straight.rows[index].words,
        )
    vector_of = dict(zip(straight.indices, straight.vectors, strict=True))
    for place, vector in zip(shuffled.indices, shuffled.vectors, strict=True):
        assert np.array_equal(vector, vector_of[order[place]])


def test_words_and_vectors_stay_in_label_order_where_the_alphabet_would_not():
    labels = ["tench", "nothing", "fox", "crane", "Band_Aid"]
    resolution = resolve(labels, toy_space(TABLE))
    assert resolution.indices == (0, 2, 3, 4)
    assert resolution.words == ("tench", "fox", "crane", "Band_Aid")
    assert [TABLE[word] for word in resolution.words] == resolution.vectors.tolist()


def test_nothing_found_is_an_empty_result_not_an_error():
    resolution = resolve(["nothing", "nobody"], toy_space(TABLE))
    assert (resolution.vectors.shape, resolution.coverage, resolution.indices) == ((0, 12), 0.0, ())


@pytest.mark.parametrize(
    ("labels", "overrides", "message"),
    [
        ([], None, "no labels"),
        ("crane", None, "no labels"),
        (["crane"], {"crain": "heron"}, "override for an unknown label: got 'crain'.*did you mean 'crane'"),
        (["crane"], {"crane": "Heron"}, "override of 'crane' cannot be used: 'Heron' not in toy: got 'Heron'"),
        (["crane"], {"crane": "zero"}, "the vector of 'zero' is zero"),
    ],
)
def test_mistakes_are_told(labels, overrides, message):
    with pytest.raises(UserError, match=message):
        resolve(labels, toy_space(TABLE | {"zero": [0.0] * 12}), overrides=overrides)


def test_a_space_that_gives_another_shape_is_told():
    space = WordSpace("odd", 3, "", lambda wanted: {word: np.ones(2) for word in wanted})
    with pytest.raises(UserError, match=r"word space odd gives a wrong vector.*expected shape \(3,\)"):
        resolve(["crane"], space)


@pytest.mark.samples
def test_all_of_imagenet_is_accounted_for():
    resolution = resolve(imagenet_label_names(), load_words("glove-6b-50d"))
    assert len(resolution.rows) == 1000
    assert resolution.coverage == 0.985
    dropped = {row.label: row.note for row in resolution.rows if row.step == Step.DROPPED}
    assert {"dowitcher", "komondor", "pickelhaube"} <= set(dropped)
    assert dropped["dowitcher"] == "no spelling is in glove-6b-50d"
    assert resolution.rows[134].words == ("crane",)
    assert resolution.rows[517].note == "same word as crane, n02012849 (index 134)"
    assert (resolution.rows[638].words, resolution.rows[639].words) == (("maillot",), ("tank", "suit"))
    assert resolution.rows[278].words == ("kit", "fox")
    assert len(np.unique(resolution.vectors, axis=0)) == 985
