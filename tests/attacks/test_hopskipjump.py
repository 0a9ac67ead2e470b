"""Walks along known boundaries, and against the implementation of foolbox."""

import itertools
import math

import pytest
import torch

from advwindow.attacks import HopSkipJump, make_budgets, perform
from advwindow.errors import UserError

from .nets import conv, images, labelled, linear, random_linear


def _run(model, x, norm="l2", *, eps=None, y=None, queries=600, **options):
    budgets = make_budgets(eps, norm)
    y = labelled(model, x) if y is None else y
    return perform("hopskipjump", HopSkipJump(queries=queries), model, x, y, budgets, **options)[0]


def _plane():
    """Images near a hyperplane through the grey image, and their exact distances to it."""
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(48, generator=generator)
    model = linear(torch.stack([normal, -normal]), torch.tensor([-normal.sum() / 2, normal.sum() / 2]))
    x = (0.5 + 0.08 * torch.randn(6, 48, generator=generator)).reshape(6, 3, 4, 4)
    signed = (x.double().flatten(1) - 0.5) @ normal.double()
    return model, x, {"l2": signed.abs() / normal.double().norm(), "linf": signed.abs() / normal.double().abs().sum()}


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_lands_near_the_exact_distance_of_a_hyperplane_and_never_below(norm):
    model, x, exact = _plane()
    out = _run(model, x, norm, queries=5000)
    assert bool(out.success.all())
    assert float((out.distance / exact[norm]).max()) < 1.05
    assert float((out.distance / exact[norm]).min()) >= 1 - 1e-4


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_more_queries_never_do_worse(norm):
    model, x = conv(), images(4)
    distances = [_run(model, x, norm, queries=queries).distance for queries in (60, 200, 500, 1200)]
    for fewer, more in itertools.pairwise(distances):
        assert bool((more <= fewer).all())
    assert bool((distances[-1] < distances[0]).all())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # foolbox imports scipy by old names
@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_no_farther_than_foolbox_at_equal_queries(norm):
    import foolbox

    model, x = conv(), images(8)
    y = labelled(model, x)
    asked = 0

    class Counted(torch.nn.Module):
        def forward(self, batch):
            nonlocal asked
            asked += len(batch)
            return model(batch)

    start = foolbox.attacks.LinearSearchBlendedUniformNoiseAttack(directions=100, steps=50)
    attack = foolbox.attacks.HopSkipJumpAttack(init_attack=start, steps=6, constraint=norm)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        adversarial = attack.run(foolbox.PyTorchModel(Counted().eval(), bounds=(0, 1)), x, y)
    delta = (adversarial - x).flatten(1)
    theirs = delta.norm(dim=1) if norm == "l2" else delta.abs().amax(1)
    ours = _run(model, x, norm, queries=asked // len(x))
    assert float(ours.distance.median()) <= 1.1 * float(theirs.median())


@pytest.mark.parametrize("queries", [1, 17, 350])
def test_no_sample_ever_exceeds_its_queries(queries):
    model, x = conv(), images(5)
    out = _run(model, x, queries=queries)
    assert int(out.forwards.max()) <= queries
    assert int(out.forwards.min()) > queries - 16
    assert bool((out.backwards == 0).all())
    assert bool((out.first_success_step < out.forwards).all())


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_batch_mates_do_not_matter(norm):
    model, x = conv(), images(5)
    y = labelled(model, x)
    together = _run(model, x, norm, y=y, batch_size=7)
    for i in range(5):
        alone = _run(model, x[i : i + 1], norm, y=y[i : i + 1], ids=[str(i)])
        assert torch.allclose(alone.images, together.images[i : i + 1], atol=1e-6)
        assert int(alone.forwards) == int(together.forwards[i])


def test_the_seed_decides_and_nothing_else():
    model, x = conv(), images(3)
    first, again, other = (_run(model, x, queries=300, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, other.images)


def test_targeted_walks_reach_the_target():
    model, x = random_linear(3, 48, seed=2), images(12, side=4)
    y = labelled(model, x)
    assert len(y.unique()) > 1
    target = torch.where(y == y[0], y[y != y[0]][0], y[0])
    out = _run(model, x, target=target)
    assert bool(out.success.all())
    assert torch.equal(out.prediction, target)


def test_without_any_adversarial_image_the_failure_is_told():
    model, x = linear(torch.zeros(2, 12), torch.tensor([1.0, 0.0])), images(2, side=2)
    out = _run(model, x, queries=40)
    assert not bool(out.success.any())
    assert not bool(out.claimed.any())
    assert bool(out.distance.isinf().all())
    assert out.first_success_step.tolist() == [-1, -1]
    assert out.forwards.tolist() == [40, 40]


def test_a_network_that_gives_white_noise_one_class_is_left_by_coarser_noise():
    """Brightness decides: the mean of white noise is always near 1/2, that of a plain colour is not."""
    weight = torch.stack([torch.full((768,), -1 / 768), torch.zeros(768)])
    model, x = linear(weight, torch.tensor([0.7, 0.0])), torch.full((2, 3, 16, 16), 0.5)
    out = _run(model, x, queries=500)
    assert bool(out.success.all())


def test_at_an_epsilon_only_successes_within_it_count():
    model, x = conv(), images(6)
    middle = float(_run(model, x).distance.median()) + 1e-4
    out = _run(model, x, eps=f"{middle:.6f}")
    assert bool(out.success.any())
    assert bool((out.eps_excess <= 0).all())


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("shape", [(3, 1, 1), (1, 2, 2), (3, 5, 11), (1, 1, 6)], ids=str)
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_small_oblong_and_constant_images(norm, shape, value):
    model, x = random_linear(3, math.prod(shape), seed=3), torch.full((2, *shape), value)
    out = _run(model, x, norm, queries=200)
    assert bool(out.images.isfinite().all())
    assert bool(out.in_box.all())


@pytest.mark.parametrize(
    "change", [{"queries": 0}, {"initial_evaluations": 0}, {"max_evaluations": 0}, {"gamma": 0.0}], ids=str
)
def test_bad_parameters_are_refused(change):
    with pytest.raises(UserError):
        HopSkipJump(**change)


def test_other_norms_are_refused():
    model, x = conv(), images(2)
    with pytest.raises(UserError, match="no such norm"):
        _run(model, x, "l1")
