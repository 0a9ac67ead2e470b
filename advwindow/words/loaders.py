"""From a reference to a word space."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from advwindow.errors import UserError
from advwindow.factories import call, make
from advwindow.refs import Ref, Registry, parse_ref
from advwindow.words import arrays, binary, similarities, taxonomy, text
from advwindow.words.space import WordSpace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

WORD_SPACES: Registry[Callable[[], WordSpace]] = Registry(
    "word_space", {"glove-6b-50d": "advwindow.words.arrays:packaged_glove"}
)
"""Word spaces with a name of their own: callables without arguments that return one."""

_DESCRIPTIONS = {
    "glove-6b-50d": "GloVe 6B: 400,000 lower-case words, 50 dimensions (extra samples)",
    "glove:PATH": "GloVe text, no header (.gz too)",
    "word2vec:PATH": "word2vec text or binary, found out by itself (?binary=true|false forces; .gz too)",
    "fasttext:PATH": "fastText .vec text (.gz too)",
    "numberbatch:PATH": "ConceptNet Numberbatch text (?language=en, where keys are /c/en/...; .gz too)",
    "npz:PATH": "NumPy file with arrays words (V,) and vectors (V, d)",
    "matrix:PATH": "similarities, a brain's or people's: .npz with words (V,) and matrix (V, V), or .csv, .tsv"
    " (?kind=distance)",
    "taxonomy:PATH": "a tree of classes, lines child<TAB>parent or nested JSON: Wu-Palmer similarity",
    "py:PACKAGE.MODULE:FACTORY": "a Python callable that returns a WordSpace (?key=value are its arguments)",
    "file:CODE.py:FACTORY": "the same, in a file",
}
_OWN = ("py", "file")


def load_words(ref: str) -> WordSpace:
    """The word space that a reference names.

    Args:
        ref: ``glove-6b-50d`` or a plug-in's name, ``glove:PATH``, ``word2vec:PATH[?binary=true|false]``,
            ``fasttext:PATH``, ``numberbatch:PATH[?language=CODE]``, ``npz:PATH``,
            ``matrix:PATH[?kind=similarity|distance]``, ``taxonomy:PATH``, ``py:package.module:factory[?key=value]`` or
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
    parsed.reject_options(known=_OPTIONS.get(parsed.scheme, ()))
    if not parsed.scheme:
        return _checked(parsed, call(WORD_SPACES.get(parsed.identifier), parsed, options={}))
    return _READERS[parsed.scheme](parsed)


def _word2vec(ref: Ref) -> WordSpace:
    flag = _choice(ref, "binary", ("true", "false"))
    return binary.word2vec(ref.identifier, binary=None if flag is None else flag == "true")


def _matrix(ref: Ref) -> WordSpace:
    kind = _choice(ref, "kind", ("similarity", "distance"))
    return similarities.matrix(ref.identifier, kind="distance" if kind == "distance" else "similarity")


_READERS: Mapping[str, Callable[[Ref], WordSpace]] = {
    "glove": lambda ref: text.glove(ref.identifier),
    "word2vec": _word2vec,
    "fasttext": lambda ref: text.vec(ref.identifier),
    "numberbatch": lambda ref: text.numberbatch(ref.identifier, language=ref.options.get("language", "")),
    "npz": lambda ref: arrays.npz(ref.identifier),
    "matrix": _matrix,
    "taxonomy": lambda ref: taxonomy.taxonomy(ref.identifier),
}
_OPTIONS = {"word2vec": ("binary",), "numberbatch": ("language",), "matrix": ("kind",)}
_SCHEMES = (*_READERS, "space", *_OWN)


def word_refs() -> list[tuple[str, str]]:
    """Every form of reference with a line about it, plug-ins last; imports no plug-in."""
    plugins = [(name, "plug-in") for name in WORD_SPACES.names() if name not in _DESCRIPTIONS]
    return [*_DESCRIPTIONS.items(), *plugins]


def _checked(ref: Ref, space: object) -> WordSpace:
    if not isinstance(space, WordSpace):
        raise UserError(f"{ref.text!r} gives no word space", got=type(space).__name__, expected="a WordSpace")
    if space.dim < 1 and space.similarities is None:
        raise UserError(
            f"{ref.text!r} gives an empty word space", got=space.dim, expected="dim of at least 1, or similarities"
        )
    return space


def _choice(ref: Ref, name: str, choices: Sequence[str]) -> str | None:
    given = ref.options.get(name)
    if given is not None and given not in choices:
        raise UserError(f"option {name} of {ref.text!r}", got=given, expected=" or ".join(choices))
    return given
