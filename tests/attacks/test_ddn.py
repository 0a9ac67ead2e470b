"""Oracle: the exact distance of a hyperplane; what DDN shares with others is tested in test_approach."""

import pytest
import torch

from advwindow.attacks import Status
from advwindow.attacks.ddn import DDN
from advwindow.errors import UserError

from .nets import conv, images, labelled, linear
from .test_approach import attacked


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
    out = attacked(DDN, model, x, y, "l2", **parameters)
    assert bool(out.success.all())
    assert float((out.distance / exact).max()) < 1.02
    assert float((out.distance / exact).min()) >= 1 - 1e-4


def test_batch_mates_do_not_move_the_result():
    model, x = conv(), images(8)
    y = labelled(model, x)
    together, narrow = (attacked(DDN, model, x, y, "l2", steps=30, batch_size=size) for size in (None, 3))
    assert torch.allclose(together.images, narrow.images, atol=1e-4)


def test_failures_are_flagged():
    model, x, y, _ = grey()
    out = attacked(DDN, model, x, y, "l2", steps=1, init_norm=1e-6)
    assert not bool(out.success.any())
    assert bool(torch.isinf(out.distance).all())
    assert all(status is Status.FAILED for status in out.status)


def test_black_and_white_pixels_move():
    model, x = conv(), (images(6) > 0.5).float()
    out = attacked(DDN, model, x, labelled(model, x), "l2", steps=40)
    assert bool(out.success.all())
    assert bool(((out.images != x).flatten(1).any(1)).all())


def test_levels_keep_the_result_on_the_grid():
    model, x = conv(), (images(4) * 255).round() / 255
    out = attacked(DDN, model, x, labelled(model, x), "l2", steps=40, levels=256)
    assert bool(out.success.any())
    assert torch.equal((out.images * 255).round() / 255, out.images)


@pytest.mark.parametrize(
    "change",
    [{"steps": 0}, {"gamma": 0.0}, {"gamma": 1.0}, {"init_norm": 0.0}, {"loss": "mse"}, {"levels": 1}],
    ids=str,
)
def test_bad_parameters_are_refused(change):
    with pytest.raises(UserError):
        DDN(**change)
