"""Taxonomies: Wu-Palmer similarity against hand-made trees and brute force over all ways to the root."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
import tracemalloc

import numpy as np
import pytest

from advwindow.errors import UserError
from advwindow.words import Step, resolve
from advwindow.words.taxonomy import taxonomy

EDGES = [("animal", "entity"), ("vehicle", "entity"), ("dog", "animal"), ("cat", "animal"), ("jeep", "vehicle")]
TREE = {"entity": {"animal": {"dog": {}, "cat": {}}, "vehicle": ["jeep"]}}
KNOWN = {
    ("dog", "dog"): 1,
    ("entity", "entity"): 1,
    ("dog", "cat"): 2 * 2 / (3 + 3),
    ("dog", "jeep"): 2 * 1 / (3 + 3),
    ("dog", "animal"): 2 * 2 / (3 + 2),
    ("dog", "vehicle"): 2 * 1 / (3 + 2),
    ("dog", "entity"): 2 * 1 / (3 + 1),
}


def lines(edges):
    return "".join(f"{child}\t{parent}\n" for child, parent in edges)


def written(path, text):
    path.write_text(text)
    return taxonomy(path)


def similarities(space, words):
    assert space.similarities is not None
    return space.similarities(words)


@pytest.mark.parametrize(
    "text", [lines(EDGES), lines(EDGES).replace("\n", "\r\n\r\n"), lines(reversed(EDGES)), json.dumps(TREE, indent=1)]
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_hand_made_tree(tmp_path, text, pack):
    path = tmp_path / "tree.txt"
    path.write_bytes(pack(text.encode()))
    space = taxonomy(path)
    assert (space.name, space.dim, space.sha256) == ("tree", 0, hashlib.sha256(path.read_bytes()).hexdigest())
    assert set(space.find(["dog", "animal", "absent", ""])) == {"dog", "animal"}
    for pair, expected in KNOWN.items():
        assert similarities(space, pair)[0, 1] == expected
        assert similarities(space, pair)[1, 0] == expected


def ways(node, parents):
    """Every way from a node up to the root."""
    if not parents[node]:
        return [[node]]
    return [[node, *way] for parent in parents[node] for way in ways(parent, parents)]


def slow(a, b, parents):
    depth = {node: max(len(way) for way in ways(node, parents)) for node in parents}
    shared = set(itertools.chain(*ways(a, parents))) & set(itertools.chain(*ways(b, parents)))
    return 2 * max(depth[node] for node in shared) / (depth[a] + depth[b])


@pytest.mark.parametrize("most", [1, 3])
@pytest.mark.parametrize("seed", range(5))
def test_brute_force_over_all_ways_to_the_root(tmp_path, seed, most):
    rng = np.random.default_rng(seed)
    parents = {"n0": set()}
    for node in range(1, 25):
        parents[f"n{node}"] = {f"n{rng.integers(node)}" for _ in range(rng.integers(1, most + 1))}
    edges = [(child, parent) for child, above in parents.items() for parent in above]
    rng.shuffle(edges)
    space = written(tmp_path / "w", lines(edges))
    words = rng.permutation(list(parents)).tolist()
    expected = [[slow(a, b, parents) for b in words] for a in words]
    assert similarities(space, words).tolist() == expected


def test_a_json_name_at_two_places_has_two_parents(tmp_path):
    text = '{"entity": {"bird": {"crane": {}}, "thing": {"machine": {"crane": {}, "lathe": {}}, "machine": ["drill"]}}}'
    space = written(tmp_path / "w.json", text)
    similar = similarities(space, ["crane", "lathe", "drill", "bird"])
    assert similar[0].tolist() == [1, 2 * 3 / 8, 2 * 3 / 8, 2 * 2 / 6]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("b\ta\nc\tb\na\tc\n", "a cycle: got '.* -> .*'"),
        ("a\ta\n", "a cycle: got 'a -> a'"),
        ("b\ta\nd\tc\n", "several roots: got 'a, c'"),
        ("".join(f"c{place}\tr{place}\n" for place in range(9)), r"\(9 in all\)"),
        ("dog animal\n", "line 1: not an edge: got 'dog animal'"),
        ("b\ta\nc\tb\ta\n", "line 2: not an edge"),
        ("b\ta\nc\t\n", "line 2: not an edge"),
        ("\n \n", "no taxonomy"),
        ('{"a": {}}', "no taxonomy"),
        ("{}", "not one root: got '0 names'"),
        ('{"a": {}, "b": {"c": {}}}', "not one root: got '2 names'"),
        ('["a", "b"]', "not one root: got 'list'"),
        ('{"a": {"b": 3}}', "below 'b': neither nodes nor leaves: got '3'"),
        ('{"a": {"b": ["c", {}]}}', "below 'b': neither nodes nor leaves"),
        ('{"a": {"b": ["c", ""]}}', "below 'b': a name is empty"),
        ('{"a": {', "not JSON"),
        ('{"a":' * 100_000, "not JSON"),
        ("\N{LATIN SMALL LETTER E WITH ACUTE}\ta\n".encode("latin-1"), "line 1: not UTF-8"),
        (b"\x80\x04\x95", "a pickle"),
    ],
)
def test_what_is_no_taxonomy_is_told(tmp_path, text, message):
    (tmp_path / "w").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=message):
        taxonomy(tmp_path / "w")


def test_labels_find_their_nodes(tmp_path):
    space = written(tmp_path / "w", lines([*EDGES, ("sea_lion", "animal")]))
    found = resolve(["Sea lion", "dog", "cat dog", "nothing", "jeep, landrover"], space)
    assert [row.step for row in found.rows] == [Step.VARIANT, Step.EXACT, Step.TOKENS, Step.DROPPED, Step.EXACT]
    inner = found.inner(found.vectors, found.vectors)
    assert inner[0].tolist() == pytest.approx([1, 2 / 3, 2 / 3, 1 / 3])
    assert inner[2].tolist() == pytest.approx([2 / 3, 5 / 6, 5 / 6, 1 / 3])


def test_a_large_taxonomy_never_becomes_a_square(tmp_path):
    nodes = 20_000
    edges = [(f"n{node}", f"n{(node - 1) // 4}") for node in range(1, nodes)]
    path = tmp_path / "w"
    path.write_text(lines(edges))
    tracemalloc.start()
    try:
        similar = similarities(taxonomy(path), [f"n{node}" for node in range(0, nodes, 200)])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert similar.shape == (100, 100)
    assert peak < nodes * nodes / 8
