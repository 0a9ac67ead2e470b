from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from advwindow.reports.reading.findings import headline, worst_layer
from advwindow.reports.reading.geometry import (
    Order,
    concept_names,
    distance,
    geometry_of,
    headline_geometry,
    read_geometry,
    within_and_between,
    word_order,
)
from advwindow.window import Evidence
from advwindow.window.similarity import ConstantPatternError
from tests.reports.geometries import HOSTILE, geometry, patterns
from tests.window.helpers import evidence_of


def evidence(made, *, conditions=("clean", "noise", "attack"), folds=1):
    by_name = {"clean": made.clean, "noise": made.noisy, "attack": made.attacked}
    return evidence_of(made.words, {"head": [by_name[name] for name in conditions]}, conditions=conditions, folds=folds)


def test_matrices_are_the_correlations_of_the_activations():
    made = patterns(9)
    found = geometry_of(evidence(made), "head", title="PGD")
    np.testing.assert_allclose(found.of_words, np.corrcoef(made.words), atol=1e-12)
    np.testing.assert_allclose(found.clean, np.corrcoef(made.clean), atol=1e-12)
    np.testing.assert_allclose(found.attacked, np.corrcoef(made.attacked), atol=1e-12)
    np.testing.assert_allclose(found.difference, np.corrcoef(made.attacked) - np.corrcoef(made.clean), atol=1e-12)
    np.testing.assert_allclose(found.across, np.corrcoef(made.clean, made.attacked)[:9, 9:], atol=1e-12)
    np.testing.assert_allclose(found.kept_by_noise, np.diag(np.corrcoef(made.clean, made.noisy), 9), atol=1e-12)
    assert (found.attack, found.layer, found.space, found.kind) == ("PGD", "head", "toy", "pearson")
    assert found.concepts[3] == "concept 3"
    assert found.words[3] == "word3"


def test_the_run_s_own_similarity_is_used():
    made = patterns(6)
    found = geometry_of(replace(evidence(made), similarity="cosine"), "head", title="PGD")
    unit = made.clean / np.linalg.norm(made.clean, axis=1, keepdims=True)
    np.testing.assert_allclose(found.clean, unit @ unit.T, atol=1e-12)
    assert found.kind == "cosine"


def test_folds_are_averaged_by_their_numbers_of_images():
    first, second = patterns(6), patterns(6, seed=1)
    stacked = [np.vstack(both) for both in zip(first[1:3], second[1:3], strict=True)]
    many = evidence_of(first.words, {"head": stacked}, folds=2)
    many.counts[0] = 3
    found = geometry_of(many, "head", title="PGD")
    np.testing.assert_allclose(found.clean, np.corrcoef((3 * first.clean + second.clean) / 4), atol=1e-12)
    assert found.kept_by_noise is None


def test_distances_are_those_of_patterns_of_length_one():
    made = patterns(7)
    found = geometry_of(evidence(made), "head", title="PGD")
    clean, attacked = (each - each.mean(1, keepdims=True) for each in (made.clean, made.attacked))
    clean, attacked = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (clean, attacked))
    apart = np.linalg.norm(clean[:, None] - attacked, axis=2)
    np.testing.assert_allclose(found.moved, np.diag(apart), atol=1e-9)
    np.testing.assert_array_equal(found.nearest, apart.argmin(0))
    assert (found.nearest != np.arange(7)).any()
    assert distance(np.array([1.0, -1.0])).tolist() == [0, 2]


def test_who_is_as_near_as_others_is_nearest_to_itself():
    same = replace(geometry(5), joint=np.ones((10, 10)))
    assert same.nearest.tolist() == [0, 1, 2, 3, 4]


def test_concepts_stand_in_the_best_order_of_the_leaves():
    words = np.corrcoef(patterns(20).words)
    apart = squareform(1 - words, checks=False)
    order = word_order(words)
    np.testing.assert_array_equal(order.leaves, leaves_list(linkage(apart, "average", optimal_ordering=True)))
    assert sorted(order.leaves) == list(range(20))
    assert len(set(order.clusters.tolist())) == 4
    along = order.clusters[order.leaves]
    assert np.count_nonzero(np.diff(along)) == 3, "clusters are runs of leaves"


def test_borders_are_the_ends_of_large_clusters():
    order = Order(np.array([2, 0, 1, 5, 3, 4, 6]), np.array([1, 1, 1, 2, 2, 3, 4]))
    assert order.clusters[order.leaves].tolist() == [1, 1, 1, 3, 2, 2, 4]
    assert order.borders(1).tolist() == [3, 4, 6]
    assert order.borders(3).tolist() == [3]
    assert order.borders(2).tolist() == [3, 4, 6]
    assert order.borders(8).tolist() == []


def test_means_within_and_between_clusters():
    matrix = np.array([[1, 0.8, 0.1], [0.8, 1, 0.3], [0.1, 0.3, 1]])
    assert within_and_between(matrix, np.array([1, 1, 2])) == pytest.approx((0.8, 0.2))
    assert np.isnan(within_and_between(matrix, np.array([1, 2, 3]))[0])
    assert np.isnan(within_and_between(matrix, np.array([1, 1, 1]))[1])


def test_names_are_short_visible_and_the_first_of_several():
    named = concept_names(HOSTILE, 12)
    assert named == [
        "#$x_$",
        "<scri…cript>",
        "مرحبا…العالم",
        "😀 cat",
        "LLLLL…LLLLLL",
        ",",
        "�turned",
        "two lines",
        "",
    ]
    assert concept_names(["tench, Tinca tinca", "crane, a bird", "crane, a machine"], 20) == [
        "tench", "crane, a bird", "crane, a machine",
    ]  # fmt: skip


def test_the_layer_with_the_worst_drift_is_read_from_the_run(study):
    attack = headline(study)
    layer = worst_layer(attack)["layer"]
    found = headline_geometry(study)
    kept = Evidence.from_arrays(*study.run.arrays(attack.spec, "grams"))
    wanted = geometry_of(kept, layer, title=attack.title)
    assert (found.layer, found.attack) == (layer, attack.title)
    np.testing.assert_array_equal(found.joint, wanted.joint)
    np.testing.assert_array_equal(found.of_words, wanted.of_words)
    assert headline_geometry(study) is found


def test_no_other_layer_is_read(study, monkeypatch):
    read, whole = [], study.run.arrays

    def spy(spec, name, *, wanted):
        arrays, told = whole(spec, name, wanted=wanted)
        read.extend(arrays)
        return arrays, told

    monkeypatch.setattr(study.run, "arrays", spy)
    read_geometry(study.run, headline(study), layer="blocks.1")
    assert {name.split("/")[1] for name in read if name.startswith("layers/")} == {"blocks.1"}


def test_no_geometry_where_there_is_none(study, monkeypatch):
    attack, made = headline(study), patterns(5)
    assert read_geometry(study.run, attack, layer="no such layer") is None
    flat = made._replace(attacked=np.ones_like(made.attacked))
    with pytest.raises(ConstantPatternError):
        geometry_of(evidence(flat), "head", title="PGD")
    kept = {"flat": flat, "three": patterns(3), "four": patterns(4)}
    there = {}
    for name, case in kept.items():
        held = evidence(case).arrays()
        monkeypatch.setattr(study.run, "arrays", partial(answer, held))
        there[name] = read_geometry(study.run, attack, layer="head") is not None
    assert there == {"flat": False, "three": False, "four": True}


def answer(held, *_, **__):
    return held
