"""What the searches that approach the boundary share; oracle in L0: the fewest values of a linear network, counted."""

import pytest
import torch
from torch import nn

from advwindow.attacks import Status, make_budgets, perform
from advwindow.attacks.budget import Norm
from advwindow.attacks.ddn import DDN, _Sphere
from advwindow.attacks.door import Problem
from advwindow.attacks.fmn import FMN, _BoundaryBall
from advwindow.attacks.goal import Goal
from advwindow.attacks.lanes import Job
from advwindow.attacks.oracle import Oracle
from advwindow.attacks.sigma_zero import SigmaZero, _SmoothCount
from advwindow.errors import UserError
from advwindow.models import Classifier

from .nets import conv, images, labelled, linear

CASES = [(DDN, "l2"), (FMN, "l0"), (FMN, "l1"), (FMN, "l2"), (FMN, "linf"), (SigmaZero, "l0")]
SPARSE = [kind for kind, norm in CASES if norm == "l0"]
#: What another batch size may change of a distance; where Adam counts values, rounding decides over whole ones.
DRIFT = {DDN: 1e-2, FMN: 1e-2, SigmaZero: 1.0}

every_case = pytest.mark.parametrize(("kind", "norm"), CASES, ids=[f"{kind.__name__}-{norm}" for kind, norm in CASES])
every_sparse = pytest.mark.parametrize("kind", SPARSE, ids=lambda kind: kind.__name__)


def attacked(kind, model, x, y, norm, *, eps=None, target=None, batch_size=None, **parameters):
    """The outcome at one budget, the smallest perturbation unless there is an epsilon."""
    budgets = make_budgets(eps, norm)
    return perform("attack", kind(**parameters), model, x, y, budgets, target=target, batch_size=batch_size)[0]


def fewest_values(weight, bias, x):
    """How many values of each image must change to leave its class, for two classes: the most useful ones first."""
    slope, offset = (weight[0] - weight[1]).double(), float(bias[0] - bias[1])
    counts = []
    for image in x.flatten(1).double():
        lead = float(image @ slope) + offset
        towards = -slope * (1 if lead > 0 else -1)
        gain = (towards * torch.where(towards > 0, 1 - image, -image)).sort(descending=True).values
        counts.append(1 + int((gain.cumsum(0) <= abs(lead)).sum()))
    return counts


@every_sparse
def test_never_beats_the_fewest_values_and_mostly_finds_them(kind):
    generator = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(2, 16, generator=generator), torch.zeros(2)
    model, x = linear(weight, bias), torch.rand(8, 1, 4, 4, generator=generator)
    exact = torch.tensor(fewest_values(weight, bias, x)).double()
    out = attacked(kind, model, x, labelled(model, x), "l0", steps=200)
    assert bool(out.success.all())
    assert bool((out.distance >= exact).all())
    assert float((out.distance - exact).median()) <= 1


@every_sparse
@pytest.mark.parametrize("extreme", [False, True], ids=["grey", "black and white"])
def test_only_counted_values_differ_from_the_image(kind, extreme):
    model, x = conv(), images(6)
    x = (x > 0.5).float() if extreme else x
    out = attacked(kind, model, x, labelled(model, x), "l0", steps=100)
    changed = (out.images != x).flatten(1).sum(1).double()
    assert bool(out.success.any())
    assert torch.equal(changed[out.success], out.distance[out.success])


@every_case
def test_batch_mates_do_not_matter(kind, norm):
    model, x = conv(), images(8)
    y = labelled(model, x)
    together = attacked(kind, model, x, y, norm, steps=30)
    assert torch.equal(together.images, attacked(kind, model, x, y, norm, steps=30).images)
    narrow = attacked(kind, model, x, y, norm, steps=30, batch_size=3)
    won = together.success
    assert torch.equal(won, narrow.success)
    assert torch.allclose(together.distance[won], narrow.distance[won], rtol=DRIFT[kind])


