"""Text readers: GloVe without a header, word2vec and fastText with one."""

from __future__ import annotations

import gzip
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advwindow.errors import UserError
from advwindow.words import files, resolve
from advwindow.words.binary import word2vec
from advwindow.words.text import glove, numberbatch, vec
from tests.words.helpers import VECTORS, WORDS, binary_bytes, text_lines


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


@pytest.mark.parametrize("cut", range(2, 60))
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_truncated_file_with_a_header_is_told(tmp_path, cut, pack):
    content = (f"{len(WORDS)} 3\n" + text_lines()).encode()
    assert content.endswith(b" 2.5\n")
    space = vec(write(tmp_path / "w.txt", pack(content[: -max(cut, 5)])))
    with pytest.raises(UserError, match=r"w.txt, line \d: (vector too short|the header lies|not a finite)"):
        space.find(["the"])


@pytest.mark.parametrize("cut", range(6, 16))
def test_a_glove_file_cut_within_a_vector_is_told(tmp_path, cut):
    content = ("".join(f"w{i} 1.25 2.5 3.75\n" for i in range(30)) + text_lines(["last"], [(1.25, 2.5, 3.75)])).encode()
    space = glove(write(tmp_path / "w.txt", content[:-cut]))
    with pytest.raises(UserError, match=r"w.txt, line \d+: vector too short"):
        space.find(["w0"])


NUMBERBATCH = {"kit_fox": (1.0, 2.0), "##_hours": (3.0, 4.0), "7_up": (5.0, 6.0), "t_shirt": (7.0, 8.0)}


class TestNumberbatch:
    def written(self, tmp_path, prefix, pack=bytes):
        plain = text_lines([prefix + word for word in NUMBERBATCH], list(NUMBERBATCH.values()))
        other = text_lines(["/c/de/kit_fox"], [(9.0, 9.0)]) if prefix else ""
        count = len(NUMBERBATCH) + bool(other)
        return write(tmp_path / "nb.txt.gz", pack(f"{count} 2\n{other}{plain}".encode()))

    @pytest.mark.parametrize("prefix", ["", "/c/en/"])
    @pytest.mark.parametrize("pack", [bytes, gzip.compress])
    def test_wanted_words_come_with_their_numbers(self, tmp_path, prefix, pack):
        space = numberbatch(self.written(tmp_path, prefix, pack))
        assert (space.name, space.dim, space.lowercase) == ("nb-en" if prefix else "nb", 2, True)
        found = space.find(["kit_fox", "24_hours", "48_hours", "7_up", "8_up", "kit fox", "absent"])
        assert {word: tuple(vector) for word, vector in found.items()} == {
            "kit_fox": (1, 2),
            "24_hours": (3, 4),
            "48_hours": (3, 4),
            "7_up": (5, 6),
        }

    def test_a_language_is_chosen(self, tmp_path):
        path = self.written(tmp_path, "/c/en/")
        assert numberbatch(path, language="de").find(["kit_fox", "7_up"])["kit_fox"].tolist() == [9, 9]
        assert set(numberbatch(path, language="de").find(["kit_fox", "7_up"])) == {"kit_fox"}
        assert numberbatch(path, language="en").find(["kit_fox"])["kit_fox"].tolist() == [1, 2]

    def test_languages_of_a_file_are_different_spaces(self, tmp_path):
        path = self.written(tmp_path, "/c/en/")
        english, german = numberbatch(path), numberbatch(path, language="de")
        assert (english.name, german.name) == ("nb-en", "nb-de")
        assert english.sha256 == numberbatch(path, language="en").sha256 != german.sha256

    def test_a_language_of_plain_keys_is_refused(self, tmp_path):
        with pytest.raises(UserError, match=r"keys without a language.*expected /c/de/"):
            numberbatch(self.written(tmp_path, ""), language="de")

    @pytest.mark.parametrize(
        ("label", "step", "word"),
        [
            ("Kit fox, Vulpes macrotis", "variant", "kit_fox"),
            ("T-shirt", "variant", "t_shirt"),
            ("24 hours", "variant", "24_hours"),
        ],
    )
    def test_labels_find_their_keys(self, tmp_path, label, step, word):
        row = resolve([label], numberbatch(self.written(tmp_path, "/c/en/"))).rows[0]
        assert (row.step, row.words) == (step, (word,))

    def test_no_header_is_told(self, tmp_path):
        with pytest.raises(UserError, match="line 1: no header"):
            numberbatch(write(tmp_path / "w", "/c/en/cat 1 2\n/c/en/dog 3 4\n"))


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("form", ["glove", "vec", "numberbatch", "word2vec text", "word2vec binary"])
def test_memory_does_not_grow_with_the_file(tmp_path, monkeypatch, pack, form):
    monkeypatch.setattr(files, "BLOCK", 1 << 11)
    readers = {"glove": glove, "vec": vec, "numberbatch": numberbatch}
    peaks, sizes = [], []
    for count in (2000, 20_000):
        names, rows = [f"w{place + 256:c}" for place in range(count)], [(0.125, -2.5, 1.0)] * count
        plain = (text_lines(names, rows) if form == "glove" else f"{count} 3\n{text_lines(names, rows)}").encode()
        content = binary_bytes(names, rows) if form == "word2vec binary" else plain
        sizes.append(len(content))
        space = readers.get(form, word2vec)(write(tmp_path / f"{count}", pack(content)))
        tracemalloc.start()
        try:
            assert set(space.find([names[3], names[-1], "absent"])) == {names[3], names[-1]}
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] - peaks[0] < 0.1 * (sizes[1] - sizes[0])  # the buffers of gzip and of blocks are not of one size


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
