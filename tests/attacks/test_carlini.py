"""Every defect of other libraries' C&W that `reference` lists is a test here; the names say which."""

import pytest
import torch

from advwindow.attacks import CW, Status, cw
from advwindow.attacks.carlini import _TanhDescent
from advwindow.attacks.door import Problem
from advwindow.attacks.goal import Goal
from advwindow.attacks.lanes import Job, common_rows, run_chains
from advwindow.attacks.oracle import Oracle
from advwindow.errors import UserError
from advwindow.models import Classifier, prepare

from .nets import conv, images, labelled, linear, random_linear


@pytest.mark.parametrize("shape", [(1, 2, 4), (3, 4, 4), (3, 16, 16)], ids=str)
def test_lands_near_the_exact_distance_of_a_hyperplane_and_never_below(shape):
    generator = torch.Generator().manual_seed(sum(shape))
    pixels = shape[0] * shape[1] * shape[2]
    normal = torch.randn(pixels, generator=generator)
    model = linear(torch.stack([normal, -normal]), torch.tensor([-normal.sum() / 2, normal.sum() / 2]))
    offset = 0.3 * torch.rand(6, 1, generator=generator) * torch.tensor([[1.0], [-1.0]]).repeat(3, 1)
    x = (0.5 + offset * normal / normal.norm() + 0.02 * torch.randn(6, pixels, generator=generator)).reshape(6, *shape)
    y = labelled(model, x)
    exact = ((x.flatten(1) - 0.5) @ normal).abs() / normal.norm()
    out = cw(model, x, y)
    assert bool(out.success.all())
    assert float((out.distance / exact).max()) < 1.05
    assert float((out.distance / exact).min()) >= 1 - 1e-4


def _binary_images():
    generator = torch.Generator().manual_seed(0)
    return (torch.rand(8, 1, 4, 4, generator=generator) > 0.5).float()


def test_cw1_black_and_white_pixels_move():
    model = random_linear(3, 16, seed=2)
    x = _binary_images()
    y = labelled(model, x)
    out = cw(model, x, y, steps=200, initial_c=100.0, search_steps=1)
    soft = cw(model, x.clamp(0.02, 0.98), y, steps=200, initial_c=100.0, search_steps=1)
    assert float((out.images - x).abs().max()) > 0
    assert int(out.success.sum()) >= int(soft.success.sum()) > 0


@pytest.mark.parametrize("shift", [-50.0, 50.0])
def test_cw2_a_shift_of_all_logits_changes_nothing(shift):
    weight = torch.randn(3, 16, generator=torch.Generator().manual_seed(2))
    x = images(8, channels=1, side=4)
    plain, shifted = linear(weight), linear(weight, torch.full((3,), shift))
    y = labelled(plain, x)
    a, b = cw(plain, x, y, steps=100, search_steps=3), cw(shifted, x, y, steps=100, search_steps=3)
    assert torch.equal(a.success, b.success)
    assert bool(a.success.any())
    assert torch.allclose(a.images, b.images, atol=2e-3)


def test_cw2_in_double_precision_the_iterates_are_the_same():
    weight = torch.randn(3, 16, generator=torch.Generator().manual_seed(2))
    x = images(8, channels=1, side=4).double()
    plain, shifted = linear(weight).double(), linear(weight, torch.full((3,), -50.0)).double()
    y = labelled(plain, x)

    def iterate(model):
        problem = Problem(model, Oracle(model), x, y, Goal(y), tuple("abcdefgh"), 0, 8)
        search = _TanhDescent(problem, CW(steps=60))
        state = search.start([Job(i, constant=1.0) for i in range(8)])
        state["constant"] = state["constant"].double()
        for _ in range(50):
            search.step(state, final=False)
        return state["w"]

    assert torch.allclose(iterate(plain), iterate(shifted), atol=1e-4)


def test_cw3_batch_mates_do_not_matter():
    model, x = conv(), images(16)
    y = labelled(model, x)
    together = cw(model, x, y, steps=60, search_steps=4)
    for i in range(0, 16, 5):
        alone = cw(model, x[i : i + 1], y[i : i + 1], steps=60, search_steps=4, ids=[str(i)])
        assert torch.allclose(alone.images, together.images[i : i + 1], atol=1e-5)
        assert bool(alone.success) == bool(together.success[i])


def test_cw4_failures_are_flagged_and_never_black_or_clean_successes():
    model, x = random_linear(3, 16, seed=2, scale=100.0), images(32, channels=1, side=4)
    y = labelled(model, x)
    out = cw(model, x, y, steps=1, search_steps=1, initial_c=1e-6)
    with torch.no_grad():
        again = model(out.images).argmax(1) != y
    assert torch.equal(out.success, again)
    failed = ~out.success
    assert bool(failed.any())
    assert bool(torch.isinf(out.distance[failed]).all())
    assert not bool((out.images == 0).flatten(1).all(1).any())
    assert all(out.status[i] is Status.FAILED for i in failed.nonzero().squeeze(1).tolist())


