"""Oracles: linear programmes (an optimum is certified by the vertices it beats), brute force, and the authors' code."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linprog
from torch.utils._python_dispatch import TorchDispatchMode

from advwindow.attacks import projections
from advwindow.attacks.budget import Norm
from advwindow.attacks.projections import onto_l0_ball, onto_l1_ball, to_hyperplane

HYPERPLANE_NORMS = [Norm.LINF, Norm.L2, Norm.L1]
PIXELS = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1, width=32, allow_subnormal=False))
quick = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def vectors(elements, size=6):
    return arrays(np.float32, size, elements=elements)


def rows(*arrays_):
    return [torch.from_numpy(np.asarray(a, np.float32))[None] for a in arrays_]


def moves_in_the_box(point):
    """Bounds of non-negative moves up and down from a point."""
    return [(0, 1 - p) for p in point] + [(0, p) for p in point]


# --- L1 ball ---------------------------------------------------------------------------------------------------------


def farthest_along(direction, centre, radius):
    """The largest ``direction . c`` over ball and box, by a linear programme."""
    cost = np.concatenate([-direction, direction])
    found = linprog(cost, A_ub=np.ones((1, cost.size)), b_ub=[radius], bounds=moves_in_the_box(centre))
    return direction @ centre - found.fun


@quick
@given(vectors(PIXELS), vectors(st.floats(-2, 3, width=32)), st.floats(0, 4))
def test_l1_no_point_of_ball_and_box_is_nearer(centre, image, radius):
    projected = onto_l1_ball(*rows(image, centre), torch.tensor([radius], dtype=torch.float64))[0].double().numpy()
    centre, image = centre.astype(float), image.astype(float)
    assert np.abs(projected - centre).sum() <= radius
    assert projected.min() >= 0
    assert projected.max() <= 1
    outward = image - projected  # a projection onto a convex set is the point with outward . (c - point) <= 0
    assert farthest_along(outward, centre, radius) - outward @ projected <= 2e-6 * (1 + np.abs(outward).sum())


@pytest.mark.parametrize("radius", [1e-4, 0.3, 12.0, 400.0])
def test_l1_of_many_pixels_spends_its_radius_and_never_more(radius):
    generator = torch.Generator().manual_seed(3)
    centre = torch.rand(8, 3, 40, 40, generator=generator)
    centre[:2] = centre[:2].round()
    image = centre + torch.randn(centre.shape, generator=generator)
    spent = (
        onto_l1_ball(image, centre, torch.full((8,), radius, dtype=torch.float64)).double() - centre.double()
    ).abs()
    assert bool((spent.flatten(1).sum(1) <= radius).all())
    assert bool((spent.flatten(1).sum(1) >= radius * (1 - 1e-3)).all())


def test_l1_agrees_with_the_soft_threshold_where_the_box_is_far():
    delta = torch.randn(5, 30, generator=torch.Generator().manual_seed(0)) / 100
    centre, radius = torch.full_like(delta, 0.5), torch.full((5,), 0.1, dtype=torch.float64)
    ordered = delta.double().abs().sort(1, descending=True).values
    thresholds = (ordered.cumsum(1) - 0.1) / torch.arange(1, 31)
    threshold = thresholds.max(1, keepdim=True).values  # Duchi et al. 2008: the largest of these
    exact = delta.sign() * (delta.double().abs() - threshold).clamp(min=0)
    assert torch.allclose(onto_l1_ball(centre + delta, centre, radius).double() - 0.5, exact, atol=1e-7)


def test_l1_points_inside_come_back_as_they_are_and_radius_0_leaves_the_centre():
    generator = torch.Generator().manual_seed(1)
    centre = torch.rand(4, 3, 5, 5, generator=generator)
    image = (centre + 0.01 * torch.randn(centre.shape, generator=generator)).clamp(0, 1)
    inside = onto_l1_ball(image, centre, torch.full((4,), 50.0, dtype=torch.float64))
    assert torch.equal(inside, image)
    assert torch.equal(onto_l1_ball(image, centre, torch.zeros(4).double()), centre)
    assert torch.equal(
        onto_l1_ball(image + 5, centre, torch.full((4,), torch.inf, dtype=torch.float64)), torch.ones_like(image)
    )
    once = onto_l1_ball(image, centre, torch.full((4,), 0.2, dtype=torch.float64))
    assert torch.equal(onto_l1_ball(once, centre, torch.full((4,), 0.2, dtype=torch.float64)), once)


# --- L0 ball ---------------------------------------------------------------------------------------------------------


@quick
@given(vectors(PIXELS, 5), vectors(st.floats(-2, 3, width=32), 5), st.integers(0, 6))
def test_l0_no_choice_of_values_is_nearer(centre, image, count):
    projected = onto_l0_ball(*rows(image, centre), torch.tensor([float(count)]).double())[0].double().numpy()
    centre, image = centre.astype(float), image.astype(float)
    assert (projected != centre).sum() <= count
    assert projected.min() >= 0
    assert projected.max() <= 1
    choices = itertools.combinations(range(5), min(count, 5))
    points = [np.where(np.isin(np.arange(5), choice), image.clip(0, 1), centre) for choice in choices]
    best = min(np.square(point - image).sum() for point in points)
    assert np.square(projected - image).sum() <= best + 1e-5


def test_l0_of_equal_changes_the_first_stay():
    centre, image = torch.zeros(2, 1, 2, 3), torch.full((2, 1, 2, 3), 0.5)
    kept = onto_l0_ball(image, centre, torch.tensor([2.0, 4.0]).double())
    assert kept.flatten(1).tolist() == [[0.5, 0.5, 0, 0, 0, 0], [0.5, 0.5, 0.5, 0.5, 0, 0]]


# --- hyperplanes -----------------------------------------------------------------------------------------------------


def smallest_shift(point, normal, value, norm):
    """The least size of a shift onto the hyperplane inside the box by a linear programme; None if there is none."""
    n = point.size
    if norm is Norm.L1:
        found = linprog(
            np.ones(2 * n), A_eq=[np.concatenate([normal, -normal])], b_eq=[-value], bounds=moves_in_the_box(point)
        )
    else:  # the variables are the shift and its largest entry
        largest = np.ones((n, 1))
        found = linprog(
            np.append(np.zeros(n), 1.0),
            A_ub=np.block([[np.eye(n), -largest], [-np.eye(n), -largest]]),
            b_ub=np.zeros(2 * n),
            A_eq=[np.append(normal, 0.0)],
            b_eq=[-value],
            bounds=[*[(-p, 1 - p) for p in point], (0, None)],
        )
    return found.fun if found.status == 0 else None


def shifted(point, normal, value, norm):
    shift = to_hyperplane(*rows(point, normal), torch.tensor([value]).float(), norm)[0].double().numpy()
    return shift, point.astype(float), normal.astype(float), float(np.float32(value))


NORMALS = st.one_of(st.just(0.0), st.floats(-3, 3, width=32).filter(lambda w: abs(w) > 1e-3))


@quick
@given(vectors(PIXELS), vectors(NORMALS), st.floats(-3, 3, width=32), st.sampled_from(HYPERPLANE_NORMS))
def test_hyperplane_is_reached_by_the_smallest_shift_that_stays_in_the_box(point, normal, value, norm):
    shift, point, normal, value = shifted(point, normal, value, norm)
    assert (point + shift).min() >= -1e-7
    assert (point + shift).max() <= 1 + 1e-7
    reach = np.where(normal * -value > 0, 1 - point, point) * np.abs(normal)
    if reach.sum() < abs(value) + 1e-5:  # out of reach, or only just within: the corner of the box that is nearest
        assert np.allclose(np.abs(normal * shift), reach, atol=2e-5)
        return
    assert normal @ shift + value == pytest.approx(0, abs=2e-6 * (1 + abs(value)))
    if norm is not Norm.L2:
        best = smallest_shift(point, normal, value, norm)
        assert np.linalg.norm(shift, np.inf if norm is Norm.LINF else 1) == pytest.approx(best, abs=1e-5)
        return
    # The nearest point p of a convex set is the one with (p - x) . (c - p) >= 0 for all its points c.
    others = linprog(shift, A_eq=[normal], b_eq=[-value], bounds=[(-p, 1 - p) for p in point])
    assert others.status == 0
    assert others.fun >= shift @ shift - 1e-5


@pytest.mark.parametrize("norm", HYPERPLANE_NORMS)
@pytest.mark.parametrize("share", [1e-4, 0.1, 0.7, 0.999])
def test_hyperplane_in_many_dimensions_agrees_with_the_authors_code(norm, share):
    fab = pytest.importorskip("torchattacks.attacks.fab")
    generator = torch.Generator().manual_seed(7)
    points = torch.rand(6, 1200, generator=generator)
    points[:2] = points[:2].round()
    normals = torch.randn(6, 1200, generator=generator)
    signs = torch.tensor([1.0, -1, 1, -1, 1, -1])
    reach = torch.where(normals * -signs[:, None] > 0, 1 - points, points) * normals.abs()
    values = signs * share * reach.sum(1)
    ours = to_hyperplane(points, normals, values, norm).double()
    offsets = (normals.double() * points.double()).sum(1) - values.double()
    theirs = getattr(fab, f"projection_{norm}")(points.double(), normals.double(), offsets)
    order = {Norm.LINF: torch.inf, Norm.L2: 2, Norm.L1: 1}[norm]
    assert torch.allclose((normals * ours).sum(1), -values.double(), rtol=1e-5, atol=1e-4)
    assert torch.allclose(ours.norm(order, dim=1), theirs.norm(order, dim=1), rtol=2e-5)
    if norm is Norm.L2:  # elsewhere a last weak entry may differ widely for a rounding error
        assert torch.allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("norm", HYPERPLANE_NORMS)
@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1e12, 1e30])
def test_hyperplane_does_not_depend_on_the_length_of_its_normal(norm, scale):
    generator = torch.Generator().manual_seed(2)
    points, normals = torch.rand(3, 50, generator=generator), torch.randn(3, 50, generator=generator)
    values = torch.tensor([1.0, -2.0, 0.1])
    plain = to_hyperplane(points, normals, values, norm)
    assert torch.allclose(to_hyperplane(points, normals * scale, values * scale, norm), plain, atol=1e-6)


@pytest.mark.parametrize("norm", HYPERPLANE_NORMS)
def test_hyperplane_without_a_normal_or_already_there_asks_for_no_shift(norm):
    points, normals = torch.rand(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    normals[0] = 0
    shift = to_hyperplane(points, normals, torch.tensor([1.0, 0.0]), norm)
    assert torch.equal(shift, torch.zeros_like(points))


@pytest.mark.parametrize("norm", HYPERPLANE_NORMS)
def test_hyperplane_that_is_infinitely_far_leads_to_a_corner_and_nan_nowhere(norm):
    points, normals = torch.rand(2, 10), torch.randn(2, 10)
    shift = to_hyperplane(points, normals, torch.tensor([torch.inf, torch.nan]), norm)
    assert torch.allclose(points[0] + shift[0], (normals[0] < 0).float(), atol=1e-6)
    assert torch.equal(shift[1], torch.zeros(10))


@pytest.mark.parametrize("norm", HYPERPLANE_NORMS)
def test_batch_mates_do_not_matter(norm):
    generator = torch.Generator().manual_seed(5)
    points, normals = torch.rand(9, 3, 6, 6, generator=generator), torch.randn(9, 3, 6, 6, generator=generator)
    values, radius = torch.linspace(-4, 4, 9), torch.linspace(0, 8, 9).double()
    images = points + normals
    together = to_hyperplane(points, normals, values, norm)
    for i in range(9):
        one = slice(i, i + 1)
        assert torch.allclose(to_hyperplane(points[one], normals[one], values[one], norm), together[one], atol=1e-7)
        for onto in (onto_l1_ball, onto_l0_ball):
            alone = onto(images[one], points[one], radius[one])
            assert torch.allclose(alone, onto(images, points, radius)[one], atol=1e-7)


class NoWaiting(TorchDispatchMode):
    """Refuses what would make the host wait for a device: numbers read out, shapes that depend on values."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert func.overloadpacket.__name__ not in ("_local_scalar_dense", "nonzero", "masked_select", "equal")
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("norm", [Norm.LINF, Norm.L2])
def test_newton_and_bisection_agree(norm, monkeypatch):
    points = torch.rand(40, 3, 6, 6)
    points[:20] = points[:20].round()
    normals = torch.randn(points.shape) * torch.rand(points.shape) ** 4
    normals[7] = 0
    values = torch.linspace(-3, 3, 40).sign() * torch.logspace(-6, 4, 40)
    newton = to_hyperplane(points, normals, values, norm)
    monkeypatch.setattr(projections, "AT_HAND", frozenset())
    bisection = to_hyperplane(points, normals, values, norm)
    assert torch.allclose(newton, bisection, rtol=1e-6, atol=0)


def test_newton_passes_many_breakpoints():
    strength = torch.logspace(0, -18, 200).reshape(1, 200)
    points = 1 - torch.logspace(-6, 0, 200).reshape(1, 200)
    values = (strength * (1 - points)).sum(1) * -0.999999
    shift = to_hyperplane(points, strength, values, Norm.L2)
    assert torch.allclose((strength * shift).sum(1), -values, rtol=1e-5)


def test_the_host_never_waits(monkeypatch):
    monkeypatch.setattr(projections, "AT_HAND", frozenset())
    points, normals = torch.rand(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    values, radius = torch.ones(2), torch.ones(2).double()
    with NoWaiting():
        for norm in HYPERPLANE_NORMS:
            to_hyperplane(points, normals, values, norm)
        onto_l1_ball(points + normals, points, radius)
        onto_l0_ball(points + normals, points, radius)
    with pytest.raises(AssertionError), NoWaiting():
        bool(points.sum() > 0)
