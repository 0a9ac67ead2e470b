"""Readers of word vectors kept as text: GloVe; word2vec, fastText ``.vec`` and Numberbatch with a header ``V d``.

Every line is checked as it passes: the number of its fields, and that its vector is written with the characters of
numbers; the lines of wanted words are parsed wholly. Memory is one block and the wanted words.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from advwindow.words.files import MAX_DIM, WordFile
from advwindow.words.space import WordSpace

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from numpy.typing import NDArray

_HEADER = re.compile(rb"\s*(\d{1,12})\s+(\d{1,12})\s*")
NUMBER_BYTES = b"0123456789+-.eE "
_HEAD_LINES = 20


def glove(path: str | Path) -> WordSpace:
    """GloVe text: no header, a word and its numbers per line; a word may hold spaces, the first of equal words wins.

    Args:
        path: the file, gzip or not.

    Raises:
        UserError: not such a file; what only a full pass can see is raised by `WordSpace.find`.
    """
    file = WordFile.at(path)
    head = _head(file)
    if len(head) > 1 and parse_header(head[0]) and len(_clean(head[1]).split(b" ")) > 2:
        fix = "use word2vec:PATH or fasttext:PATH"
        raise file.error("line 1", "a header", got=shown(head[0]), expected="a word and its numbers", fix=fix)
    dims = [_numbers_at_end(_clean(line)) for line in head]
    dim = Counter(dims).most_common(1)[0][0]
    if not 1 <= dim <= MAX_DIM:
        raise file.error("line 1", "no vector", got=shown(head[0]), expected="a word and its numbers between spaces")
    find = functools.partial(_find, file=file, dim=dim, count=None)
    return WordSpace(file.name, dim, file.sha256, find)


def vec(path: str | Path) -> WordSpace:
    """Text with a header ``V d``: word2vec's text form and fastText's ``.vec``.

    Args:
        path: the file, gzip or not.

    Raises:
        UserError: no header; what only a full pass can see, a header that lies too, is raised by `WordSpace.find`.
    """
    file = WordFile.at(path)
    head = _head(file)
    count, dim = require_header(file, head[0])
    find = functools.partial(_find, file=file, dim=dim, count=count)
    return WordSpace(file.name, dim, file.sha256, find)


def numberbatch(path: str | Path, *, language: str = "") -> WordSpace:
    """ConceptNet Numberbatch text: a header ``V d``, then keys ``/c/en/kit_fox`` of all languages or plain ``kit_fox``.

    Keys are lower case, phrases have ``_``, and every digit of a term with two digits in a row is ``#``; the last is
    done here, the others are variants that a resolution tries. Source: Speer, Chin, Havasi: ConceptNet 5.5, AAAI 2017,
    and ``text_to_uri.py`` of its authors.

    Args:
        path: the file, gzip or not.
        language: code of the wanted language; empty is ``en`` where keys have a language.

    Raises:
        UserError: no header, or a language is asked of a file whose keys have none; what only a full pass can see is
            raised by `WordSpace.find`.
    """
    file = WordFile.at(path)
    head = _head(file)
    count, dim = require_header(file, head[0])
    tagged = len(head) > 1 and head[1].startswith(b"/c/")
    if language and not tagged:
        got, fix = shown(head[-1]), "leave the language out; the file has one language, and its name says which"
        raise file.error("line 2", "keys without a language", got=got, expected=f"/c/{language}/...", fix=fix)
    prefix = f"/c/{language or 'en'}/" if tagged else ""
    find = functools.partial(_find_numberbatch, file=file, dim=dim, count=count, prefix=prefix)
    if not tagged:
        return WordSpace(file.name, dim, file.sha256, find, lowercase=True)
    sha256 = hashlib.sha256(
        f"{file.sha256} {prefix}".encode()
    ).hexdigest()  # one file holds as many spaces as languages
    return WordSpace(f"{file.name}-{language or 'en'}", dim, sha256, find, lowercase=True)


def _find_numberbatch(
    wanted: Collection[str], *, file: WordFile, dim: int, count: int, prefix: str
) -> dict[str, NDArray[np.float64]]:
    keys = {word: prefix + _without_numbers(word) for word in wanted}
    found = _find(set(keys.values()), file=file, dim=dim, count=count)
    return {word: found[key] for word, key in keys.items() if key in found}


def _without_numbers(word: str) -> str:
    return re.sub("[0-9]", "#", word) if re.search("[0-9][0-9]", word) else word


def parse_header(line: bytes) -> tuple[int, int] | None:
    """``(V, d)`` of a header line, None if it is none."""
    match = _HEADER.fullmatch(line)
    if match is None:
        return None
    count, dim = int(match[1]), int(match[2])
    return (count, dim) if count >= 1 and 1 <= dim <= MAX_DIM else None


def require_header(file: WordFile, line: bytes) -> tuple[int, int]:
    """``(V, d)`` of a header line, else `UserError`."""
    header = parse_header(line)
    if header is None:
        fix = "if the file has no header by design, use glove:PATH"
        raise file.error("line 1", "no header", got=shown(line), expected="number of words and dimension", fix=fix)
    return header


def _head(file: WordFile) -> list[bytes]:
    head = list(itertools.islice(file.lines(), _HEAD_LINES))
    file.reject_foreign(head[0])
    return head


def _find(wanted: Collection[str], *, file: WordFile, dim: int, count: int | None) -> dict[str, NDArray[np.float64]]:
    """One pass over the file; ``count`` is the header's number of words, None where there is no header."""
    keys = {word.encode("utf-8", "surrogatepass"): word for word in wanted}
    found: dict[str, NDArray[np.float64]] = {}
    first = 1 if count is None else 2
    number = first - 1
    for number, line in enumerate(itertools.islice(file.lines(), first - 1, None), start=first):
        word, numbers = _split(file, number, line, dim)
        if word in keys and keys[word] not in found:
            found[keys[word]] = _vector(file, number, numbers)
    read = number - first + 1
    if count is not None and read != count:
        expected, fix = f"{count} words, as it says", "fetch the file again or mend line 1"
        raise file.error(f"line {number}", "the header lies", got=f"{read} words", expected=expected, fix=fix)
    return found


