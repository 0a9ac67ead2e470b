"""Word files as streams of bytes: identity, gzip, blocks, lines, and errors that name the place."""

from __future__ import annotations

import functools
import gzip
import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from advwindow.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK = 1 << 20
MAX_LINE = 1 << 22
"""Longest line accepted, in bytes: a file without line ends must not be read into memory whole."""
MAX_DIM = 1 << 16
"""Longest vector accepted: a header that asks for more is no header."""

_SUFFIXES = (".gz", ".txt", ".vec", ".bin", ".npz", ".csv", ".tsv", ".json")
_FOREIGN = {
    b"\xff\xd8\xff": "a JPEG image",
    b"\x89PNG": "a PNG image",
    b"%PDF": "a PDF document",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a .npy array",
    b"PK\x03\x04": "a ZIP archive (for an .npz file write npz:PATH)",
    b"\x80\x02": "a pickle",
    b"\x80\x03": "a pickle",
    b"\x80\x04": "a pickle",
    b"\x80\x05": "a pickle",
    b"\xba\x16\x4f\x2f": "a fastText model (use its .vec file)",
}


@dataclass(frozen=True)
class WordFile:
    """A file on disk as it was when it was first looked at.

    Attributes:
        path: where it is.
        size: bytes on disk.
        mtime_ns: time of its last change.
    """

    path: Path
    size: int
    mtime_ns: int

    @classmethod
    def at(cls, path: str | Path) -> WordFile:
        """The file at that path (``~`` is the home folder).

        Raises:
            UserError: no such file, a folder, no permission, or empty.
        """
        place = Path(path).expanduser()
        try:
            facts = place.stat()
        except OSError as error:
            raise UserError(f"cannot read word file {place}", got=error.strerror, fix="check the path") from error
        if not place.is_file():
            raise UserError(f"cannot read word file {place}", got="a folder or device", expected="a file")
        if facts.st_size == 0:
            raise UserError(f"word file {place} is empty", expected="one word with its vector per entry")
        return cls(place, facts.st_size, facts.st_mtime_ns)

    @property
    def name(self) -> str:
        """The file's name without the endings of word files."""
        name = self.path.name
        for suffix in _SUFFIXES:
            name = name.removesuffix(suffix)
        return name or self.path.name

    @property
    def sha256(self) -> str:
        """Hash of the bytes on disk (of the compressed ones for a gzip file)."""
        try:
            return _sha256(self)
        except OSError as error:
            raise UserError(f"cannot read word file {self.path}", got=error.strerror, fix="check it") from error

    def error(self, where: str, what: str, *, got: object = None, expected: str = "", fix: str = "") -> UserError:
        """A `UserError` that begins with the file and the place in it."""
        return UserError(f"word file {self.path}, {where}: {what}", got=got, expected=expected, fix=fix)

    def check_unchanged(self) -> None:
        """Raise `UserError` if the file is not the one that was hashed."""
        if WordFile.at(self.path) != self:
            raise UserError(f"word file {self.path} changed after it was loaded", fix="load it again")

    def blocks(self) -> Iterator[bytes]:
        """The contents in blocks, decompressed if they are gzip.

        Raises:
            UserError: the file changed after it was loaded, cannot be read, or is damaged gzip.
        """
        self.check_unchanged()
        try:
            with self._open() as stream:
                block = stream.read(BLOCK)
                if not block:
                    raise UserError(f"word file {self.path} is empty", expected="one word with its vector per entry")
                while block:
                    yield block
                    block = stream.read(BLOCK)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise UserError(f"word file {self.path} is damaged gzip", got=str(error), fix="fetch it again") from error
        except OSError as error:
            raise UserError(f"cannot read word file {self.path}", got=error.strerror, fix="check it") from error

    def lines(self) -> Iterator[bytes]:
        """The lines without their ends; a byte-order mark is dropped.

        Only a line feed ends a line: words may hold the other characters that Unicode calls line ends.

        Raises:
            UserError: as `blocks`, or a line is longer than `MAX_LINE`.
        """
        rest, number = b"", 0
        for block in self.blocks():
            *whole, rest = (rest + block).split(b"\n")
            if number == 0 and whole:
                whole[0] = whole[0].removeprefix(b"\xef\xbb\xbf")
            yield from whole
            number += len(whole)
            if len(rest) > MAX_LINE:
                raise self.error(
                    f"line {number + 1}", f"longer than {MAX_LINE} bytes", expected="text, a word per line"
                )
        if rest:
            yield rest if number else rest.removeprefix(b"\xef\xbb\xbf")

    def reject_foreign(self, head: bytes) -> None:
        """Raise `UserError` if the first bytes are those of a well-known other format."""
        for magic, kind in _FOREIGN.items():
            if head.startswith(magic):
                raise self.error("start", "not a word file", got=kind, expected="words with vectors")

    def _open(self) -> BinaryIO:
        stream = self.path.open("rb")
        is_gzip = stream.read(2) == b"\x1f\x8b"
        stream.seek(0)
        if not is_gzip:
            return stream
        stream.close()
        return cast("BinaryIO", gzip.open(self.path, "rb"))


def decoded(file: WordFile, number: int, line: bytes) -> str:
    """One line as text; `UserError` if it is not UTF-8."""
    try:
        return line.removesuffix(b"\r").decode()
    except UnicodeDecodeError as error:
        raise file.error(f"line {number}", "not UTF-8", got=str(error), fix="save the file as UTF-8") from error


@functools.lru_cache(maxsize=64)
def _sha256(file: WordFile) -> str:
    with file.path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
