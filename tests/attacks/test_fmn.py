"""Oracle: the exact distance of a hyperplane in L1, L2 and Linf; the rest is tested in test_approach."""

import pytest

from advwindow.attacks.fmn import FMN
from advwindow.errors import UserError

from .test_approach import attacked
from .test_ddn import grey

DUAL = {"l1": float("inf"), "l2": 2, "linf": 1}


@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
def test_finds_the_exact_distance_of_a_hyperplane(norm):
    model, x, y, euclidean = grey()
    weight = next(model.parameters())[0].detach()
    exact = euclidean * weight.norm() / weight.norm(p=DUAL[norm])
    out = attacked(FMN, model, x, y, norm, steps=200)
    assert bool(out.success.all())
    assert float((out.distance / exact).max()) < 1.02
    assert float((out.distance / exact).min()) >= 1 - 1e-4


@pytest.mark.parametrize(
    "change",
    [{"steps": 0}, {"alpha_init": 0.0}, {"alpha_final": -1.0}, {"gamma_init": 1.0}, {"gamma_final": 0.0}],
    ids=str,
)
def test_bad_parameters_are_refused(change):
    with pytest.raises(UserError):
        FMN(**change)