def _split(file: WordFile, number: int, line: bytes, dim: int) -> tuple[bytes, bytes]:
    """The word and its numbers, still text; only the numbers' count and alphabet are checked."""
    line = _clean(line)
    word, _, numbers = line.partition(b" ")
    if b"  " in line:
        raise file.error(f"line {number}", "two spaces in a row", got=shown(line), expected="single spaces")
    if numbers.count(b" ") != dim - 1 or not numbers:
        word, numbers = _split_from_right(file, number, line, dim)
    if numbers.translate(None, NUMBER_BYTES):
        bad = next(field for field in numbers.split(b" ") if field.translate(None, NUMBER_BYTES))
        raise file.error(f"line {number}", "not a finite number", got=shown(bad), expected=f"a word and {dim} numbers")
    return word, numbers


def _split_from_right(file: WordFile, number: int, line: bytes, dim: int) -> tuple[bytes, bytes]:
    """For words that hold spaces; a number before the vector means a vector that is too long."""
    fields = line.rsplit(b" ", dim)
    if len(fields) <= dim:
        got = f"{len(fields) - 1} numbers" if line else "an empty line"
        raise file.error(f"line {number}", "vector too short", got=got, expected=f"a word and {dim} numbers")
    last = fields[0].rpartition(b" ")[2]
    if not last or _is_number(last):
        expected, fix = f"a word and {dim} numbers", "join the parts of a phrase with _"
        raise file.error(f"line {number}", "vector too long", got=shown(line), expected=expected, fix=fix)
    return fields[0], b" ".join(fields[1:])


def _vector(file: WordFile, number: int, numbers: bytes) -> NDArray[np.float64]:
    try:
        vector = np.array([float(field) for field in numbers.split(b" ")])
    except ValueError as error:
        raise file.error(f"line {number}", str(error), expected="decimal numbers between single spaces") from error
    if not np.isfinite(vector).all():
        raise file.error(f"line {number}", "a number too large for float64", expected="finite numbers")
    return vector


def _numbers_at_end(line: bytes) -> int:
    fields = line.split(b" ")[1:]
    return sum(1 for _ in itertools.takewhile(_is_number, reversed(fields)))


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _clean(line: bytes) -> bytes:
    return line.rstrip(b" \r")


def shown(line: bytes) -> str:
    """The beginning of a line, for messages."""
    text = line[:40].decode("utf-8", "replace")
    return text if len(line) <= 40 else f"{text}..."
