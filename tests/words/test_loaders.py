"""From references to word spaces."""

from __future__ import annotations

import gzip
import importlib.metadata

import numpy as np
import pytest

from advwindow.errors import UserError
from advwindow.words import WORD_SPACES, load_words, word_refs
from tests.words.helpers import VECTORS, WORDS, binary_bytes, text_lines, toy_space

TEXT = text_lines().encode()
WITH_HEADER = f"{len(WORDS)} 3\n".encode() + TEXT


@pytest.mark.parametrize(
    ("reference", "content"),
    [
        ("glove:{}", TEXT),
        ("glove:{}", gzip.compress(TEXT)),
        ("fasttext:{}", WITH_HEADER),
        ("word2vec:{}", WITH_HEADER),
        ("word2vec:{}?binary=false", WITH_HEADER),
        ("word2vec:{}", binary_bytes()),
        ("word2vec:{}?binary=true", gzip.compress(binary_bytes())),
    ],
)
def test_every_scheme_reads_its_file(tmp_path, reference, content):
    path = tmp_path / "words at@home.dat"
    path.write_bytes(content)
    space = load_words(reference.format(path))
    assert space.dim == 3
    assert space.find(["cat"])["cat"] == pytest.approx(VECTORS[1], rel=1e-7)


def test_npz_reads_its_file(tmp_path):
    np.savez(tmp_path / "w.npz", words=np.array(WORDS), vectors=np.array(VECTORS))
    assert load_words(f"npz:{tmp_path / 'w.npz'}").find(["cat"])["cat"].tolist() == list(VECTORS[1])


@pytest.mark.parametrize(("query", "off"), [("", 0.25), ("?kind=similarity", 0.25)])
def test_matrix_reads_its_file(tmp_path, query, off):
    np.savez(tmp_path / "w.npz", words=np.array(["cat", "dog"]), matrix=np.eye(2) * 0.75 + off)
    space = load_words(f"matrix:{tmp_path / 'w.npz'}{query}")
    assert space.similarities is not None
    assert space.similarities(["cat", "dog"]).tolist() == [[1, off], [off, 1]]


def test_matrix_reads_distances(tmp_path):
    (tmp_path / "w.csv").write_text(",cat,dog,fox\ncat,0,1,2\ndog,1,0,2\nfox,2,2,0\n")
    space = load_words(f"matrix:{tmp_path / 'w.csv'}?kind=distance")
    assert space.similarities is not None
    assert space.similarities(["cat", "dog"]).tolist() == [[1, 0.5], [0.5, 1]]


def test_taxonomy_reads_its_file(tmp_path):
    (tmp_path / "w.tsv").write_text("cat\tanimal\ndog\tanimal\n")
    space = load_words(f"taxonomy:{tmp_path / 'w.tsv'}")
    assert space.similarities is not None
    assert space.similarities(["cat", "dog"]).tolist() == [[1, 0.5], [0.5, 1]]


@pytest.mark.parametrize(("query", "first"), [("", 1), ("?language=en", 1), ("?language=de", 3)])
def test_numberbatch_reads_its_file(tmp_path, query, first):
    (tmp_path / "w").write_text("2 2\n/c/de/kit_fox 3 4\n/c/en/kit_fox 1 2\n")
    space = load_words(f"numberbatch:{tmp_path / 'w'}{query}")
    assert space.find(["kit_fox"])["kit_fox"].tolist() == [first, first + 1]


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "own_words_module.py").write_text(
        "import numpy as np\n"
        "from advwindow.words import WordSpace, similarity_space\n"
        "def make(dim=2, name='own'):\n"
        "    return WordSpace(name, dim, 'abc', lambda wanted: {w: np.ones(dim) for w in wanted})\n"
        "def wrong(): return 3\n"
        "def broken(): raise TypeError('a bug of its own')\n"
        "def people(): return similarity_space('people', ['a', 'b'], np.eye(2))\n"
        "number = 3\n"
    )
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize("prefix", ["space:", ""])
@pytest.mark.parametrize("place", ["py:own_words_module", "file:{}/own_words_module.py"])
@pytest.mark.usefixtures("own")
def test_a_factory_of_ones_own_gets_the_options(prefix, place, tmp_path):
    space = load_words(f"{prefix}{place.format(tmp_path)}:make?dim=4&name=mine")
    assert (space.name, space.dim) == ("mine", 4)


@pytest.mark.usefixtures("own")
def test_a_factory_may_give_similarities_alone():
    space = load_words("py:own_words_module:people")
    assert (space.name, space.dim, set(space.find("abc"))) == ("people", 0, {"a", "b"})


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("space:own_words_module:make", "unknown kind of word space"),
        ("space:py:", "unknown kind of word space"),
        ("py:own_words_module:make?size=3", "factory of .* failed.*size"),
        ("py:own_words_module:broken", "a bug of its own"),
        ("py:own_words_module:wrong", "gives no word space: got 'int'"),
        ("py:own_words_module:number", "cannot be called"),
        ("py:own_words_module:make?dim=0", "empty word space"),
        ("py:own_words_module:absent", "no such attribute"),
        ("py:no_such_module_anywhere:make", "cannot import module"),
    ],
)
@pytest.mark.usefixtures("own")
def test_wrong_factories_are_told(reference, message):
    with pytest.raises(UserError, match=message):
        load_words(reference)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("glove-6b-50", "did you mean glove-6b-50d"),
        ("glov:x.txt", "did you mean glove"),
        ("glove:", "names nothing"),
        ("glove:none.txt", "No such file"),
        ("glove:none.txt?binary=true", "unknown option"),
        ("word2vec:none.bin?mode=text", "unknown option.*binary"),
        ("word2vec:none.bin?binary=yes", "expected true or false"),
        ("glove-6b-50d?dim=50", "unknown option"),
        ("matrix:none.npz?kind=rdm", "option kind of .* got 'rdm'; expected similarity or distance"),
        ("matrix:none.npz?distance=true", "unknown option.*kind"),
        ("numberbatch:none.txt?lang=en", "unknown option.*language"),
        ("taxonomy:none.txt?root=a", "unknown option"),
    ],
)
def test_wrong_references_are_told(reference, message):
    with pytest.raises(UserError, match=message):
        load_words(reference)


def test_a_plug_in_is_a_name_of_its_own(monkeypatch):
    class Point:
        name, value = "toy-words", "nowhere:make"

        def load(self):
            return lambda: toy_space({"cat": (1, 2)})

    monkeypatch.setattr(
        importlib.metadata, "entry_points", lambda *, group: [Point()] if group == "advwindow.word_spaces" else []
    )
    assert load_words("toy-words").dim == 2
    assert ("toy-words", "plug-in") in word_refs()


def test_every_listed_reference_is_accepted_by_the_parser():
    listed = dict(word_refs())
    assert "glove-6b-50d" in listed
    assert set(WORD_SPACES.names()) <= set(listed)
    assert all("\n" not in text and text for text in listed.values())
    for reference in listed:
        if ":" in reference:
            with pytest.raises(UserError, match=r"No such file|no such file|cannot import module"):
                load_words(reference)


@pytest.mark.samples
def test_the_default_is_loaded_by_its_name():
    space = load_words("glove-6b-50d")
    assert (space.name, space.dim, len(space.sha256)) == ("glove-6b-50d", 50, 64)
    assert set(space.find(["cat", "xyzzyplugh"])) == {"cat"}
