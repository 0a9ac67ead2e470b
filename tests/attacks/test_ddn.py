"""Oracles: the exact distance of a hyperplane; what the rest tests is the contract of every search."""

import pytest
import torch

from advwindow.attacks import Status, make_budgets, perform
from advwindow.attacks.ddn import DDN
from advwindow.errors import UserError

from .nets import conv, images, labelled, linear


def ddn(model, x, y, *, eps=None, norm="l2", target=None, ids=None, batch_size=None, **parameters):
    attack = DDN(**parameters)
    return perform("ddn", attack, model, x, y, make_budgets(eps, norm), target=target, ids=ids, batch_size=batch_size)[
        0
    ]


def grey(seed=0, count=8, pixels=(3, 4, 4)):
    """Two classes, a boundary near grey images, and each image's exact distance to it."""
    generator = torch.Generator().manual_seed(seed)
    normal = torch.randn(torch.Size(pixels).numel(), generator=generator)
    model = linear(torch.stack([normal, -normal]), torch.tensor([-normal.sum() / 2, normal.sum() / 2]))
    x = 0.5 + 0.05 * torch.randn(count, *pixels, generator=generator)
    return model, x, labelled(model, x), ((x.flatten(1).double() - 0.5) @ normal.double()).abs() / normal.norm()


@pytest.mark.parametrize("parameters", [{}, {"init_norm": 1.0}, {"loss": "ce"}], ids=str)
def test_finds_the_exact_distance_of_a_hyperplane(parameters):
    model, x, y, exact = grey()
    out = ddn(model, x, y, **parameters)
    assert bool(out.success.all())
    assert float((out.distance / exact).max()) < 1.02
    assert float((out.distance / exact).min()) >= 1 - 1e-4


def test_batch_mates_do_not_matter():
    model, x = conv(), images(8)
    y = labelled(model, x)
    together = ddn(model, x, y, steps=30)
    again = ddn(model, x, y, steps=30)
    narrow = ddn(model, x, y, steps=30, batch_size=3)
    assert torch.equal(together.images, again.images)
    assert torch.allclose(together.images, narrow.images, atol=1e-4)
    assert torch.equal(together.success, narrow.success)


def test_failures_are_flagged():
    model, x, y, _ = grey()
    out = ddn(model, x, y, steps=1, init_norm=1e-6)
    assert not bool(out.success.any())
    assert bool(torch.isinf(out.distance).all())
    assert all(status is Status.FAILED for status in out.status)


def test_black_and_white_pixels_move():
    model, x = conv(), (images(6) > 0.5).float()
    out = ddn(model, x, labelled(model, x), steps=40)
    assert bool(out.success.all())
    assert bool(((out.images != x).flatten(1).any(1)).all())


def test_targeted_success_is_the_target_winning():
    model, x = conv(), images(8)
    y = labelled(model, x)
    target = (y + 1) % 5
    out = ddn(model, x, y, target=target, steps=60)
    assert torch.equal(out.success, out.prediction == target)
    assert bool(out.success.any())


@pytest.mark.parametrize("steps", [1, 5, 9])
def test_few_steps_work_and_cost_what_they_say(steps):
    model, x = conv(), images(2)
    out = ddn(model, x, labelled(model, x), steps=steps)
    assert out.forwards.tolist() == [DDN(steps=steps).cost().forwards] * 2
    assert out.backwards.tolist() == [DDN(steps=steps).cost().backwards] * 2


def test_misclassified_samples_cost_nothing():
    model, x = conv(), images(3)
    y = labelled(model, x)
    y[0] = (y[0] + 1) % 5
    out = ddn(model, x, y, steps=5)
    assert int(out.backwards[0]) == 0
    assert out.status[0] is Status.SKIPPED


def test_an_epsilon_counts_only_successes_within_it():
    model, x = conv(), images(8)
    y = labelled(model, x)
    minimal = ddn(model, x, y, steps=40)
    middle = float(minimal.distance.median()) + 1e-4
    out = ddn(model, x, y, steps=40, eps=f"{middle:.6f}")
    assert torch.equal(out.success, minimal.distance <= float(f"{middle:.6f}"))
    assert bool((out.norms["l2"] <= float(f"{middle:.6f}")).all())


def test_levels_keep_the_result_on_the_grid():
    model, x = conv(), (images(4) * 255).round() / 255
    out = ddn(model, x, labelled(model, x), steps=40, levels=256)
    assert bool(out.success.any())
    assert torch.equal((out.images * 255).round() / 255, out.images)


def test_another_norm_is_refused():
    model, x = conv(), images(2)
    with pytest.raises(UserError, match="minimises L2"):
        ddn(model, x, labelled(model, x), norm="linf")


@pytest.mark.parametrize(
    "change",
    [{"steps": 0}, {"gamma": 0.0}, {"gamma": 1.0}, {"init_norm": 0.0}, {"loss": "mse"}, {"levels": 1}],
    ids=str,
)
def test_bad_parameters_are_refused(change):
    with pytest.raises(UserError):
        DDN(**change)