@every_case
def test_targeted_success_is_the_target_winning(kind, norm):
    model, x = conv(), images(8)
    y = labelled(model, x)
    target = (y + 1) % 5
    out = attacked(kind, model, x, y, norm, target=target, steps=60)
    assert torch.equal(out.success, out.prediction == target)
    assert bool(out.success.any())


@every_case
@pytest.mark.parametrize("steps", [1, 5, 9])
def test_few_steps_work_and_cost_what_they_say(kind, norm, steps):
    model, x = conv(), images(2)
    out = attacked(kind, model, x, labelled(model, x), norm, steps=steps)
    cost = kind(steps=steps).cost()
    assert out.backwards.tolist() == [cost.backwards] * 2 == [steps] * 2
    assert out.forwards.tolist() == [cost.forwards] * 2
    assert bool(torch.isinf(out.distance[~out.success]).all())


@every_case
def test_misclassified_samples_cost_nothing(kind, norm):
    model, x = conv(), images(3)
    y = labelled(model, x)
    y[0] = (y[0] + 1) % 5
    out = attacked(kind, model, x, y, norm, steps=5)
    assert int(out.backwards[0]) == 0
    assert out.status[0] is Status.SKIPPED


@every_case
def test_an_epsilon_counts_the_successes_within_it(kind, norm):
    model, x = conv(), images(8)
    y = labelled(model, x)
    minimal = attacked(kind, model, x, y, norm, steps=40)
    middle = float(minimal.distance.median())
    eps = f"{middle:.0f}" if norm == "l0" else f"{middle * 1.001:.6f}"
    out = attacked(kind, model, x, y, norm, steps=40, eps=eps)
    assert torch.equal(out.success, minimal.distance <= float(eps))
    assert bool((out.norms[norm] <= float(eps)).all())


@pytest.mark.parametrize(("kind", "norm", "own"), [(DDN, "linf", "L2"), (SigmaZero, "l2", "L0")])
def test_another_norm_is_refused(kind, norm, own):
    model, x = conv(), images(2)
    with pytest.raises(UserError, match=f"minimises {own}"):
        attacked(kind, model, x, labelled(model, x), norm)


class _Stairs(nn.Module):
    """Logits in steps of 1, so that no gradient ever leads anywhere."""

    def __init__(self):
        super().__init__()
        self.inner = conv()

    def forward(self, x):
        return self.inner(x).round()


@every_case
def test_gradients_that_vanish_are_counted(kind, norm):
    model = Classifier(_Stairs().eval())
    x = images(4)
    out = attacked(kind, model, x, labelled(model, x), norm, steps=7)
    assert not bool(out.success.any())
    assert out.zero_gradients.tolist() == [7] * 4


def test_a_hinge_that_is_flat_after_a_success_is_no_accident():
    model, x = conv(), images(4)
    out = attacked(SigmaZero, model, x, labelled(model, x), "l0", steps=60)
    assert bool(out.success.all())
    assert out.zero_gradients.tolist() == [0] * 4


@pytest.mark.parametrize(
    "search",
    [
        lambda problem: _Sphere(problem, DDN(steps=5)),
        lambda problem: _BoundaryBall(problem, FMN(steps=5), Norm.LINF),
        lambda problem: _SmoothCount(problem, SigmaZero(steps=5)),
    ],
    ids=["ddn", "fmn", "sigma-zero"],
)
def test_lanes_that_are_done_stay_as_they_are(search):
    model, x = conv(), images(4)
    y = labelled(model, x)
    search = search(Problem(model, Oracle(model), x, y, Goal(y), ("a", "b", "c", "d"), 0, 4))
    state = search.start([Job(sample) for sample in range(4)])
    search.step(state, final=False)
    state["done"] = torch.tensor([True, False, True, False])
    before = dict(state)
    search.step(state, final=False)
    assert state.keys() == before.keys()
    assert all(torch.equal(state[name][::2], rows[::2]) for name, rows in before.items())
    assert bool((state["point"][1::2] != before["point"][1::2]).flatten(1).any(1).all())
