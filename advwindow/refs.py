"""References, ``scheme:identifier@revision?key=value``, and the registries that answer them.

A bare name without a colon is a reference too, where a registry has an entry of that name (``glove-6b-50d``).
The identifier is opaque: paths and hub names pass untouched.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar, cast
from urllib.parse import parse_qsl

from advwindow.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

T = TypeVar("T")


@dataclass(frozen=True)
class Ref:
    """One parsed reference.

    Attributes:
        text: exactly what the user wrote.
        scheme: where to look (``"sample"``, ``"folder"``, ...); empty for a bare name.
        identifier: what to look for, opaque to the parser.
        revision: after ``@``, empty if none (only for schemes that have revisions).
        options: after ``?``, as text.
    """

    text: str
    scheme: str
    identifier: str
    revision: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    def reject_options(self, *, known: Collection[str] = ()) -> None:
        """Raise `UserError` if an option is not among the known ones."""
        for name in self.options:
            if name not in known:
                raise UserError(
                    f"unknown option in {self.text!r}", got=name, fix=did_you_mean(name, known or ["(none)"])
                )


def parse_ref(text: str, *, schemes: Collection[str], names: Collection[str] = (), revisions: bool = False) -> Ref:
    """Split a reference and check its scheme.

    Args:
        text: what the user wrote.
        schemes: the schemes that are accepted before the colon.
        names: bare names that are accepted as they are.
        revisions: whether ``@`` starts a revision (a path may contain one).

    Raises:
        UserError: unknown scheme or name, or nothing after the colon.

    Example:
        >>> parse_ref("py:zoo.nets:make?width=2", schemes=["py"]).options["width"]
        '2'
    """
    body, _, query = text.partition("?")
    scheme, colon, identifier = body.partition(":")
    options = parse_options(query)
    if body in names:
        return Ref(text, "", body, options=options)
    if not colon or len(scheme) == 1:  # no scheme, or the drive letter of a Windows path
        candidates = [*names, *(f"{s}:..." for s in schemes)]
        raise UserError("reference without a source", got=text, fix=did_you_mean(text, candidates))
    if scheme not in schemes:
        raise UserError("unknown source in reference", got=text, fix=did_you_mean(scheme, schemes))
    revision = ""
    if revisions:
        identifier, _, revision = identifier.partition("@")
    if not identifier:
        raise UserError("reference names nothing after its source", got=text, expected=f"{scheme}:something")
    return Ref(text, scheme, identifier, revision, options)


def parse_options(query: str) -> dict[str, str]:
    """The part of a reference after ``?``: ``key=value`` joined by ``&``; ``%XX`` is decoded, a plus stays a plus."""
    return dict(parse_qsl(query.replace("+", "%2B"), keep_blank_values=True))


class Registry(Generic[T]):
    """Named objects, found lazily: built in as ``"module:attribute"``, or plugged in by an entry point.

    Args:
        kind: what the entries are, for messages; the entry-point group is ``advwindow.<kind>s``.
        builtin: name to ``"module:attribute"``; nothing is imported until asked for.
    """

    def __init__(self, kind: str, builtin: Mapping[str, str]) -> None:
        self.kind = kind
        self._builtin = dict(builtin)

    def names(self) -> list[str]:
        """All known names, sorted; imports nothing."""
        return sorted({*self._builtin, *self._plugins()})

    def __contains__(self, name: str) -> bool:
        return name in self._builtin or name in self._plugins()

    def get(self, name: str) -> T:
        """The object of that name; raises `UserError` with the nearest names if there is none."""
        if name in self._builtin:
            return cast("T", resolve_object(self._builtin[name]))
        plugin = self._plugins().get(name)
        if plugin is None:
            raise UserError(f"unknown {self.kind}", got=name, fix=did_you_mean(name, self.names()))
        try:
            return cast("T", plugin.load())
        except Exception as error:
            raise UserError(f"the plug-in for {self.kind} {name!r} is broken", got=str(error)) from error

    def _plugins(self) -> dict[str, importlib.metadata.EntryPoint]:
        found: dict[str, importlib.metadata.EntryPoint] = {}
        for point in importlib.metadata.entry_points(group=f"advwindow.{self.kind}s"):
            if point.name in self._builtin or point.name in found:
                warnings.warn(f"plug-in {point.value} repeats the {self.kind} {point.name!r}; ignored", stacklevel=3)
            else:
                found[point.name] = point
        return found


def resolve_object(path: str) -> object:
    """Import ``"package.module:attribute"`` and return the attribute.

    Raises:
        UserError: no colon, no such module, or no such attribute.
    """
    module, _, attribute = path.partition(":")
    if not module or module.startswith(".") or not attribute:
        raise UserError("not a Python object", got=path, expected="package.module:attribute")
    try:
        found: object = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise UserError("cannot import module", got=module, fix=f"check the name; {error}") from error
    try:
        for part in attribute.split("."):
            found = getattr(found, part)
    except AttributeError as error:
        raise UserError(f"module {module} has no such attribute", got=attribute) from error
    return found
