"""Word spaces given by similarities alone: any labelled matrix, read from a file or made in memory."""

from __future__ import annotations

import csv
import functools
import hashlib
import itertools
import operator
import zipfile
from typing import TYPE_CHECKING, Literal, SupportsIndex

import numpy as np

from advwindow.errors import UserError
from advwindow.words.arrays import load_arrays
from advwindow.words.files import WordFile, decoded
from advwindow.words.space import WordSpace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

Kind = Literal["similarity", "distance"]

TOLERANCE = 1e-6
"""Largest error of symmetry and of the diagonal that is taken for rounding, relative to the largest number."""

_NPZ = "write it with numpy.savez(path, words=list_of_str_as_unicode_array, matrix=array)"


def matrix(path: str | Path, *, kind: Kind = "similarity") -> WordSpace:
    """A square matrix with labels, so that brain or human similarity can stand where words stand.

    Args:
        path: an ``.npz`` file with arrays ``words`` (or ``labels``) (V,) of text and ``matrix`` (V, V) of numbers, or
            text between commas or tabs, gzip or not, whose first row and first column are the labels.
        kind: what the numbers are, see `similarity_space`.

    Raises:
        UserError: not such a file, or its matrix is refused by `similarity_space`.
    """
    file = WordFile.at(path)
    words, numbers = _read_npz(file) if zipfile.is_zipfile(file.path) else _read_text(file)
    try:
        return similarity_space(file.name, words, numbers, kind=kind, sha256=file.sha256)
    except UserError as error:
        raise UserError(f"word file {file.path}: {error}") from error


def similarity_space(
    name: str, words: Sequence[str], numbers: ArrayLike, *, kind: Kind = "similarity", sha256: str = ""
) -> WordSpace:
    """A word space from similarities between words.

    Args:
        name: what reports call the space.
        words: V different labels, in the order of the rows and of the columns.
        numbers: ``(V, V)``, finite and symmetric. Similarities have their largest number of each row on the diagonal,
            and it is positive; negative eigenvalues are allowed. Distances are not negative, zero on the diagonal,
            and become similarities ``1 - d / max(d)`` in [0, 1].
        kind: ``"similarity"`` or ``"distance"``.
        sha256: identity of the source; empty hashes words, numbers and kind.

    Raises:
        UserError: one of these does not hold; the message says where.

    Example:
        >>> space = similarity_space("toy", ["cat", "dog"], [[0, 1], [1, 0]], kind="distance")
        >>> space.similarities(["dog"])
        array([[1.]])
    """
    try:
        table = np.asarray(numbers)
    except ValueError as error:  # rows of different lengths
        raise UserError("not a matrix between its labels", got=str(error), expected="V rows of V numbers") from error
    _check_words(words)
    _check_numbers(words, table)
    square = np.array(table, np.float64)
    _check_symmetry(words, square)
    square = (square + square.T) / 2  # rounding must not make a word nearer to another than that one to it
    check: Callable[[Sequence[str], Array], None] = _check_distances if kind == "distance" else _check_similarities
    check(words, square)
    square = 1 - square / square.max() if kind == "distance" else square
    square.flags.writeable = False
    rows = {word: row for row, word in enumerate(words)}
    identity = sha256 or hashlib.sha256("\0".join([kind, *words]).encode() + square.tobytes()).hexdigest()
    select = functools.partial(_select, rows=rows, square=square)
    return WordSpace(name, 0, identity, functools.partial(known_of, words=rows), similarities=select)


def known_of(wanted: Collection[str], *, words: Collection[str]) -> dict[str, Array]:
    """What `WordSpace.find` answers in a space without vectors."""
    return {word: np.empty(0) for word in wanted if word in words}


def _select(words: Sequence[str], *, rows: Mapping[str, int], square: Array) -> Array:
    places = [rows[word] for word in words]
    selected: Array = square[np.ix_(places, places)]
    return selected


def _check_words(words: Sequence[str]) -> None:
    first: dict[str, int] = {}
    for place, word in enumerate(words):
        if not word.strip():
            raise UserError(f"label {place + 1} of the matrix is empty", got=word, expected="a word per row")
        if word in first:
            got = f"{word!r} as label {first[word] + 1} and {place + 1}"
            raise UserError("a label occurs twice in the matrix", got=got, fix="give every row its own label")
        first[word] = place


def _check_numbers(words: Sequence[str], table: NDArray[np.generic]) -> None:
    if table.dtype.kind not in "fiu" or table.shape != (len(words), len(words)) or len(words) < 2:
        got = f"{table.dtype} of shape {table.shape} for {len(words)} labels"
        raise UserError(
            "not a matrix between its labels", got=got, expected="numbers of shape (V, V) for V labels, V >= 2"
        )
    finite = np.isfinite(table.astype(np.float64, copy=False))
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise UserError("a number is NaN or infinite", got=_cell(words, table, row, column), expected="numbers")


