"""Word files as bytes: identity, gzip, lines."""

from __future__ import annotations

import gzip
import hashlib
import os

import numpy as np
import pytest

from advwindow.errors import UserError
from advwindow.words import files
from advwindow.words.files import WordFile


@pytest.mark.parametrize(
    "content",
    [
        b"a",
        b"a\n",
        b"a\nb",
        b"a\n\nb\n",
        b"\n",
        b"a\r\nb\r\n",
        b"a\x0bb\x85c\xe2\x80\xa8d\n",
        b"x" * 50 + b"\n" + b"y" * 9,
    ],
)
@pytest.mark.parametrize("block", [1, 2, 7, 1000])
def test_lines_are_split_at_line_feeds_alone_whatever_the_block(tmp_path, monkeypatch, content, block):
    monkeypatch.setattr(files, "BLOCK", block)
    (tmp_path / "w").write_bytes(content)
    expected = content.split(b"\n")
    assert list(WordFile.at(tmp_path / "w").lines()) == (expected[:-1] if content.endswith(b"\n") else expected)


@pytest.mark.parametrize("content", [b"\xef\xbb\xbfcat 1\ndog 2\n", b"\xef\xbb\xbfcat 1"])
def test_a_byte_order_mark_is_no_part_of_the_first_word(tmp_path, content):
    (tmp_path / "w").write_bytes(content)
    assert next(WordFile.at(tmp_path / "w").lines()) == b"cat 1"


@pytest.mark.parametrize("name", ["w.gz", "w.txt"])
def test_gzip_is_known_by_its_content_and_hashed_as_it_lies(tmp_path, name):
    packed = gzip.compress(b"a 1\nb 2\n")
    (tmp_path / name).write_bytes(packed)
    file = WordFile.at(tmp_path / name)
    assert list(file.lines()) == [b"a 1", b"b 2"]
    assert file.sha256 == hashlib.sha256(packed).hexdigest()


def test_the_hash_follows_the_content(tmp_path):
    path = tmp_path / "w"
    path.write_bytes(b"a 1\n")
    before = WordFile.at(path)
    first = before.sha256
    path.write_bytes(b"a 2\n")
    os.utime(path, ns=(0, 0))
    assert first == hashlib.sha256(b"a 1\n").hexdigest()
    assert WordFile.at(path).sha256 == hashlib.sha256(b"a 2\n").hexdigest()
    with pytest.raises(UserError, match="changed after it was loaded"):
        next(before.lines())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(b"a 1\n" * 1000, mtime=0)[:-12], "damaged gzip"),
        (gzip.compress(np.random.default_rng(0).bytes(5000), mtime=0)[:2000], "damaged gzip"),
        (gzip.compress(b"a 1\n" * 1000, mtime=0)[:10] + b"\xff" * 50, "damaged gzip"),
        (b"\x1f\x8bnot gzip at all", "damaged gzip"),
        (gzip.compress(b"a 1\n" * 1000, mtime=0)[:-8] + b"\0" * 8, "damaged gzip"),
        (gzip.compress(b""), "is empty"),
        (b"", "is empty"),
    ],
    ids=["short", "cut", "no deflate", "magic alone", "checksum", "nothing packed", "nothing"],
)
def test_damaged_files_are_told(tmp_path, content, message):
    (tmp_path / "w.gz").write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        list(WordFile.at(tmp_path / "w.gz").lines())
    assert "w.gz" in str(caught.value)


def test_a_file_without_line_ends_is_not_read_into_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_LINE", 100)
    monkeypatch.setattr(files, "BLOCK", 64)
    (tmp_path / "w").write_bytes(b"a 1\n" + b"x" * 10_000)
    with pytest.raises(UserError, match="line 2: longer than 100 bytes"):
        list(WordFile.at(tmp_path / "w").lines())


def test_missing_files_and_folders_are_told(tmp_path):
    with pytest.raises(UserError, match="No such file"):
        WordFile.at(tmp_path / "none.txt")
    with pytest.raises(UserError, match="a folder"):
        WordFile.at(tmp_path)


@pytest.mark.parametrize(
    ("file_name", "name"),
    [
        ("glove.6B.50d.txt", "glove.6B.50d"),
        ("cc.vec.gz", "cc"),
        ("GoogleNews.bin.gz", "GoogleNews"),
        ("plain", "plain"),
    ],
)
def test_the_name_is_the_files_without_its_endings(tmp_path, file_name, name):
    (tmp_path / file_name).write_bytes(b"a 1\n")
    assert WordFile.at(tmp_path / file_name).name == name


def test_home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "w").write_bytes(b"a 1\n")
    assert WordFile.at("~/w").path == tmp_path / "w"
