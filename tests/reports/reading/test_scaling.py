from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import procrustes
from scipy.spatial.distance import cdist, pdist

from advwindow.reports.reading import scaling
from advwindow.reports.reading.scaling import classical_scaling, laid_onto, map_concepts
from tests.reports.geometries import geometry


def plane(points=9, *, seed=0):
    return np.random.default_rng(seed).normal(size=(points, 2)) * [3, 1]


def rotation(angle):
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


@pytest.mark.parametrize("dense", [500, 5])
def test_a_plane_configuration_keeps_its_distances(dense, monkeypatch):
    monkeypatch.setattr(scaling, "_MOST_DENSE", dense)
    points = plane() + np.array([5, -2])
    hidden = points @ np.linalg.qr(np.random.default_rng(1).normal(size=(6, 6)))[0][:2]
    found = classical_scaling(hidden @ hidden.T)
    np.testing.assert_allclose(pdist(found.points), pdist(points), rtol=1e-9)
    np.testing.assert_allclose(found.points.mean(0), 0, atol=1e-9)
    assert found.shares.sum() == pytest.approx(1)
    assert found.shares[0] > found.shares[1]


@pytest.mark.parametrize("dense", [500, 5])
def test_shares_of_the_variance_against_all_eigenvalues(dense, monkeypatch):
    monkeypatch.setattr(scaling, "_MOST_DENSE", dense)
    joint = geometry(12).joint
    centring = np.eye(24) - 1 / 24
    values = np.linalg.eigvalsh(centring @ joint @ centring)[::-1]
    found = classical_scaling(joint)
    np.testing.assert_allclose(found.shares, values[:2] / values.sum(), rtol=1e-9)
    np.testing.assert_allclose(np.square(found.points).sum(0), values[:2], rtol=1e-9)


def test_signs_do_not_depend_on_those_of_the_input():
    points = plane()
    first = classical_scaling(points @ points.T).points
    turned = points @ rotation(1.0) * [-1, 1]
    np.testing.assert_allclose(classical_scaling(turned @ turned.T).points, first, atol=1e-9)
    for axis in first.T:
        assert axis[np.abs(axis).argmax()] > 0


def test_equal_points_have_a_map_without_extent():
    found = classical_scaling(np.ones((6, 6)))
    assert not found.points.any()
    assert not found.shares.any()


def test_points_on_a_line_have_one_dimension():
    line = np.arange(5.0)[:, None]
    found = classical_scaling(line @ line.T)
    np.testing.assert_allclose(found.shares, [1, 0], atol=1e-12)
    np.testing.assert_allclose(np.abs(found.points[:, 0]), np.abs(line[:, 0] - 2), atol=1e-9)


def test_points_are_laid_onto_others_as_scipy_does():
    target, points = plane(), plane(seed=1)
    points -= points.mean(0)
    laid = laid_onto(points, target)
    _, _, disparity = procrustes(target, points)
    centred = target - target.mean(0)
    assert np.square(laid - target).sum() / np.square(centred).sum() == pytest.approx(disparity)


def test_a_turned_mirrored_and_scaled_copy_is_laid_exactly():
    target = plane()
    points = 0.1 * (target - target.mean(0)) @ rotation(2.0) * [1, -1]
    np.testing.assert_allclose(laid_onto(points, target), target, atol=1e-9)
    np.testing.assert_allclose(laid_onto(np.zeros((9, 2)), target), np.tile(target.mean(0), (9, 1)))


def test_without_change_no_concept_moves():
    one = geometry(10)
    same = replace(one, joint=np.tile(one.clean, (2, 2)))
    found = map_concepts(same)
    np.testing.assert_allclose(found.attacked, found.clean, atol=1e-9)
    np.testing.assert_allclose(same.moved, 0, atol=1e-7)


def test_words_like_the_clean_concepts_lie_on_them():
    flat = plane()
    unit = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    alike = unit @ unit.T
    one = replace(geometry(9), of_words=alike, joint=np.tile(alike, (2, 2)))
    found = map_concepts(one)
    np.testing.assert_allclose(found.words, found.clean, atol=1e-9)
    np.testing.assert_allclose(cdist(found.clean, found.attacked), cdist(unit, unit), atol=1e-7)
