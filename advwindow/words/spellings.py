"""The spellings of a label to look for in a word space, in the order of preference."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum


class Step(StrEnum):
    """How a label found its word."""

    OVERRIDE = "override"
    """the caller said so"""
    EXACT = "exact"
    """the first name, as written"""
    VARIANT = "variant"
    """the first name in another case, or with spaces, ``_``, hyphens exchanged or left out"""
    OTHER_NAME = "other_name"
    """the same for a further name"""
    TOKENS = "tokens"
    """mean of the unit-normalised vectors of a name's parts"""
    DROPPED = "dropped"
    """no word"""


@dataclass(frozen=True)
class Candidate:
    """One way to find a vector for a label.

    Attributes:
        step: where in the chain it stands.
        name: the name it was made from.
        parts: for each part of the name its spellings, the first known one counts; a single part but for `Step.TOKENS`.
    """

    step: Step
    name: str
    parts: tuple[tuple[str, ...], ...]


def candidates(label: str, *, override: str | None, lowercase: bool) -> list[Candidate]:
    """All candidates of a label in order.

    Args:
        label: one or more names, separated by ``", "`` (WordNet lemmas).
        override: the word that the caller wants, if any.
        lowercase: whether only lower-case spellings can be known.

    Example:
        >>> [c.parts for c in candidates("kit fox", override=None, lowercase=True) if c.step == Step.TOKENS]
        [(('kit',), ('fox',))]
    """
    names = list(dict.fromkeys(stripped for name in label.split(", ") if (stripped := name.strip())))
    found = [] if override is None else [Candidate(Step.OVERRIDE, override, ((override,),))]
    for place, name in enumerate(names):
        exact, variant = (Step.EXACT, Step.VARIANT) if place == 0 else (Step.OTHER_NAME, Step.OTHER_NAME)
        found.append(Candidate(exact, name, ((name,),)))
        found += [Candidate(variant, name, ((other,),)) for other in variants(name, lowercase=lowercase)]
    for name in names:
        parts = tuple(_part_spellings(part, lowercase=lowercase) for part in _split(name))
        if len(set(parts)) > 1:
            found.append(Candidate(Step.TOKENS, name, parts))
    return found


def variants(name: str, *, lowercase: bool) -> list[str]:
    """Other spellings of a name: other cases, its parts joined by a space, ``_``, a hyphen, then by nothing.

    Unicode is composed (NFC), as some file systems decompose the names of folders.

    Example:
        >>> variants("kit fox", lowercase=True)
        ['kit_fox', 'kit-fox', 'kitfox']
    """
    cases = _cases(unicodedata.normalize("NFC", name), lowercase=lowercase)
    split = [_split(case) for case in cases]
    joined = [joiner.join(parts) for parts in split for joiner in (" ", "_", "-")]
    spellings = [*cases, *joined, *("".join(parts) for parts in split)]
    return [spelling for spelling in dict.fromkeys(spellings) if spelling and spelling != name]


def _cases(name: str, *, lowercase: bool) -> list[str]:
    lower = name.lower()
    if lowercase:
        return [lower]
    return [name, lower, lower[:1].upper() + lower[1:], re.sub(r"[^\s_-]+", lambda part: part[0].capitalize(), name)]


def _split(name: str) -> list[str]:
    return [part for part in re.split(r"[\s_-]+", name) if part]


def _part_spellings(part: str, *, lowercase: bool) -> tuple[str, ...]:
    """A part as written and in other cases, then without an English genitive's ``'s``."""
    stems = [unicodedata.normalize("NFC", part)]
    if stems[0].lower().endswith(("'s", "\N{RIGHT SINGLE QUOTATION MARK}s")) and len(part) > 2:
        stems.append(stems[0][:-2])
    return tuple(dict.fromkeys(case for stem in stems for case in _cases(stem, lowercase=lowercase)))
