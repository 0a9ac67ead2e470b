"""Random search against closed forms, and against the implementation of torchattacks."""

import math

import numpy as np
import pytest
import torch

from advwindow.attacks import Square, make_budgets, perform
from advwindow.attacks.squares import bumps, hashed
from advwindow.errors import UserError

from .nets import conv, images, labelled, linear, random_linear


def _run(model, x, eps, norm="linf", *, y=None, attack=None, **options):
    budgets = make_budgets(eps, norm)
    y = labelled(model, x) if y is None else y
    return perform("square", attack or Square(queries=100), model, x, y, budgets, **options)[0]


def test_the_corner_of_the_ball_is_found_on_a_linear_network():
    model, x = random_linear(2, 9, seed=1), 0.3 + 0.4 * images(6, channels=1, side=3)
    y = labelled(model, x)
    weight = next(model.module.parameters()).detach()
    direction = (weight[1 - y] - weight[y]).sign().view_as(x)
    with torch.no_grad():
        logits = model(x + 0.01 * direction)
    best = logits.gather(1, y[:, None]).squeeze(1) - logits.gather(1, 1 - y[:, None]).squeeze(1)
    out = _run(model, x, "0.01", attack=Square(queries=600, until="end"))
    assert torch.allclose(out.margin, best, atol=1e-4)


def test_a_pixel_of_the_last_row_and_column_is_reached():
    weight = torch.zeros(2, 16)
    weight[0, 15] = -1.0
    weight[1, 15] = 1.0
    model, x = linear(weight, torch.tensor([1.02, 0.0])), torch.full((4, 1, 4, 4), 0.5)
    out = _run(model, x, "0.1", attack=Square(queries=300))
    assert bool(out.success.all())


@pytest.mark.parametrize(("norm", "eps"), [("linf", "0.02"), ("l2", "0.2")])
def test_never_weaker_than_torchattacks_at_the_same_queries(norm, eps):
    torchattacks = pytest.importorskip("torchattacks")
    model, x = conv(), images(24)
    y = labelled(model, x)
    ours, theirs = [], []
    for seed in range(3):
        ours.append(_run(model, x, eps, norm, attack=Square(queries=150), seed=seed).robust_accuracy())
        with torch.random.fork_rng(), torch.no_grad():
            name = {"linf": "Linf", "l2": "L2"}[norm]
            attack = torchattacks.Square(
                model, norm=name, eps=float(eps), n_queries=149, resc_schedule=False, seed=seed
            )
            theirs.append(float((model(attack(x, y)).argmax(1) == y).float().mean()))
    assert np.mean(ours) <= np.mean(theirs) + 0.05


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("targeted", [False, True])
def test_success_is_the_goal_reached_within_epsilon(norm, targeted):
    model, x = conv(), images(10)
    y = labelled(model, x)
    target = (y + 1) % 5 if targeted else None
    out = _run(model, x, {"linf": "0.2", "l2": "3"}[norm], norm, target=target, attack=Square(queries=200))
    assert bool(out.success.any())
    assert bool((out.eps_excess <= 0).all())
    reached = out.prediction == target if targeted else out.prediction != y
    assert torch.equal(out.success, reached)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_batch_mates_do_not_matter(norm):
    model, x = conv(), images(7)
    y, eps = labelled(model, x), {"linf": "0.01", "l2": "0.1"}[norm]
    together = _run(model, x, eps, norm, y=y, batch_size=3)
    for i in range(7):
        alone = _run(model, x[i : i + 1], eps, norm, y=y[i : i + 1], ids=[str(i)])
        assert torch.allclose(alone.images, together.images[i : i + 1], atol=1e-6)
        assert int(alone.forwards) == int(together.forwards[i])


def test_the_seed_decides_and_nothing_else():
    model, x = conv(), images(4)
    first, again, other = (_run(model, x, "0.001", seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, other.images)


@pytest.mark.parametrize("queries", [1, 2, 37])
def test_failures_cost_every_query_and_successes_no_more_than_they_took(queries):
    model, x = conv(), images(12)
    out = _run(model, x, "0.02", attack=Square(queries=queries, restarts=2))
    assert int(out.forwards.max()) <= 2 * queries
    assert bool((out.forwards[~out.success] == 2 * queries).all())
    assert bool((out.backwards == 0).all())


def test_until_the_end_is_at_least_as_strong_and_uses_all_queries():
    model, x = conv(), images(6)
    short, long = (_run(model, x, "0.1", attack=Square(queries=80, until=until)) for until in ("success", "end"))
    assert bool((long.forwards == 80).all())
    assert bool((long.margin <= short.margin + 1e-6).all())
    assert not bool(long.silent.any())


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("shape", [(3, 1, 1), (1, 2, 2), (3, 5, 11), (3, 9, 4), (1, 1, 6)], ids=str)
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_small_oblong_and_constant_images(norm, shape, value):
    model, x = random_linear(3, math.prod(shape), seed=3), torch.full((2, *shape), value)
    out = _run(model, x, "0.25", norm, attack=Square(queries=40, until="end"))
    assert bool(out.images.isfinite().all())
    assert bool(out.in_box.all())
    assert bool((out.eps_excess <= 0).all())


def test_the_share_of_the_squares_is_halved_when_the_authors_do():
    attack = Square()
    shares = {place: attack.share(place) for place in (0, 10, 11, 50, 51, 200, 201, 4999)}
    assert shares == {0: 0.8, 10: 0.8, 11: 0.4, 50: 0.4, 51: 0.2, 200: 0.2, 201: 0.1, 4999: 0.8 / 128}
    assert Square(queries=1000, rescale_schedule=True).share(2) == 0.4


@pytest.mark.parametrize("side", [1, 2, 3, 7, 12])
def test_bumps_have_length_one_and_two_signs(side):
    bump = bumps(side)
    assert bump.shape == (side, side)
    assert float(bump.norm()) == pytest.approx(1, abs=1e-5)
    assert bool((bump[: side // 2] > 0).all())
    assert bool((bump[side // 2 :] < 0).all())


def test_hashed_numbers_are_those_of_splitmix64():
    def reference(key, place):
        mask = 2**64 - 1
        z = (key + place * 0x9E3779B97F4A7C15) & mask
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return (z ^ (z >> 31)) >> 33

    keys, steps = [0, 5, 2**63 - 1], [0, 3, 4999]
    drawn = hashed(torch.tensor(keys), torch.tensor(steps), 4)
    expected = [[reference(key, step * 4 + i) for i in range(1, 5)] for key, step in zip(keys, steps, strict=True)]
    assert drawn.tolist() == expected


@pytest.mark.parametrize("change", [{"queries": 0}, {"p_init": 0.0}, {"p_init": 1.5}, {"restarts": 0}], ids=str)
def test_bad_parameters_are_refused(change):
    with pytest.raises(UserError):
        Square(**change)


def test_other_norms_are_refused():
    model, x = conv(), images(2)
    with pytest.raises(UserError, match="no such norm"):
        _run(model, x, "1", "l1")