@pytest.mark.parametrize(
    ("threshold", "trace"),
    [
        (0.05, [0.01, 0.1, 0.055, 0.0325, 0.04375, 0.049375, 0.0521875, 0.05078125]),
        (0.3, [0.01, 0.1, 1.0, 0.55, 0.325, 0.2125, 0.26875, 0.296875]),
    ],
)
def test_cw5_the_constant_falls_after_success_and_rises_after_failure(threshold, trace):
    attack, seen = CW(search_steps=len(trace)), []

    class Stub:
        """Succeeds exactly if c reaches the threshold."""

        length, patient = 1, True

        def start(self, jobs):
            constants = [job.constant for job in jobs]
            seen.extend(constants)
            won = torch.tensor(constants) >= threshold
            return common_rows(torch.tensor([0])) | {"best": torch.zeros(1, 1), "won": won}

        def step(self, state, *, final):
            state["done"] = ~state["done"]

    run_chains([attack._chain(0)], Stub(), lanes=1)
    assert seen == pytest.approx(trace)


def test_cw6_the_constant_belongs_to_the_sample():
    """Easy and hard samples in one batch find the distances they find alone."""
    weight = torch.randn(2, 16, generator=torch.Generator().manual_seed(4))
    model = linear(weight)
    easy_hard = images(6, channels=1, side=4) * torch.tensor([0.2, 1, 0.2, 1, 0.2, 1]).reshape(6, 1, 1, 1)
    y = labelled(model, easy_hard)
    together = cw(model, easy_hard, y, steps=80, search_steps=5).distance
    alone = [cw(model, easy_hard[i : i + 1], y[i : i + 1], steps=80, search_steps=5).distance for i in range(6)]
    assert torch.allclose(together, torch.cat(alone), atol=1e-5)


def test_cw7_kappa_asks_for_confidence_and_can_only_lower_success():
    model, x = random_linear(3, 16, seed=2, scale=0.3), images(12, channels=1, side=4)
    y = labelled(model, x)
    rates, margins = [], []
    for kappa in (0.0, 0.3, 3.0):
        out = cw(model, x, y, kappa=kappa, search_steps=6, steps=100)
        found = torch.isfinite(out.distance) & (out.margin <= -kappa)
        rates.append(int(found.sum()))
        margins.append(out.margin[found])
    assert rates[0] >= rates[1] >= rates[2]
    assert rates[0] > rates[2]
    assert bool((margins[1] <= -0.3).all())


def test_cw7_targeted_success_is_the_target_winning():
    model, x = conv(), images(8)
    y = labelled(model, x)
    target = (y + 1) % 5
    out = cw(model, x, y, target=target, steps=80, search_steps=6)
    assert torch.equal(out.success, out.prediction == target)
    assert bool(out.success.any())


def test_cw8_no_graph_outlives_a_step():
    model, x = conv(), images(2)
    y = labelled(model, x)
    fast = prepare(model, x)
    search = _TanhDescent(Problem(fast, Oracle(fast), x, y, Goal(y), ("a", "b"), 0, 2), CW())
    state = search.start([Job(0, constant=1.0), Job(1, constant=1.0)])
    for _ in range(3):
        search.step(state, final=False)
    assert all(rows.grad_fn is None and not rows.requires_grad for rows in state.values())


def test_cw9_distances_are_measured_in_pixels_per_sample_against_the_original():
    model, x = conv(), images(5)
    out = cw(model, x, labelled(model, x), steps=60, search_steps=4)
    exact = (out.images.double() - x.double()).flatten(1).norm(dim=1)
    assert bool(out.success.any())
    assert torch.allclose(out.distance[out.success], exact[out.success])


@pytest.mark.parametrize("steps", [1, 5, 9])
def test_cw10_few_steps_work(steps):
    model, x = conv(), images(2)
    out = cw(model, x, labelled(model, x), steps=steps, search_steps=2)
    assert out.images.shape == x.shape


def test_cw11_more_search_never_hurts_and_defaults_are_strong():
    model, x = conv(), images(8)
    y = labelled(model, x)
    short, long = cw(model, x, y, search_steps=2), cw(model, x, y)
    assert bool(long.success.all())
    assert bool((long.distance <= short.distance + 1e-6).all())


def test_cw_at_an_epsilon_counts_only_successes_within_it():
    model, x = conv(), images(8)
    y = labelled(model, x)
    minimal = cw(model, x, y)
    middle = float(minimal.distance.median())
    out = cw(model, x, y, eps=f"{middle + 1e-4:.6f}")
    assert torch.equal(out.success, minimal.distance <= middle + 1e-4)
    assert bool((out.norms["l2"] <= middle + 1e-4).all())


def test_cw_never_uses_a_norm_it_does_not_minimise():
    model, x = conv(), images(2)
    from advwindow.attacks import make_attack, make_budgets, perform

    with pytest.raises(UserError, match="minimises L2"):
        perform("cw", make_attack("cw", {}), model, x, labelled(model, x), make_budgets("8/255", "linf"))


@pytest.mark.parametrize(
    "change", [{"steps": 0}, {"initial_c": 0.0}, {"learning_rate": -1.0}, {"kappa": -1.0}], ids=str
)
def test_bad_parameters_are_refused(change):
    with pytest.raises(UserError):
        CW(**change)


def test_misclassified_samples_cost_nothing():
    model, x = conv(), images(3)
    y = labelled(model, x)
    y[0] = (y[0] + 1) % 5
    out = cw(Classifier(model.module, mean=[0.4, 0.5, 0.6], std=[0.2, 0.3, 0.25]), x, y, steps=5, search_steps=1)
    assert int(out.backwards[0]) == 0
    assert float(out.distance[0]) == 0
    assert out.status[0] is Status.SKIPPED
