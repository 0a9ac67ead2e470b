"""From a reference to a word space."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from advwindow.errors import UserError
from advwindow.factories import call, make
from advwindow.refs import Ref, Registry, parse_ref
from advwindow.words import arrays, binary, text
from advwindow.words.space import WordSpace

if TYPE_CHECKING:
    from collections.abc import Callable

WORD_SPACES: Registry[Callable[[], WordSpace]] = Registry(
    "word_space", {"glove-6b-50d": "advwindow.words.arrays:packaged_glove"}
)
"""Word spaces with a name of their own: callables without arguments that return one."""

_DESCRIPTIONS = {
    "glove-6b-50d": "GloVe 6B: 400,000 lower-case words, 50 dimensions (extra samples)",
    "glove:PATH": "GloVe text, no header (.gz too)",
    "word2vec:PATH": "word2vec text or binary, found out by itself (?binary=true|false forces; .gz too)",
    "fasttext:PATH": "fastText .vec text (.gz too)",
    "npz:PATH": "NumPy file with arrays words (V,) and vectors (V, d)",
    "py:PACKAGE.MODULE:FACTORY": "a Python callable that returns a WordSpace (?key=value are its arguments)",
    "file:CODE.py:FACTORY": "the same, in a file",
}
_OWN = ("py", "file")
_SCHEMES = ("glove", "word2vec", "fasttext", "npz", "space", *_OWN)


def load_words(ref: str) -> WordSpace:
    """The word space that a reference names.

    Args:
        ref: ``glove-6b-50d`` or a plug-in's name, ``glove:PATH``, ``word2vec:PATH[?binary=true|false]``,
            ``fasttext:PATH``, ``npz:PATH``, ``py:package.module:factory[?key=value]`` or
            ``file:path/code.py:factory[?key=value]`` (both may have ``space:`` before them).

    Raises:
        UserError: the reference or the file is wrong.
        MissingExtraError: the named space needs a package that is not installed.
    """
    parsed = parse_ref(ref, schemes=_SCHEMES, names=WORD_SPACES.names())
    if parsed.scheme == "space":
        kind, _, identifier = parsed.identifier.partition(":")
        if kind not in _OWN or not identifier:
            raise UserError("unknown kind of word space", got=ref, expected="space:py:package.module:factory")
        parsed = dataclasses.replace(parsed, scheme=kind, identifier=identifier)
    if parsed.scheme in _OWN:
        return _checked(parsed, make(parsed))
    if parsed.scheme == "word2vec":
        parsed.reject_options(known=["binary"])
        return binary.word2vec(parsed.identifier, binary=_flag(parsed, "binary"))
    parsed.reject_options()
    if not parsed.scheme:
        return _checked(parsed, call(WORD_SPACES.get(parsed.identifier), parsed, options={}))
    readers = {"glove": text.glove, "fasttext": text.vec, "npz": arrays.npz}
    return readers[parsed.scheme](parsed.identifier)


def word_refs() -> list[tuple[str, str]]:
    """Every form of reference with a line about it, plug-ins last; imports no plug-in."""
    plugins = [(name, "plug-in") for name in WORD_SPACES.names() if name not in _DESCRIPTIONS]
    return [*_DESCRIPTIONS.items(), *plugins]


def _checked(ref: Ref, space: object) -> WordSpace:
    if not isinstance(space, WordSpace):
        raise UserError(f"{ref.text!r} gives no word space", got=type(space).__name__, expected="a WordSpace")
    if space.dim < 1:
        raise UserError(f"{ref.text!r} gives an empty word space", got=space.dim, expected="dim of at least 1")
    return space


def _flag(ref: Ref, name: str) -> bool | None:
    text_ = ref.options.get(name)
    if text_ is None:
        return None
    if text_ not in {"true", "false"}:
        raise UserError(f"option {name} of {ref.text!r}", got=text_, expected="true or false")
    return text_ == "true"
