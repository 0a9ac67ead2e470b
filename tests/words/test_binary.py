"""word2vec's binary form, and telling it from text."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from advwindow.errors import UserError
from advwindow.words import files, resolve
from advwindow.words.binary import word2vec
from tests.words.helpers import VECTORS, WORDS, binary_bytes, text_lines

NOISE = np.random.default_rng(0).bytes(2000)


def write(path, content):
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("block", [20, 64, 1 << 20])
@pytest.mark.parametrize("end", [b"", b"\n"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("binary", [None, True])
def test_wanted_words_come_with_their_numbers(tmp_path, monkeypatch, block, end, pack, binary):
    monkeypatch.setattr(files, "BLOCK", block)
    space = word2vec(write(tmp_path / "w.bin", pack(binary_bytes(end=end))), binary=binary)
    assert (space.name, space.dim) == ("w", 3)
    found = space.find(["Kit_fox", "naïve", "the", "kit_fox"])
    assert set(found) == {"Kit_fox", "naïve", "the"}
    for word, vector in found.items():
        assert vector.dtype == np.float64
        assert vector.tolist() == list(np.float32(VECTORS[WORDS.index(word)]).astype(float))


def test_the_first_of_equal_words_wins(tmp_path):
    content = binary_bytes(["cat", "cat"], [(1.0, 2.0), (3.0, 4.0)])
    assert word2vec(write(tmp_path / "w", content)).find(["cat"])["cat"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("label", "word"), [("kit fox", "Kit_fox"), ("Sea-lion", "Sea_Lion"), ("new york", "New_York"), ("usa", "usa")]
)
def test_labels_find_phrases_in_mixed_case(tmp_path, label, word):
    names = ["Kit_fox", "Sea_Lion", "New_York", "USA", "usa"]
    space = word2vec(write(tmp_path / "w.bin", binary_bytes(names, np.eye(5).tolist())))
    assert resolve([label], space).words == (word,)


def test_bytes_that_are_no_utf8_are_tolerated(tmp_path):
    content = binary_bytes(["cat", "????", "dog"], [(1.0, 2.0), (3.0, 4.0), (5.0, 6.0)]).replace(
        b"????", b"\xff\xfe\xe9\x80"
    )
    assert set(word2vec(write(tmp_path / "w", content)).find(["cat", "dog", "\udcff", "\ud800"])) == {"cat", "dog"}


@pytest.mark.parametrize("binary", [None, False])
@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_text_is_told_from_binary(tmp_path, binary, ends):
    content = f"{len(WORDS)} 3\n{text_lines()}".encode().replace(b"\n", ends)
    space = word2vec(write(tmp_path / "w", content), binary=binary)
    assert space.find(["the"])["the"].tolist() == list(VECTORS[0])


@pytest.mark.parametrize("ends", [b"\n", b"\r\n", b" \n"])
def test_short_text_lines_are_text(tmp_path, ends):
    path = write(tmp_path / "w", b"2 1\ncat 1\ndog 2\n".replace(b"\n", ends))
    assert word2vec(path).find(["dog"])["dog"].tolist() == [2]


@pytest.mark.parametrize("dim", [1, 2, 50])
@pytest.mark.parametrize("scale", [0.0, 1.0, 1e-30])
def test_binary_is_told_from_text_for_many_numbers(tmp_path, dim, scale):
    rows = scale * np.random.default_rng(dim).normal(size=(200, dim))
    names = [f"w{i}" for i in range(200)]
    found = word2vec(write(tmp_path / "w", binary_bytes(names, rows.tolist()))).find(names)
    assert np.array_equal([found[name] for name in names], rows.astype(np.float32))


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_truncated_file_is_told(tmp_path, cut):
    path = write(tmp_path / "w.bin", binary_bytes(end=b"")[:-cut])
    with pytest.raises(UserError, match=r"w.bin, entry [1-5]: the file ends.*expected 5 words with 3 float32"):
        word2vec(path, binary=True).find(["the"])


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"4 3", "after entry 4: the file goes on"),
        (b"6 3", "entry 6: the file ends"),
        (b"5 4", "the file ends"),
        (b"5 2", "NaN or infinite|the file goes on|the file ends|no space"),
    ],
)
def test_a_header_that_lies_is_told(tmp_path, header, message):
    path = write(tmp_path / "w", binary_bytes().replace(b"5 3", header, 1))
    with pytest.raises(UserError, match=message):
        word2vec(path, binary=True).find(["the"])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("block", [30, 1 << 20])
def test_numbers_that_are_not_finite_are_told_whoever_is_wanted(tmp_path, monkeypatch, bad, block):
    monkeypatch.setattr(files, "BLOCK", block)
    rows = [(1.0, 2.0)] * 6 + [(1.0, bad)] + [(1.0, 2.0)]
    path = write(tmp_path / "w", binary_bytes([f"w{i}" for i in range(8)], rows))
    with pytest.raises(UserError, match="entry 7: a number is NaN or infinite: got 'w6'"):
        word2vec(path).find(["w0"])


def test_a_word_without_end_is_told(tmp_path):
    path = write(tmp_path / "w", b"2 1\n" + b"x" * 10_000)
    with pytest.raises(UserError, match="entry 1: no space within 4096 bytes"):
        word2vec(path, binary=True).find([])


@pytest.mark.parametrize(
    "content",
    [b"\xff\xd8\xff\xe0 jpeg", b"\x80\x04\x95 pickle", text_lines().encode(), b"a,b\n1,2\n", NOISE],
    ids=["jpeg", "pickle", "glove", "table", "noise"],
)
def test_files_of_other_kinds_are_refused_at_once(tmp_path, content):
    with pytest.raises(UserError, match=r"cat.bin, (start|line 1)"):
        word2vec(write(tmp_path / "cat.bin", content))
