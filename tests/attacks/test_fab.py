"""Oracles: hyperplanes in closed form, linear programmes, and the authors' code as torchattacks ships it."""

import contextlib

import numpy as np
import pytest
import torch
from scipy.optimize import linprog
from torch import nn

from advwindow.attacks import Status, make_budgets, perform, projections
from advwindow.attacks.budget import Norm
from advwindow.attacks.fab import FAB, _BoundaryWalk
from advwindow.errors import UserError
from advwindow.models import Classifier

from .nets import conv, images, labelled, linear, random_linear
from .test_projections import NoWaiting

NORMS = [Norm.LINF, Norm.L2, Norm.L1]
DUAL = {Norm.LINF: 1, Norm.L2: 2, Norm.L1: np.inf}


def fab(model, x, y, *, norm, eps=None, target=None, seed=0, ids=None, batch_size=None, **parameters):
    found = perform(
        "fab", FAB(**parameters), model, x, y, make_budgets(eps, norm),
        target=target, seed=seed, ids=ids, batch_size=batch_size,
    )  # fmt: skip
    return found if isinstance(eps, list) else found[0]


def grey(classes, seed, pixels=(3, 4, 4)):
    """A linear network with boundaries near grey images, so that the box does not matter."""
    generator = torch.Generator().manual_seed(seed)
    count = int(np.prod(pixels))
    weight = torch.randn(classes, count, generator=generator)
    bias = torch.randn(classes, generator=generator) / 4 - weight.sum(1) / 2
    x = 0.5 + 0.02 * torch.randn(12, *pixels, generator=generator)
    model = linear(weight, bias)
    return model, weight.double().numpy(), x, labelled(model, x)


def distances_to_boundaries(model, weight, x, y, norm):
    """(N, K) exact distances to the boundary with each class, infinite for the sample's own."""
    with torch.no_grad():
        logits = model.double()(x.double()).numpy()
    model.float()
    found = np.full(logits.shape, np.inf)
    for i, own in enumerate(y.tolist()):
        for k in set(range(logits.shape[1])) - {own}:
            length = np.linalg.norm(weight[own] - weight[k], DUAL[norm])
            found[i, k] = (logits[i, own] - logits[i, k]) / length
    return found


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("classes", [2, 6])
def test_finds_the_exact_distance_to_the_nearest_hyperplane(norm, classes):
    model, weight, x, y = grey(classes, seed=classes)
    exact = distances_to_boundaries(model, weight, x, y, norm).min(1)
    out = fab(model, x, y, norm=norm, steps=20)
    assert bool(out.success.all())
    assert (out.distance.numpy() / exact).max() < 1 + 1e-3
    assert (out.distance.numpy() / exact).min() > 1 - 1e-5


@pytest.mark.parametrize("norm", NORMS)
def test_finds_the_exact_distance_to_the_hyperplane_of_a_target(norm):
    model, weight, x, y = grey(2, seed=5)
    exact = distances_to_boundaries(model, weight, x, y, norm).min(1)
    out = fab(model, x, y, norm=norm, steps=20, target=1 - y)
    assert bool(out.success.all())
    assert out.distance.numpy() == pytest.approx(exact, rel=1e-3)


def nearest_of_class(weight, bias, point, target):
    """The Linf distance to the region of a class in the box, by a linear programme: variables shift and its size."""
    n = point.size
    others = [k for k in range(len(weight)) if k != target]
    lead = np.array([weight[k] - weight[target] for k in others])
    gap = -(lead @ point + np.array([bias[k] - bias[target] for k in others]))
    ones = np.ones((n, 1))
    found = linprog(
        np.append(np.zeros(n), 1.0),
        A_ub=np.block([[lead, np.zeros((len(others), 1))], [np.eye(n), -ones], [-np.eye(n), -ones]]),
        b_ub=np.concatenate([gap, np.zeros(2 * n)]),
        bounds=[*[(-p, 1 - p) for p in point], (0, None)],
    )
    return found.fun if found.status == 0 else np.inf


