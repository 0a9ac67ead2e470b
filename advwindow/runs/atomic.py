"""Files that are whole or absent: written under a temporary name, flushed to the disk, then renamed."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from advwindow.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEMPORARY = ".tmp-"
LOCK = ".lock"


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what the file system refuses (disk full, read-only, no permission) into a `UserError` naming the path."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"cannot write {path}",
            got=error.strerror or str(error),
            fix="free some space or choose another folder, then give the same command again; what is finished is kept",
        ) from error


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file so that it is never seen half-written; its folder is made where there is none."""
    temporary = path.with_name(f"{TEMPORARY}{secrets.token_hex(4)}-{path.name}")
    with disk_errors(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def remove(path: Path) -> None:
    """Remove a file, if there is one."""
    with disk_errors(path), suppress(FileNotFoundError, NotADirectoryError):
        path.unlink()


def write_json(path: Path, value: object) -> None:
    """Write JSON, indented, so that it is never seen half-written."""
    write_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, renamed to `path` when the block ends well and removed when it does not."""
    temporary = path.with_name(f"{TEMPORARY}{secrets.token_hex(4)}-{path.name}")
    with disk_errors(path):
        temporary.mkdir(parents=True)
    try:
        yield temporary
        with disk_errors(path):
            for file in temporary.iterdir():
                _sync_file(file)
            _sync_folder(temporary)
            temporary.rename(path)
            _sync_folder(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder while the block runs; a killed process leaves no lock behind.

    Raises:
        UserError: another process is at work in the folder.
    """
    with disk_errors(folder):
        file = (folder / LOCK).open("ab")
    with file:
        try:
            _lock(file.fileno())
        except BlockingIOError as error:
            raise UserError(
                f"another process is at work in {folder}", fix="wait for it, or choose another --out"
            ) from error
        yield


def _lock(descriptor: int) -> None:
    if os.name == "posix":  # elsewhere two processes on one folder are the user's own care
        import fcntl  # noqa: PLC0415 - exists on POSIX systems only

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed process left behind in a folder."""
    for entry in folder.glob(f"{TEMPORARY}*"):
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(path: Path) -> None:
    if os.name == "posix":
        _sync_file(path)
