"""Oracles: the exact distance of a hyperplane in L1, L2 and Linf; the fewest values by counting in L0."""

import pytest
import torch

from advwindow.attacks import Status, make_budgets, perform
from advwindow.attacks.fmn import FMN
from advwindow.errors import UserError

from .nets import conv, images, labelled, linear
from .test_ddn import grey

NORMS = ["l0", "l1", "l2", "linf"]
DUAL = {"l1": float("inf"), "l2": 2, "linf": 1}


def fmn(model, x, y, norm, *, eps=None, target=None, batch_size=None, **parameters):
    attack = FMN(**parameters)
    return perform("fmn", attack, model, x, y, make_budgets(eps, norm), target=target, batch_size=batch_size)[0]


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


def two_classes(seed=0, pixels=16):
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(2, pixels, generator=generator)
    x = torch.rand(8, 1, 4, 4, generator=generator)
    bias = torch.zeros(2)
    return linear(weight, bias), weight, bias, x


@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
def test_finds_the_exact_distance_of_a_hyperplane(norm):
    model, x, y, euclidean = grey()
    weight = next(model.parameters())[0].detach()
    exact = euclidean * weight.norm() / weight.norm(p=DUAL[norm])
    out = fmn(model, x, y, norm, steps=200)
    assert bool(out.success.all())
    assert float((out.distance / exact).max()) < 1.02
    assert float((out.distance / exact).min()) >= 1 - 1e-4


def test_never_beats_the_fewest_values_and_mostly_finds_them():
    model, weight, bias, x = two_classes()
    exact = torch.tensor(fewest_values(weight, bias, x)).double()
    out = fmn(model, x, labelled(model, x), "l0", steps=200)
    assert bool(out.success.all())
    assert bool((out.distance >= exact).all())
    assert float((out.distance - exact).median()) <= 1


@pytest.mark.parametrize("norm", NORMS)
def test_batch_mates_do_not_matter(norm):
    model, x = conv(), images(6)
    y = labelled(model, x)
    together = fmn(model, x, y, norm, steps=20)
    assert torch.equal(together.images, fmn(model, x, y, norm, steps=20).images)
    narrow = fmn(model, x, y, norm, steps=20, batch_size=4)
    assert torch.equal(together.success, narrow.success)
    finite = together.success
    assert torch.allclose(together.distance[finite], narrow.distance[finite], rtol=1e-2)


@pytest.mark.parametrize("norm", NORMS)
def test_targeted_success_is_the_target_winning(norm):
    model, x = conv(), images(6)
    y = labelled(model, x)
    target = (y + 1) % 5
    out = fmn(model, x, y, norm, target=target, steps=60)
    assert torch.equal(out.success, out.prediction == target)
    assert bool(out.success.any())


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("steps", [1, 5, 9])
def test_few_steps_work_and_cost_what_they_say(norm, steps):
    model, x = conv(), images(2)
    out = fmn(model, x, labelled(model, x), norm, steps=steps)
    assert out.backwards.tolist() == [FMN(steps=steps).cost().backwards] * 2
    assert out.forwards.tolist() == [FMN(steps=steps).cost().forwards] * 2
    assert bool(torch.isinf(out.distance[~out.success]).all())


def test_misclassified_samples_cost_nothing():
    model, x = conv(), images(3)
    y = labelled(model, x)
    y[0] = (y[0] + 1) % 5
    out = fmn(model, x, y, "linf", steps=5)
    assert int(out.backwards[0]) == 0
    assert out.status[0] is Status.SKIPPED


@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
def test_an_epsilon_counts_only_successes_within_it(norm):
    model, x = conv(), images(6)
    y = labelled(model, x)
    minimal = fmn(model, x, y, norm, steps=40)
    eps = f"{float(minimal.distance.median()) * 1.001:.6f}"
    out = fmn(model, x, y, norm, steps=40, eps=eps)
    assert bool((out.norms[norm] <= float(eps)).all())
    assert bool((out.success >= (minimal.distance <= float(eps))).all())


def test_only_counted_values_differ_from_the_image():
    model, x = conv(), images(4)
    out = fmn(model, x, labelled(model, x), "l0", steps=60)
    changed = (out.images != x).flatten(1).sum(1).double()
    assert bool(out.success.any())
    assert torch.equal(changed[out.success], out.distance[out.success])


@pytest.mark.parametrize(
    "change",
    [{"steps": 0}, {"alpha_init": 0.0}, {"alpha_final": -1.0}, {"gamma_init": 1.0}, {"gamma_final": 0.0}],
    ids=str,
)
def test_bad_parameters_are_refused(change):
    with pytest.raises(UserError):
        FMN(**change)
