import itertools
import math

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from advwindow.attacks import halving
from advwindow.attacks.apgd import APGD, ranked_classes
from advwindow.attacks.budget import Norm
from advwindow.attacks.halving import Halving, SparseHalving, checkpoints, phase_steps
from advwindow.attacks.lanes import Job

from .nets import conv, images, labelled
from .test_apgd import EPS, NORMS, problem_of


def test_checkpoints_are_the_published_ones():
    """Croce and Hein 2020, section 3.1: p(j+1) = p(j) + max(p(j) - p(j-1) - 0.03, 0.06), w(j) = ceil(p(j) N)."""
    shares = [0.0, 0.22]
    while shares[-1] < 1:
        shares.append(round(shares[-1] + max(shares[-1] - shares[-2] - 0.03, 0.06), 9))
    assert checkpoints(100) == tuple(math.ceil(round(100 * share, 6)) for share in shares[1:-1])


@pytest.mark.parametrize("steps", [*range(1, 60), 100, 200, 333, 1000])
def test_checkpoints_are_those_of_the_authors_loop(steps):
    interval, least, less = max(int(0.22 * steps), 1), max(int(0.06 * steps), 1), max(int(0.03 * steps), 1)
    found, counter = [], 0
    for step in range(1, steps + 1):
        counter += 1
        if counter == interval:
            found.append(step)
            counter, interval = 0, max(interval - less, least)
    assert checkpoints(steps) == tuple(found)


@pytest.mark.parametrize("steps", range(1, 120))
def test_phases_of_l1_add_up_and_leave_steps_for_the_last(steps):
    phases = phase_steps(steps)
    assert sum(phases) == steps
    assert min(phases) >= 0
    assert phases[2] >= 1
    if steps >= 10:
        assert phases[0] == math.ceil(round(0.3 * steps, 6))


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("loss", ["ce", "dlr", "dlr-targeted"])
def test_iterates_are_those_of_torchattacks_from_the_same_start(norm, loss, monkeypatch):
    """Two checkpoints long. Later, where the loss is flat, rounding decides which of two iterates is better."""
    torchattacks = pytest.importorskip("torchattacks")
    model, x, eps, steps = conv(), images(6), EPS[norm], 100
    y = labelled(model, x)
    generator = torch.Generator().manual_seed(1)
    drawn = torch.rand(x.shape, generator=generator) if norm == "linf" else torch.randn(x.shape, generator=generator)
    offset = 2 * drawn - 1 if norm == "linf" else drawn
    length = offset.flatten(1).norm(p=math.inf if norm == "linf" else 2, dim=1)
    offset = eps * offset / length.reshape(-1, 1, 1, 1)
    monkeypatch.setattr(halving, "boundary_offset", lambda problem, job, norm: offset[job.sample])
    ours, theirs = [], []
    search = Halving(problem_of(model, x, y), APGD(loss=loss), Norm(norm))
    ranks = ranked_classes(search.problem, 1)
    state = search.start([Job(sample, eps, target=ranks[sample][0]) for sample in range(len(x))])
    for step in range(steps + 1):
        ours.append(state["point"])
        search.step(state, final=step == steps)
    monkeypatch.setattr(torch, "rand" if norm == "linf" else "randn", lambda shape: drawn[: shape[0]])
    settings = {"norm": norm.capitalize(), "eps": eps, "steps": steps, "n_restarts": 1, "rho": 0.75}
    if loss == "dlr-targeted":
        peer = torchattacks.APGDT(model, n_classes=2, **settings)
        peer.n_target_classes = 1
    else:
        peer = torchattacks.APGD(model, loss=loss, **settings)
    handle = model.register_forward_pre_hook(lambda module, args: theirs.append(args[0].detach().clone()))
    peer(x, y)
    handle.remove()
    theirs = theirs[-(steps + 1) :]
    for mine, other in itertools.islice(zip(ours, theirs, strict=True), checkpoints(steps)[1] + 1):
        assert torch.allclose(mine, other, atol=2e-5)


class _Waits(TorchDispatchMode):
    """Fails on operators that make the host wait for the device."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        assert function.name() not in {"aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select"}
        if function.name() == "aten::index.Tensor":
            assert all(index is None or index.dtype is not torch.bool for index in args[1])
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("until", ["success", "end"])
def test_no_step_makes_the_host_wait(norm, until):
    model, x = conv(), images(4)
    settings = APGD(steps=5, loss="dlr-targeted", until=until)
    search = (SparseHalving if norm == "l1" else Halving)(
        problem_of(model, x, labelled(model, x)), settings, Norm(norm)
    )
    state = search.start([Job(sample, EPS[norm], target=1) for sample in range(4)])
    with _Waits():
        for step in range(search.length):
            search.step(state, final=step == search.length - 1)
    assert bool(state["done"].all())


@pytest.mark.parametrize("norm", NORMS)
def test_a_lane_that_is_done_stays_as_it_is(norm):
    model, x = conv(), images(4)
    settings = APGD(steps=5, until="success")
    search = (SparseHalving if norm == "l1" else Halving)(
        problem_of(model, x, labelled(model, x)), settings, Norm(norm)
    )
    state = search.start([Job(sample, 10 * EPS[norm]) for sample in range(4)])
    for _ in range(search.length):
        search.step(state, final=False)
    facts = ("best", "margin", "won", "first", "forwards", "backwards", "zero", "silent", "trace")
    before = {name: state[name].clone() for name in facts}
    for final in (False, False, True):
        search.step(state, final=final)
    for name in facts:
        assert torch.equal(state[name].nan_to_num(-1), before[name].nan_to_num(-1)), name