def _check_symmetry(words: Sequence[str], square: Array) -> None:
    gap = np.abs(square - square.T)
    if gap.max() > TOLERANCE * np.abs(square).max():
        row, column = np.unravel_index(gap.argmax(), gap.shape)
        got = f"{_cell(words, square, row, column)}, {_cell(words, square, column, row)}"
        fix = "fill in both halves; if the two directions are meant to differ, give their mean"
        raise UserError("the matrix is not symmetric", got=got, fix=fix)


def _check_similarities(words: Sequence[str], square: Array) -> None:
    diagonal = square.diagonal()
    slack = TOLERANCE * np.abs(square).max()
    expected = "the largest number of each row on the diagonal, and positive"
    fix = "if the numbers are distances, add ?kind=distance (kind='distance' in Python)"
    if diagonal.min() <= slack:
        row = diagonal.argmin()
        got = _cell(words, square, row, row)
        raise UserError("a word is not similar to itself", got=got, expected=expected, fix=fix)
    over = square - diagonal[:, None]
    if over.max() > slack:
        row, column = np.unravel_index(over.argmax(), over.shape)
        got = f"{_cell(words, square, row, column)}, {_cell(words, square, row, row)}"
        raise UserError("a word is more similar to another than to itself", got=got, expected=expected, fix=fix)


def _check_distances(words: Sequence[str], square: Array) -> None:
    slack = TOLERANCE * np.abs(square).max()
    bad = (square < -slack) | (np.eye(len(square), dtype=bool) & (square > slack))
    if bad.any():
        row, column = np.argwhere(bad)[0]
        got = _cell(words, square, row, column)
        raise UserError("not distances", got=got, expected="zeros on the diagonal and no negative number")
    if square.max() <= 0:
        raise UserError("all distances are zero", expected="different words")


def _cell(words: Sequence[str], table: NDArray[np.generic], row: SupportsIndex, column: SupportsIndex) -> str:
    i, j = operator.index(row), operator.index(column)
    return f"{table[i, j]:.8g} for {words[i]!r} and {words[j]!r}"


def _read_npz(file: WordFile) -> tuple[list[str], NDArray[np.generic]]:
    words, numbers = load_arrays(file, [("words", "labels"), ("matrix",)], fix=_NPZ)
    if words.ndim != 1 or words.dtype.kind != "U":
        got = f"{words.dtype} of shape {words.shape}"
        raise file.error("array words", "not a list of words", got=got, expected="unicode of shape (V,)", fix=_NPZ)
    return [str(word) for word in words], numbers


def _read_text(file: WordFile) -> tuple[list[str], Array]:
    lines = file.lines()
    head = next(lines)
    file.reject_foreign(head)
    delimiter = "\t" if b"\t" in head else ","
    texts = (decoded(file, number, line) for number, line in enumerate(itertools.chain([head], lines), start=1))
    rows = csv.reader((text for text in texts if text.strip()), delimiter=delimiter, strict=True)
    try:
        columns = next(rows)[1:]
        if len(columns) < 2:
            raise file.error("line 1", "no labels", got=decoded(file, 1, head)[:40], expected=_FORM)
        return columns, _numbers(file, columns, rows)
    except csv.Error as error:
        raise file.error(f"line {rows.line_num}", str(error), expected=_FORM) from error


_FORM = "an empty cell and the labels between commas or tabs; then each label and its numbers"


def _numbers(file: WordFile, columns: Sequence[str], rows: Iterable[list[str]]) -> Array:
    found: list[Array] = []
    for place, (label, *cells) in enumerate(rows):
        where = f"row {place + 1}"
        if place >= len(columns) or label != columns[place]:
            expected = repr(columns[place]) if place < len(columns) else f"{len(columns)} rows"
            fix = "put rows and columns in the same order"
            raise file.error(where, "not the label of its column", got=label, expected=expected, fix=fix)
        if len(cells) != len(columns):
            raise file.error(where, "wrong length", got=f"{len(cells)} numbers", expected=f"{len(columns)}")
        try:
            found.append(np.array([float(cell) for cell in cells]))
        except ValueError as error:
            raise file.error(f"{where} ({label})", str(error), expected="numbers with a decimal point") from error
    if len(found) < len(columns):
        raise file.error(f"row {len(found)}", "the file ends", expected=f"{len(columns)} rows, one per column")
    return np.array(found)
