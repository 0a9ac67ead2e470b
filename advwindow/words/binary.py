"""Reader of word2vec's binary form, and the choice between it and the text form."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from advwindow.words.files import WordFile
from advwindow.words.space import WordSpace
from advwindow.words.text import NUMBER_BYTES, require_header, vec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

MAX_WORD = 4096
"""Longest word accepted, in bytes: a longer one means that the entries are not where the header says."""


def word2vec(path: str | Path, *, binary: bool | None = None) -> WordSpace:
    """word2vec vectors: a header ``V d``, then text lines, or words with little-endian float32 numbers.

    Args:
        path: the file, gzip or not.
        binary: which form; None looks at the first entry.

    Raises:
        UserError: not such a file; what only a full pass can see is raised by `WordSpace.find`.
    """
    file = WordFile.at(path)
    header, body = _opening(file)
    count, dim = require_header(file, header)
    if not (_looks_binary(body, dim) if binary is None else binary):
        return vec(path)
    find = functools.partial(_find, file=file, start=len(header) + 1, count=count, dim=dim)
    return WordSpace(file.name, dim, file.sha256, find)


def _opening(file: WordFile) -> tuple[bytes, bytes]:
    """The first line and what follows it in the first block."""
    head = next(file.blocks())
    file.reject_foreign(head)
    header, _, body = head.partition(b"\n")
    return header, body


def _looks_binary(body: bytes, dim: int) -> bool:
    """Whether what follows the first word is not written with the characters of numbers."""
    numbers = body.partition(b" ")[2][: min(4 * dim, 16)].partition(b"\n")[0].rstrip(b"\r")
    return not numbers or bool(numbers.translate(None, NUMBER_BYTES))


def _find(
    wanted: Collection[str], *, file: WordFile, start: int, count: int, dim: int
) -> dict[str, NDArray[np.float64]]:
    """One pass over the entries, a block at a time; every number of every entry is checked to be finite."""
    keys = {word.encode("utf-8", "surrogatepass"): word for word in wanted}
    found: dict[str, NDArray[np.float64]] = {}
    done = 0
    for buffer, words, starts in _entries(file, start, count, dim):
        raw = np.lib.stride_tricks.sliding_window_view(np.frombuffer(buffer, np.uint8), 4 * dim)[starts]
        vectors = raw.view("<f4")
        finite = np.isfinite(vectors).all(axis=1)
        if not finite.all():
            bad = int(finite.argmin())
            got = words[bad].decode("utf-8", "replace")
            raise file.error(
                f"entry {done + bad + 1}", "a number is NaN or infinite", got=got, expected=_form(count, dim)
            )
        for row, word in enumerate(words):
            if word in keys and keys[word] not in found:
                found[keys[word]] = vectors[row].astype(np.float64)
        done += len(words)
    return found


def _entries(file: WordFile, start: int, count: int, dim: int) -> Iterator[tuple[bytes, list[bytes], list[int]]]:
    """Buffers with the words and the offsets of the vectors in each; the header's counts are checked."""
    rest, done = b"", 0
    blocks = file.blocks()
    rest = next(blocks)[start:]
    while True:
        words, starts, end = _parse(file, rest, done, min(count - done, len(rest)), dim)
        if words:
            yield rest, words, starts
        done, rest = done + len(words), rest[end:]
        if done == count and rest.strip(b"\n"):
            raise file.error(f"after entry {count}", "the file goes on", expected=_form(count, dim))
        block = next(blocks, b"")
        if not block:
            break
        rest += block
    if done < count:
        raise file.error(f"entry {done + 1}", "the file ends", expected=_form(count, dim), fix="fetch the file again")


def _parse(file: WordFile, buffer: bytes, done: int, most: int, dim: int) -> tuple[list[bytes], list[int], int]:
    """The whole entries at the beginning of a buffer: words, offsets of their vectors, offset of what is left."""
    words: list[bytes] = []
    starts: list[int] = []
    end = 0
    while len(words) < most:
        space = buffer.find(b" ", end, end + MAX_WORD)
        if space < 0 and len(buffer) - end >= MAX_WORD:
            raise file.error(f"entry {done + len(words) + 1}", f"no space within {MAX_WORD} bytes", expected="a word")
        if space < 0 or space + 1 + 4 * dim > len(buffer):
            break
        words.append(buffer[end:space].lstrip(b"\n"))
        starts.append(space + 1)
        end = space + 1 + 4 * dim
    return words, starts, end


def _form(count: int, dim: int) -> str:
    return f"{count} words with {dim} float32 numbers each, as the header says"