def test_reaches_a_target_behind_third_classes_and_stays_near_the_optimum():
    """The way to the boundary of the true class and the target would end in the region of a third class."""
    model = random_linear(5, 12, seed=3)
    x = images(10, channels=1, side=1).repeat(1, 1, 3, 4) * 0.2 + images(10, channels=1, side=4)[:, :, :3] * 0.6
    y = labelled(model, x)
    with torch.no_grad():
        target = model(x).argsort(1)[:, 2]
    weight, bias = (p.detach().double().numpy() for p in model.parameters())
    exact = [
        nearest_of_class(weight, bias, point, t)
        for point, t in zip(x.flatten(1).double().numpy(), target.tolist(), strict=True)
    ]
    out = fab(model, x, y, norm="linf", target=target)
    reachable = np.isfinite(exact)
    assert reachable.sum() >= 5
    assert out.success.numpy()[reachable].mean() >= 0.8
    assert not out.success.numpy()[~reachable].any()
    ratio = (out.distance.numpy() / exact)[out.success.numpy()]
    assert ratio.min() > 1 - 1e-4
    assert np.median(ratio) < 1.1


@pytest.mark.parametrize("norm", NORMS)
def test_black_and_white_pixels(norm):
    """With half of the directions closed by the box, a linear programme knows the distance."""
    x = (images(8, channels=1, side=4) > 0.5).float()
    model = random_linear(3, 16, seed=2)
    y = labelled(model, x)
    out = fab(model, x, y, norm=norm)
    assert bool(out.success.all())
    assert float(out.images.min()) >= 0
    assert float(out.images.max()) <= 1
    if norm is Norm.LINF:
        weight, bias = (p.detach().double().numpy() for p in model.parameters())
        points = x.flatten(1).double().numpy()
        exact = [
            min(nearest_of_class(weight, bias, point, k) for k in range(3) if k != own)
            for point, own in zip(points, y.tolist(), strict=True)
        ]
        assert (out.distance.numpy() / exact).max() < 1.02
        assert (out.distance.numpy() / exact).min() > 1 - 1e-4


