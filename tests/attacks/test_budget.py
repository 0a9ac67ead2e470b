import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from advwindow.attacks.ball import Ball
from advwindow.attacks.budget import Budget, Norm, make_budgets, parse_eps, size, steepest
from advwindow.errors import UserError


@pytest.mark.parametrize(
    ("text", "value"),
    [("8/255", 8 / 255), ("0.5", 0.5), (" 1/4 ", 0.25), ("3", 3.0), ("1e-3", 1e-3), ("0.5/255", 0.5 / 255)],
)
def test_epsilon_text_is_read_exactly(text, value):
    assert parse_eps(text) == value


@pytest.mark.parametrize("text", ["", "abc", "8/0", "nan", "inf", "-1/255", "0", "8/255/2", "8/", "/8"])
def test_epsilon_that_is_no_positive_number_is_refused(text):
    with pytest.raises(UserError, match="epsilon"):
        parse_eps(text)


def test_epsilon_in_8_bit_units_is_refused_with_the_fix():
    with pytest.raises(UserError, match="write 8/255"):
        Budget(Norm.LINF, "8")


def test_budget_keeps_the_text():
    assert make_budgets(["8/255", "0.1"], "linf")[0].eps == "8/255"
    assert make_budgets(None, "l2")[0].value == math.inf


def test_unknown_norm_is_refused_with_the_known_ones():
    with pytest.raises(UserError, match="l2, linf"):
        make_budgets("1", "l7")


@pytest.mark.parametrize("level", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("sign", [-1, 1])
def test_linf_ball_holds_in_float64_at_every_8_bit_level(level, sign):
    """Plain float32 exceeds epsilon at some of these levels; the projection must not, nor lose more than an ulp."""
    x = (torch.arange(256, dtype=torch.float32) / 255).reshape(1, 1, 16, 16)
    eps = level / 255
    ball = Ball.around(x, torch.tensor([eps], dtype=torch.float64), Norm.LINF)
    reached = ball.project(x + sign * 1.0)
    moved = (reached.double() - x.double()).abs()
    inside = (x.double() + sign * eps >= 0) & (x.double() + sign * eps <= 1)
    assert float(moved.max()) <= eps
    assert float((eps - moved[inside]).max()) < 2.0**-23
    assert reached.min() >= 0
    assert reached.max() <= 1


def test_naive_float32_ball_would_leak():
    """The oracle of the test above: without the care there is something to catch."""
    x = torch.arange(256, dtype=torch.float32) / 255
    assert int(((x + 8 / 255).double() - x.double() > 8 / 255).sum()) > 0


@given(eps=st.floats(1e-3, 3.0), seed=st.integers(0, 1000), reach=st.floats(0.0, 10.0))
def test_l2_projection_is_strict_and_idempotent_enough(eps, seed, reach):
    draw = np.random.default_rng(seed)
    x = torch.from_numpy(draw.uniform(0, 1, (2, 3, 5, 5))).float()
    y = torch.from_numpy(draw.normal(0, reach + 1e-9, (2, 3, 5, 5))).float() + x
    ball = Ball.around(x, torch.full((2,), eps, dtype=torch.float64), Norm.L2)
    once = ball.project(y)
    assert float(size(once.double() - x.double(), Norm.L2).max()) <= eps
    assert once.min() >= 0
    assert once.max() <= 1
    assert torch.allclose(ball.project(once), once, atol=1e-5)


def test_l2_projection_loses_almost_nothing():
    x = torch.full((1, 3, 32, 32), 0.5)
    y = x + 0.1
    ball = Ball.around(x, torch.tensor([0.5], dtype=torch.float64), Norm.L2)
    assert 0.5 - float(size((ball.project(y) - x).double(), Norm.L2)) < 1e-5


def test_steepest_directions_have_unit_size_and_zero_stays_zero():
    gradient = torch.tensor([[3.0, -4.0], [0.0, 0.0]])
    assert torch.equal(steepest(gradient, Norm.LINF), torch.tensor([[1.0, -1.0], [0.0, 0.0]]))
    assert torch.allclose(steepest(gradient, Norm.L2), torch.tensor([[0.6, -0.8], [0.0, 0.0]]))


@pytest.mark.parametrize("scale", [1e-38, 1e-30, 1e-20, 1.0, 1e19, 1e30])
def test_steepest_directions_survive_any_scale(scale):
    gradient = torch.randn(3, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    wanted = steepest(gradient, Norm.L2)
    assert torch.allclose(steepest(gradient * scale, Norm.L2), wanted, atol=1e-3)
    assert torch.allclose(size(wanted, Norm.L2), torch.ones(3))
