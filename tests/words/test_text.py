"""Text readers: GloVe without a header, word2vec and fastText with one."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advwindow.errors import UserError
from advwindow.words import files
from advwindow.words.binary import word2vec
from advwindow.words.text import glove, vec
from tests.words.helpers import VECTORS, WORDS, text_lines


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("block", [5, 64, 1 << 20])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("ends", ["\n", "\r\n", " \n"])
@pytest.mark.parametrize("header", [False, True])
def test_wanted_words_come_with_their_numbers(tmp_path, monkeypatch, block, pack, ends, header):
    monkeypatch.setattr(files, "BLOCK", block)
    text = text_lines().replace("\n", ends)
    content = (f"{len(WORDS)} 3{ends}" + text if header else text).encode()
    space = (vec if header else glove)(write(tmp_path / "w.txt", pack(content)))
    assert (space.name, space.dim) == ("w", 3)
    found = space.find(["cat", "naïve", "absent", "T-shirt", "t-shirt"])
    assert set(found) == {"cat", "naïve", "T-shirt"}
    for word, vector in found.items():
        assert vector.dtype == np.float64
        assert vector.tolist() == list(VECTORS[WORDS.index(word)])


def test_a_missing_last_line_end_loses_nothing(tmp_path):
    space = glove(write(tmp_path / "w", text_lines().rstrip("\n")))
    assert set(space.find(WORDS)) == set(WORDS)
    assert space.find([]) == {}


def test_words_with_spaces_are_split_from_the_right(tmp_path):
    words = ["the", ". . .", "at name@domain.com", "1", "a\N{NO-BREAK SPACE}b", "line\N{LINE SEPARATOR}end", "-"]
    vectors = [(i + 0.5, -i, 2.0 * i) for i in range(len(words))]
    found = glove(write(tmp_path / "w", text_lines(words, vectors))).find(words)
    assert {word: tuple(row) for word, row in found.items()} == dict(zip(words, vectors, strict=True))


def test_the_first_of_equal_words_wins(tmp_path):
    space = glove(write(tmp_path / "w", "cat 1 2\ndog 3 4\ncat 5 6\n"))
    assert space.find(["cat"])["cat"].tolist() == [1, 2]


def test_bytes_that_are_no_utf8_are_tolerated(tmp_path):
    space = glove(write(tmp_path / "w", b"cat 1 2\n\xff\xfe\xe9 3 4\ndog 5 6\n"))
    assert set(space.find(["cat", "dog", "\udcff", "\ud800"])) == {"cat", "dog"}


def test_the_dimension_of_glove_is_that_of_most_first_lines(tmp_path):
    space = glove(write(tmp_path / "w", "7 8 . 1 2 3\ncat 1 2 3\ndog 4 5 6\n"))
    assert space.dim == 3
    assert space.find(["7 8 ."])["7 8 ."].tolist() == [1, 2, 3]


def test_a_short_first_line_does_not_set_the_dimension(tmp_path):
    space = glove(write(tmp_path / "w", "cat 1 2\ndog 1 2 3\nfox 4 5 6\n"))
    assert space.dim == 3
    with pytest.raises(UserError, match="line 1: vector too short"):
        space.find([])


GOOD = "".join(f"w{i} {i} {i + 0.5} -1e-3\n" for i in range(30))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("cat 1 2", "vector too short: got '2 numbers'; expected a word and 3 numbers"),
        ("cat 1 2 3 4", "vector too long"),
        ("", "vector too short: got 'an empty line'"),
        ("cat", "vector too short"),
        ("cat 1 nan 3", "not a finite number: got 'nan'"),
        ("cat 1 2 inf", "not a finite number: got 'inf'"),
        ("cat 1 x2 3", "not a finite number: got 'x2'"),
        ("cat 1 1_0 3", "not a finite number: got '1_0'"),
        ("cat 1  2 3", "two spaces"),
        ("cat  1 2 3", "two spaces"),
        ("cat 1,5 2,5 3,5", "not a finite number: got '1,5'"),
    ],
)
@pytest.mark.parametrize("wanted", [["w0"], ["cat"], []])
@pytest.mark.parametrize("header", [False, True])
def test_a_malformed_line_in_the_middle_is_an_error_whoever_is_wanted(tmp_path, line, message, wanted, header):
    content = ("61 3\n" if header else "") + GOOD + line + "\n" + GOOD
    space = (vec if header else glove)(write(tmp_path / "words.txt", content))
    with pytest.raises(UserError) as caught:
        space.find(wanted)
    assert f"words.txt, line {31 + header}: {message}" in str(caught.value)


@pytest.mark.parametrize("line", ["cat 1.2.3 2 3", "cat 1 2 1e999", "cat 1 2 e"])
def test_a_wanted_line_is_parsed_wholly(tmp_path, line):
    space = glove(write(tmp_path / "w", GOOD + line + "\n"))
    with pytest.raises(UserError, match="line 31"):
        space.find(["cat"])


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("4 3", "line 6: the header lies: got '5 words'; expected 4 words"),
        ("6 3", "line 6: the header lies: got '5 words'; expected 6 words"),
        ("5 2", "line 2: vector too long"),
        ("5 4", "line 2: vector too short"),
    ],
)
def test_a_header_that_lies_is_told(tmp_path, header, message):
    space = vec(write(tmp_path / "w", f"{header}\n{text_lines()}"))
    with pytest.raises(UserError, match=message):
        space.find([])


@pytest.mark.parametrize(
    "header", ["", "5", "5 0", "0 3", "5 3 1", "-5 3", "5 99999999", "the 0.1 0.2", "99999999999999999 3"]
)
def test_no_header_is_told(tmp_path, header):
    with pytest.raises(UserError, match="line 1: no header"):
        vec(write(tmp_path / "w", f"{header}\n{text_lines()}"))


FOREIGN = {
    "jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01" + bytes(range(256)) * 50,
    "png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(200),
    "pickle": b"\x80\x04\x95\n\0\0\0\0\0\0\0]\x94(K\x01K\x02e.",
    "zip": b"PK\x03\x04" + bytes(100),
    "noise": bytes(range(1, 256)) * 40,
    "zeros": bytes(1000),
    "table": b"name,colour\ncat,black\ndog,brown\n",
    "numbers": b"cat,1.0,2.0\ndog,3.0,4.0\n",
    "tabs": b"cat\t1.0\t2.0\ndog\t3.0\t4.0\n",
    "prose": b"It was the best of times,\nit was the worst of times\n",
    "blank": b"\n\n\n",
    "spaces": b"   ",
}


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("read", [glove, vec])
def test_files_of_other_kinds_are_refused_at_once(tmp_path, kind, read):
    with pytest.raises(UserError, match=r"cat.txt, (start|line 1)"):
        read(write(tmp_path / "cat.txt", FOREIGN[kind]))


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (FOREIGN["jpeg"], "a JPEG image"),
        (FOREIGN["pickle"], "a pickle"),
        (FOREIGN["zip"], "write npz:PATH"),
        (b"\xba\x16\x4f\x2f\x0c\0\0\0", "use its .vec file"),
    ],
)
@pytest.mark.parametrize("read", [glove, vec, word2vec])
def test_well_known_other_formats_are_named(tmp_path, head, kind, read):
    with pytest.raises(UserError, match=kind):
        read(write(tmp_path / "w", head))


def test_glove_refuses_a_header_and_names_the_reader_for_it(tmp_path):
    with pytest.raises(UserError, match=r"line 1: a header.*use word2vec:PATH"):
        glove(write(tmp_path / "w", f"5 3\n{text_lines()}"))


words = st.text(st.characters(exclude_characters="\n\r ", exclude_categories=["Cs"]), min_size=1, max_size=6)
numbers = st.floats(allow_nan=False, allow_infinity=False, width=64)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data(), dim=st.integers(1, 4))
def test_whatever_is_written_is_read_back_exactly(tmp_path, data, dim):
    names = data.draw(
        st.lists(words, min_size=1, max_size=8, unique=True).filter(lambda found: "\0" not in "".join(found))
    )
    rows = [data.draw(st.tuples(*[numbers] * dim)) for _ in names]
    path = write(tmp_path / "w", f"{len(names)} {dim}\n{text_lines(names, rows)}")
    found = vec(path).find(names)
    assert {word: tuple(row) for word, row in found.items()} == dict(zip(names, rows, strict=True))
