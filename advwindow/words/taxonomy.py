"""A taxonomy as a word space: Wu-Palmer similarity between its nodes, computed for the wanted words alone."""

from __future__ import annotations

import functools
import graphlib
import itertools
import json
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from advwindow.words.files import WordFile, decoded
from advwindow.words.similarities import known_of
from advwindow.words.space import WordSpace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Parents = Mapping[str, tuple[str, ...]]

_FORM = "lines child<TAB>parent, or a JSON object of objects"


def taxonomy(path: str | Path) -> WordSpace:
    """A tree of classes; its nodes, inner ones too, are the words.

    The similarity of nodes a and b is ``2 depth(lcs) / (depth(a) + depth(b))`` in (0, 1], with the deepest ancestor
    that both share (a node is its own ancestor) and the root at depth 1. Source: Wu, Palmer: Verb semantics and
    lexical selection, ACL 1994. Where a node has several parents (a word of several senses; most of WordNet is a tree,
    not all), its depth is the length of the longest way to the root. Memory grows with the nodes and with the square of
    the wanted words, never with the square of the nodes.

    Args:
        path: text with a line ``child<TAB>parent`` per edge, or a JSON object ``{"root": {"child": {...}, ...}}`` whose
            leaves are ``{}`` or stand in lists; gzip or not.

    Raises:
        UserError: not such a file, a cycle, or not exactly one root.
    """
    file = WordFile.at(path)
    parents = _parents(file)
    depths = _depths(file, parents)
    similarities = functools.partial(wu_palmer, parents=parents, depths=depths)
    find = functools.partial(known_of, words=parents)
    return WordSpace(file.name, 0, file.sha256, find, similarities=similarities)


def wu_palmer(words: Sequence[str], *, parents: Parents, depths: Mapping[str, int]) -> NDArray[np.float64]:
    """Wu-Palmer similarities ``(n, n)`` in (0, 1] between nodes.

    Args:
        words: n nodes.
        parents: the parents of every node; the root has none.
        depths: depth of every node, 1 for the root.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for place, word in enumerate(words):
        for ancestor in _ancestors(word, parents):
            members[ancestor].append(place)
    shared = np.zeros((len(words), len(words)))
    for ancestor in sorted(members, key=depths.__getitem__):  # the deepest comes last, and stays
        shared[np.ix_(members[ancestor], members[ancestor])] = depths[ancestor]
    depth = np.array([depths[word] for word in words], np.float64)
    similar: NDArray[np.float64] = 2 * shared / (depth[:, None] + depth)
    return similar


def _ancestors(word: str, parents: Parents) -> set[str]:
    found, waiting = {word}, [word]
    while waiting:
        new = set(parents[waiting.pop()]) - found
        found |= new
        waiting += new
    return found


def _parents(file: WordFile) -> Parents:
    head = next(file.blocks())
    file.reject_foreign(head)
    is_json = head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"{", b"["))
    found: dict[str, dict[str, None]] = {}
    for child, parent in _json_edges(file) if is_json else _text_edges(file):
        found.setdefault(child, {})[parent] = None
        found.setdefault(parent, {})
    if not found:
        raise file.error("start", "no taxonomy", expected=_FORM)
    return {node: tuple(above) for node, above in found.items()}


def _text_edges(file: WordFile) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(file.lines(), start=1):
        text = decoded(file, number, line)
        if not text.strip():
            continue
        fields = [field.strip() for field in text.split("\t")]
        if len(fields) != 2 or not all(fields):
            raise file.error(f"line {number}", "not an edge", got=text[:40], expected="child<TAB>parent")
        yield fields[0], fields[1]


def _json_edges(file: WordFile) -> Iterator[tuple[str, str]]:
    try:
        tree = json.loads(b"".join(file.blocks()), object_pairs_hook=_Pairs)  # pairs: a name may occur twice
    except (ValueError, RecursionError) as error:
        raise file.error("start", "not JSON", got=str(error), expected=_FORM) from error
    if not isinstance(tree, _Pairs) or len(tree) != 1:
        got = f"{len(tree)} names" if isinstance(tree, _Pairs) else type(tree).__name__
        raise file.error("start", "not one root", got=got, expected="an object with one name in it, the root")
    waiting: list[tuple[str, object]] = [("", tree)]
    while waiting:
        parent, below = waiting.pop()
        children = below if isinstance(below, _Pairs) else _leaves(file, parent, below)
        for child, grandchildren in children:
            if not child.strip():
                raise file.error(f"below {parent!r}", "a name is empty", expected=_FORM)
            if parent:
                yield child, parent
            waiting.append((child, grandchildren))


class _Pairs(list[tuple[str, object]]):
    """A JSON object as it stands."""


def _leaves(file: WordFile, parent: str, below: object) -> list[tuple[str, object]]:
    if not isinstance(below, list) or not all(isinstance(leaf, str) for leaf in below):
        expected = "an object, or a list of names"
        raise file.error(f"below {parent!r}", "neither nodes nor leaves", got=repr(below)[:40], expected=expected)
    return [(leaf, _Pairs()) for leaf in below]


def _depths(file: WordFile, parents: Parents) -> dict[str, int]:
    try:
        order = list(graphlib.TopologicalSorter(parents).static_order())
    except graphlib.CycleError as error:
        cycle = " -> ".join(itertools.islice(error.args[1], 10))
        raise file.error("edges", "a cycle", got=cycle, expected="a tree", fix="remove one of these edges") from error
    roots = [node for node in parents if not parents[node]]
    if len(roots) > 1:
        got = ", ".join(roots[:5]) + (f" ... ({len(roots)} in all)" if len(roots) > 5 else "")
        fix = "put one node above them all"
        raise file.error("edges", "several roots", got=got, expected="one node without a parent", fix=fix)
    depths: dict[str, int] = {}
    for node in order:
        depths[node] = 1 + max((depths[parent] for parent in parents[node]), default=0)
    return depths
