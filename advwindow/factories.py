"""Objects that the user's own code makes: ``py:package.module:factory?key=value`` and ``file:path/code.py:factory``."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from advwindow.errors import UserError, did_you_mean
from advwindow.refs import Ref, resolve_object

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType


def make(ref: Ref) -> object:
    """Import what a ``py:`` or ``file:`` reference names and call it with the reference's options.

    The scheme ``file`` runs the file as a module of its own, outside the import path; a ``?`` in the file's path is
    taken for the start of the options.

    Raises:
        UserError: no such module, file or factory, something that cannot be called, or an exception inside.
    """
    return call(_from_file(ref) if ref.scheme == "file" else _from_module(ref), ref, options=ref.options)


def call(factory: object, ref: Ref, *, options: Mapping[str, str]) -> object:
    """Call a factory with options as `literal` values; its exceptions become `UserError`."""
    if not callable(factory):
        raise UserError(f"{ref.text!r} cannot be called", got=type(factory).__name__, expected="a function or class")
    try:
        made: object = factory(**{name: literal(value) for name, value in options.items()})
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"the factory of {ref.text!r} failed", got=_told(error)) from error
    return made


def literal(text: str) -> object:
    """The Python literal that a text spells, else the text itself.

    Example:
        >>> literal("3"), literal("[1, 2]"), literal("relu")
        (3, [1, 2], 'relu')
    """
    try:
        value: object = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
    return value


def _from_module(ref: Ref) -> object:
    try:
        return resolve_object(ref.identifier)
    except UserError:
        raise
    except Exception as error:
        raise _broken(ref, error) from error


def _from_file(ref: Ref) -> object:
    path_text, colon, name = ref.identifier.rpartition(":")
    if not colon or not name:
        raise UserError("reference names no factory", got=ref.text, expected="file:path/code.py:factory")
    path = Path(path_text).expanduser()
    if not path.is_file():
        raise UserError("no such file", got=str(path), fix="check the path; it is relative to the working directory")
    module = _run(path, ref)
    if not hasattr(module, name):
        public = [known for known in vars(module) if not known.startswith("_")]
        raise UserError(f"{path} defines no {name!r}", fix=did_you_mean(name, public))
    found: object = getattr(module, name)
    return found


def _run(path: Path, ref: Ref) -> ModuleType:
    name = f"advwindow_file_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError("not a Python file", got=str(path), expected="a name that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise _broken(ref, error) from error
    return module


def _broken(ref: Ref, error: Exception) -> UserError:
    return UserError(f"the code of {ref.text!r} cannot be imported", got=_told(error))


def _told(error: Exception) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({place.filename}, line {place.lineno})"
