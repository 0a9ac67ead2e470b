"""Spaces given by similarities: labelled matrices from files and from memory."""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from advwindow.errors import UserError
from advwindow.words import Step, WordSpace, resolve, similarity_space
from advwindow.words.similarities import matrix
from tests.words.helpers import toy_space

WORDS = ("kit", "fox", "naïve, truly", "crane")
SIMILAR = np.array([[1, 0.25, -0.5, 0], [0.25, 1, 0.125, 0], [-0.5, 0.125, 2, 0], [0, 0, 0, 0.5]])


def save(path, words=WORDS, numbers=SIMILAR, *, key="words"):
    np.savez(path, **{key: np.array(list(words)), "matrix": numbers})
    return path


def table(words=WORDS, numbers=SIMILAR, delimiter=","):
    quoted = [f'"{word}"' for word in words]
    rows = [[word, *map(repr, row)] for word, row in zip(quoted, np.asarray(numbers).tolist(), strict=True)]
    return "".join(delimiter.join(row) + "\n" for row in [["", *quoted], *rows])


def similarities(space, words):
    assert space.similarities is not None
    return space.similarities(words)


@pytest.mark.parametrize("key", ["words", "labels"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_npz_gives_its_numbers(tmp_path, key, dtype):
    path = save(tmp_path / "people.npz", numbers=SIMILAR.astype(dtype), key=key)
    space = matrix(path)
    assert (space.name, space.dim) == ("people", 0)
    assert space.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert set(space.find(["fox", "kit", "absent"])) == {"fox", "kit"}
    assert similarities(space, ["crane", "kit", "fox"]).tolist() == SIMILAR[np.ix_([3, 0, 1], [3, 0, 1])].tolist()


@pytest.mark.parametrize(("name", "delimiter"), [("w.csv", ","), ("w.tsv", "\t"), ("other.dat", "\t")])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\n\n"])
def test_a_table_gives_its_numbers(tmp_path, name, delimiter, pack, ends):
    (tmp_path / name).write_bytes(pack(b"\xef\xbb\xbf" + table(delimiter=delimiter).replace("\n", ends).encode()))
    space = matrix(tmp_path / name)
    assert similarities(space, WORDS).tolist() == SIMILAR.tolist()


def test_distances_become_similarities(tmp_path):
    distances = np.array([[0, 1, 4], [1, 0, 2], [4, 2, 0]])
    space = matrix(save(tmp_path / "w.npz", "abc", distances), kind="distance")
    assert similarities(space, "abc").tolist() == [[1, 0.75, 0], [0.75, 1, 0.5], [0, 0.5, 1]]


def test_rounding_is_forgiven_and_removed():
    numbers = np.eye(3) + 0.25
    numbers[0, 1] += 1e-7
    similar = similarities(similarity_space("toy", "abc", numbers), "abc")
    assert np.array_equal(similar, similar.T)
    assert similar == pytest.approx(np.eye(3) + 0.25, abs=1e-7)


def test_the_space_keeps_its_own_copy():
    numbers = np.eye(2)
    space = similarity_space("toy", "ab", numbers)
    numbers[0, 1] = 7
    similarities(space, "ab")[0, 1] = 7
    assert similarities(space, "ab").tolist() == [[1, 0], [0, 1]]


def test_the_identity_in_memory_follows_words_numbers_and_kind():
    def made(words="ab", off=0.5, kind="similarity"):
        same = 1.0 if kind == "similarity" else 0.0
        return similarity_space("toy", words, [[same, off], [off, same]], kind=kind).sha256

    assert made() == made()
    assert len({made(), made("ba"), made(off=0.25), made(off=0.5, kind="distance")}) == 4


def near(value):
    return [[1.0, 0.0, 0.0], [0.0, 1.0, value], [0.0, 0.0, 1.0]]


@pytest.mark.parametrize(
    ("words", "numbers", "kind", "message"),
    [
        ("abc", np.eye(2), "similarity", r"not a matrix between its labels.*shape \(2, 2\) for 3 labels"),
        ("abc", np.ones((3, 2)), "similarity", "not a matrix between its labels"),
        ("abc", np.eye(3) * 1j, "similarity", "not a matrix between its labels.*complex"),
        ("abc", [[1], [2, 3], [4]], "similarity", "not a matrix between its labels"),
        ("a", [[1]], "similarity", "V >= 2"),
        ("aba", np.eye(3), "similarity", "a label occurs twice.*'a' as label 1 and 3"),
        (["a", " "], np.eye(2), "similarity", "label 2 of the matrix is empty"),
        ("abc", near(np.nan), "similarity", "NaN or infinite.*nan for 'b' and 'c'"),
        ("abc", near(-np.inf), "similarity", "-inf for 'b' and 'c'"),
        ("abc", near(1e-3), "similarity", "not symmetric.*0.001 for 'b' and 'c', 0 for 'c' and 'b'"),
        ("ab", [[1, 2], [2, 1]], "similarity", "more similar to another.*2 for 'a' and 'b', 1 for 'a' and 'a'"),
        ("ab", [[0, 2], [2, 0]], "similarity", "not similar to itself.*0 for 'a' and 'a'.*kind=distance"),
        ("ab", [[-1, -2], [-2, -1]], "similarity", "not similar to itself"),
        ("ab", np.eye(2), "distance", "not distances.*1 for 'a' and 'a'"),
        ("ab", [[0, -1], [-1, 0]], "distance", "not distances.*-1 for 'a' and 'b'"),
        ("ab", np.zeros((2, 2)), "distance", "all distances are zero"),
    ],
)
def test_wrong_matrices_are_told_with_their_place(tmp_path, words, numbers, kind, message):
    with pytest.raises(UserError, match=message):
        similarity_space("toy", words, numbers, kind=kind)
    if isinstance(numbers, np.ndarray):
        with pytest.raises(UserError, match=f"word file .*w.npz: {message}"):
            matrix(save(tmp_path / "w.npz", list(words), numbers), kind=kind)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"words": np.array(["a", "b"])}, "matrix is not a file in the archive"),
        ({"matrix": np.eye(2)}, "words is not a file in the archive"),
        ({"words": np.array(["a", "b"], object), "matrix": np.eye(2)}, "cannot be read.*allow_pickle"),
        ({"words": np.array([b"a", b"b"]), "matrix": np.eye(2)}, "array words: not a list of words"),
    ],
)
def test_wrong_arrays_are_told(tmp_path, arrays, message):
    np.savez(tmp_path / "w.npz", **arrays)
    with pytest.raises(UserError, match=message):
        matrix(tmp_path / "w.npz")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (",a,b\na,1,0\nc,0,1\n", "row 2: not the label of its column: got 'c'; expected 'b'"),
        (",a,b\nb,1,0\na,0,1\n", "row 1: not the label of its column: got 'b'.*same order"),
        (",a,b\na,1,0\n", "row 1: the file ends: expected 2 rows"),
        (",a,b\na,1,0\nb,0,1\nc,0,1\n", "row 3: not the label of its column: got 'c'; expected '2 rows'|2 rows"),
        (",a,b\na,1\nb,0,1\n", "row 1: wrong length: got '1 numbers'; expected 2"),
        (",a,b\na,1,x\nb,0,1\n", r"row 1 \(a\): could not convert"),
        (",a,b\na,1,\nb,0,1\n", r"row 1 \(a\): could not convert"),
        (';a;b\na;"1,0";"0,0"\n', "line 1: no labels"),
        (',"a,b\n', "line 1"),
        ("one line of prose\n", "line 1: no labels"),
    ],
)
def test_wrong_tables_are_told(tmp_path, text, message):
    (tmp_path / "w.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        matrix(tmp_path / "w.csv")


@pytest.mark.parametrize("content", [b"\xff\xd8\xff\xe0", b"\x80\x04\x95", b",a,\xe9\na,1,0\n"])
def test_files_of_other_kinds_are_told(tmp_path, content):
    (tmp_path / "w.csv").write_bytes(content)
    with pytest.raises(UserError, match=r"not a word file|not UTF-8"):
        matrix(tmp_path / "w.csv")


class TestResolved:
    LABELS = ("kit fox", "hound", "sea-lion", "nothing", "Fox", "lion crane fox")

    def test_inner_products_are_those_of_vectors_with_the_same_similarities(self):
        names = ["kit", "fox", "hound", "sea", "lion", "crane", "unused"]
        vectors = np.random.default_rng(0).normal(size=(7, 9))
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        by_vectors = resolve(self.LABELS, toy_space(dict(zip(names, unit.tolist(), strict=True))))
        by_numbers = resolve(self.LABELS, similarity_space("toy", names, unit @ unit.T))
        assert by_numbers.rows == by_vectors.rows
        assert by_numbers.indices == by_vectors.indices == (0, 1, 2, 4, 5)
        expected = by_vectors.vectors @ by_vectors.vectors.T
        assert by_numbers.inner(by_numbers.vectors, by_numbers.vectors) == pytest.approx(expected, abs=1e-12)
        assert by_vectors.inner(by_vectors.vectors, by_vectors.vectors) == pytest.approx(expected, abs=1e-12)

    def test_parts_count_at_length_one(self):
        numbers = np.array([[4, 1, 0], [1, 9, 2], [0, 2, 9]])
        found = resolve(["kit fox", "crane"], similarity_space("toy", ["kit", "fox", "crane"], numbers))
        inner = found.inner(found.vectors, found.vectors)
        assert inner == pytest.approx(np.array([[(1 + 1 + 2 / 6) / 4, (0 + 2 / 3) / 2], [(0 + 2 / 3) / 2, 9]]))

    def test_only_the_axes_in_use_are_kept(self):
        names = [f"w{place}" for place in range(50)]
        found = resolve(["w3", "w40", "w3 w7"], similarity_space("toy", names, np.eye(50)))
        assert found.vectors.shape == (3, 3)
        assert found.kernel is not None
        assert found.kernel.tolist() == np.eye(3).tolist()

    def test_one_word_is_a_unit_vector(self):
        space = similarity_space("toy", WORDS, SIMILAR)
        found = resolve(["crane", "fox"], space)
        assert sorted(found.vectors.tolist()) == [[0, 1], [1, 0]]
        assert found.inner(found.vectors, found.vectors).tolist() == [[0.5, 0], [0, 1]]

    def test_words_that_nothing_tells_apart_are_one(self):
        numbers = [[1, 1, 0.5], [1, 1, 0.5], [0.5, 0.5, 1]]
        space = similarity_space("toy", ["sunglass", "sunglasses", "crane"], numbers)
        found = resolve(["sunglass", "sunglasses", "crane"], space)
        assert found.indices == (0, 2)
        assert found.rows[1].note == "same vector as sunglass (index 0)"

    def test_a_mean_without_length_is_not_used(self):
        space = similarity_space("toy", ["hot", "cold"], [[1, -1], [-1, 1]])
        row = resolve(["hot cold"], space).rows[0]
        assert (row.step, row.note) == (Step.DROPPED, "the mean of 'hot' + 'cold' has no length")

    def test_negative_eigenvalues_are_allowed(self):
        numbers = np.array([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]])
        assert np.linalg.eigvalsh(numbers).min() < -0.1
        found = resolve(["b", "a", "c"], similarity_space("toy", "abc", numbers))
        assert found.inner(found.vectors, found.vectors).tolist() == numbers[np.ix_([1, 0, 2], [1, 0, 2])].tolist()

    def test_nothing_found_is_an_empty_result(self):
        found = resolve(["nothing"], similarity_space("toy", "ab", np.eye(2)))
        assert found.kernel is not None
        assert (found.vectors.shape, found.kernel.shape) == ((0, 0), (0, 0))

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (np.eye(3), r"shape \(3, 3\)'?; expected shape \(2, 2\)"),
            (np.array([[1, np.nan], [np.nan, 1]]), "NaN or infinity"),
            (np.array([[1, 0.5], [0.25, 1]]), "not symmetric"),
        ],
    )
    def test_a_plug_in_that_gives_other_similarities_is_told(self, given, message):
        def find(wanted):
            return {word: np.empty(0) for word in wanted if word in ("a", "b")}

        space = WordSpace("odd", 0, "", find, similarities=lambda words: given)
        with pytest.raises(UserError, match=f"word space odd gives wrong similarities.*{message}"):
            resolve(["a", "b"], space)


def test_brains_stand_where_words_stand(tmp_path):
    if "ADVWINDOW_DATA" not in os.environ:
        pytest.skip("ADVWINDOW_DATA is not set, so the BrainBench matrices are not at hand")
    folder = Path(os.environ["ADVWINDOW_DATA"]) / "brainbench"
    words = (folder / "words.txt").read_text().split()
    for subject in range(1, 10):
        numbers = np.load(folder / f"b{subject}.npy", allow_pickle=False)
        found = resolve(words, matrix(save(tmp_path / f"b{subject}.npz", words, numbers)))
        assert found.coverage == 1
        assert {row.step for row in found.rows} == {Step.EXACT}
        assert found.inner(found.vectors, found.vectors) == pytest.approx(numbers, abs=1e-12)