def trained(seed, classes=5):
    """A small network that has learnt something, so that its boundaries are curved where the data are."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.rand(classes, 1, 6, 6, generator=generator)
    y = torch.arange(60) % classes
    x = (0.6 * centres[y] + 0.4 * torch.rand(60, 1, 6, 6, generator=generator)).clamp(0, 1)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(),
            nn.Flatten(), nn.Linear(144, 32), nn.ReLU(), nn.Linear(32, classes),
        )  # fmt: skip
        optimiser = torch.optim.Adam(net.parameters(), 3e-3)
        for _ in range(60):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(x), y).backward()
            optimiser.step()
    model = Classifier(net.eval())
    return model, x[:30], labelled(model, x[:30])


class _Plain(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x)


def theirs(model, x, y, *, norm, steps, ranks):
    """Sizes of the smallest successes of the authors' FAB-T over these ranks of targets, infinite where there is none.

    Target by target, for the loop around them would stop at the first success within an epsilon (and fails in L1).
    """
    torchattacks = pytest.importorskip("torchattacks")
    name, order = {"linf": ("Linf", torch.inf), "l2": ("L2", 2), "l1": ("L1", 1)}[norm]
    sizes = []
    for rank in ranks:
        with contextlib.redirect_stdout(None):
            attack = torchattacks.FAB(_Plain(model).eval(), norm=name, steps=steps, multi_targeted=True)
        attack.set_device("cpu")
        attack.target_class = rank
        attacked = attack.attack_single_run_targeted(x, y)
        with torch.no_grad():
            fooled = model(attacked).argmax(1) != y
        sizes.append(torch.where(fooled, (attacked - x).flatten(1).norm(order, dim=1), torch.inf).double())
    return torch.stack(sizes).amin(0)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("seed", [0, 1])
def test_never_weaker_than_the_authors_code(norm, seed):
    model, x, y = trained(seed)
    reference = theirs(model, x, y, norm=norm, steps=25, ranks=range(2, 6))
    assert bool(reference.isfinite().all())
    ours = fab(model, x, y, norm=norm, steps=25)
    assert float(ours.distance.median() / reference.median()) <= 1.02
    eps = [f"{value:.6f}" for value in reference.quantile(torch.tensor([0.3, 0.6, 0.9]).double()).tolist()]
    outs = fab(model, x, y, norm=norm, steps=25, eps=eps)
    for text, out in zip(eps, outs, strict=True):
        assert int(out.success.sum()) >= int((reference <= float(text)).sum())


# --- contract --------------------------------------------------------------------------------------------------------


def test_failures_are_flagged_and_are_never_clean_successes():
    flat = linear(torch.zeros(3, 16), torch.tensor([2.0, 1.0, 0.0]))
    x = images(4, channels=1, side=4)
    out = fab(flat, x, labelled(flat, x), norm="linf", steps=3, restarts=2)
    assert not bool(out.success.any())
    assert bool(torch.isinf(out.distance).all())
    assert not bool(out.claimed.any())
    assert out.first_success_step.tolist() == [-1] * 4
    assert out.zero_gradients.tolist() == [3 * 2 * 2] * 4
    assert out.status == (Status.FAILED,) * 4


def test_gradients_that_are_not_finite_are_counted_and_nothing_breaks():
    class Root(nn.Module):
        """Black pixels have an infinite slope."""

        def forward(self, x):
            return torch.stack([1 - x.flatten(1).sqrt().mean(1), x.flatten(1).sqrt().mean(1)], 1)

    x = images(4, channels=1, side=4) * 0.2
    x[:, :, 0] = 0
    model = Classifier(Root())
    out = fab(model, x, labelled(model, x), norm="l2", steps=10)
    assert bool((out.nonfinite_gradients > 0).all())
    assert bool(out.images.isfinite().all())
    assert bool(out.success.all())


@pytest.mark.parametrize("norm", NORMS)
def test_batch_mates_do_not_matter(norm):
    model, x = conv(), images(5)
    y = labelled(model, x)
    ids = list("abcde")
    together = fab(model, x, y, norm=norm, steps=5, restarts=2, ids=ids)
    for size in (1, 3):
        again = fab(model, x, y, norm=norm, steps=5, restarts=2, ids=ids, batch_size=size)
        assert torch.equal(again.success, together.success)
        assert torch.allclose(again.distance, together.distance, rtol=1e-3)
    alone = fab(model, x[3:4], y[3:4], norm=norm, steps=5, restarts=2, ids=["d"])
    assert torch.allclose(alone.distance, together.distance[3:4], rtol=1e-3)


def test_the_seed_decides_everything():
    model, x, y = trained(0)
    first, again, other = (fab(model, x[:9], y[:9], norm="l2", steps=2, restarts=3, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, other.images)
    plain, still = (fab(model, x[:9], y[:9], norm="l2", steps=2, seed=seed) for seed in (1, 2))
    assert torch.equal(plain.images, still.images)  # the first start is the image itself


def test_targets_and_restarts_can_only_shorten():
    stripes, bands = torch.tensor([1.0, -1.0]).repeat(8), torch.tensor([1.0, 1.0, -1.0, -1.0]).repeat(4)
    likely_and_far = linear(torch.stack([0 * bands, 0.1 * bands, stripes]), torch.tensor([0.0, -0.05, -0.2]))
    x = torch.full((1, 1, 4, 4), 0.5)
    few, both = (fab(likely_and_far, x, torch.tensor([0]), norm="linf", targets=targets) for targets in (1, 2))
    assert float(few.distance) == pytest.approx(0.05 / 1.6, rel=1e-3)
    assert float(both.distance) == pytest.approx(0.2 / 16, rel=1e-3)
    model, x, y = trained(1)
    one, three = (fab(model, x[:9], y[:9], norm="l2", steps=8, restarts=restarts) for restarts in (1, 3))
    assert bool((three.distance <= one.distance * (1 + 1e-3)).all())


@pytest.mark.parametrize("norm", NORMS)
def test_restarts_leave_the_plateau_on_which_an_image_lies(norm):
    class Plateau(nn.Module):
        """The second logit rises along stripes, but not near grey images."""

        def forward(self, x):
            stripes = torch.tensor([1.0, -1.0]).repeat(8)
            rise = nn.functional.relu((x.flatten(1) - 0.5) @ stripes - 0.01)
            return torch.stack([torch.full_like(rise, 2.0), 10 * rise], 1)

    x, y = torch.full((6, 1, 4, 4), 0.5), torch.zeros(6, dtype=torch.int64)
    model = Classifier(Plateau())
    assert not bool(fab(model, x, y, norm=norm, steps=60).success.any())
    out = fab(model, x, y, norm=norm, steps=60, restarts=8)
    assert bool(out.success.all())
    exact = 0.21 / float(np.linalg.norm(np.ones(16), DUAL[norm]))
    assert out.distance.tolist() == pytest.approx([exact] * 6, rel=1e-3)


def test_one_run_serves_all_epsilons_and_larger_results_do_not_count():
    model, x = conv(), images(8)
    y = labelled(model, x)
    minimal = fab(model, x, y, norm="l2", steps=15)
    middle = float(minimal.distance.median())
    eps = [f"{middle + 1e-4:.6f}", "9"]
    small, large = fab(model, x, y, norm="l2", steps=15, eps=eps)
    assert torch.equal(small.claimed, minimal.distance <= float(eps[0]))
    assert bool((small.norms["l2"] <= float(eps[0])).all())
    assert 0 < int(small.success.sum()) < 8
    assert bool(large.success.all())
    assert torch.equal(small.forwards, large.forwards)


def test_until_success_stops_early_and_finds_as_much():
    model, x = conv(), images(8)
    y = labelled(model, x)
    eps = f"{float(fab(model, x, y, norm='linf', steps=20).distance.quantile(0.6)):.6f}"
    end, early = (fab(model, x, y, norm="linf", steps=20, eps=eps, until=until) for until in ("end", "success"))
    assert bool((early.success | ~end.success).all())
    assert bool((early.forwards[early.success] < end.forwards[early.success]).all())
    assert torch.equal(early.forwards[~early.success], end.forwards[~early.success])


def test_passes_are_counted_and_promised():
    class Counted(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(16, 4)
            self.seen = 0

        def forward(self, x):
            self.seen += len(x)
            return self.linear(x.flatten(1))

    x = images(1, channels=1, side=4)
    model = Classifier(Counted().eval())
    attack = FAB(steps=7, restarts=2, targets=3)
    out = perform("fab", attack, model, x, labelled(model, x), make_budgets(None, "l2"))[0]
    assert out.backwards.tolist() == [attack.cost().backwards] == [7 * 2 * 3]
    assert out.forwards.tolist() == [attack.cost().forwards] == [2 * 7 * 2 * 3 + 6]


@pytest.mark.parametrize("norm", NORMS)
def test_the_host_never_waits_within_a_step(norm, monkeypatch):
    original, steps = _BoundaryWalk.step, []

    def watched(self, state, *, final):
        with NoWaiting():
            original(self, state, final=final)
        steps.append(final)

    monkeypatch.setattr(_BoundaryWalk, "step", watched)
    monkeypatch.setattr(projections, "AT_HAND", frozenset())
    model, x = conv(), images(2)
    fab(model, x, labelled(model, x), norm=norm, steps=3, targets=1)
    assert steps == [False, False, True]


def test_few_classes_limit_the_targets():
    model, x = random_linear(3, 16, seed=1), images(3, channels=1, side=4)
    out = fab(model, x, labelled(model, x), norm="linf", steps=5, targets=9)
    assert out.backwards.tolist() == [5 * 2] * 3


def test_misclassified_samples_cost_nothing():
    model, x = conv(), images(3)
    y = labelled(model, x)
    y[0] = (y[0] + 1) % 5
    out = fab(model, x, y, norm="linf", steps=3)
    assert out.status[0] is Status.SKIPPED
    assert int(out.forwards[0]) == int(out.backwards[0]) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 0}, {"restarts": 0}, {"targets": 0}, {"alpha_max": 1.5}, {"eta": 0.9}, {"beta": 1.0}, {"beta": 0.0},
        {"until": "never"},
    ],
    ids=str,
)  # fmt: skip
def test_bad_parameters_are_refused(change):
    with pytest.raises(UserError):
        FAB(**change)


def test_budgets_that_make_no_sense_are_refused():
    model, x = conv(), images(2)
    y = labelled(model, x)
    with pytest.raises(UserError, match="no such norm"):
        fab(model, x, y, norm="l0")
    with pytest.raises(UserError, match="needs an epsilon"):
        fab(model, x, y, norm="linf", until="success")
