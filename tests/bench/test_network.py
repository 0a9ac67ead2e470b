"""Where the time goes: what preparing a network gains, and the share of its convolutions in an attack."""

from __future__ import annotations

import functools

import pytest
import torch

import advwindow as aw
from advwindow.models import prepare

from .cifar import cifar_network, pixels
from .contest import THREADS, contest, report
from .parts import photographs

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1200)]
#: As many images as withstand everything in the benchmark of `auto`.
SURVIVORS = 25
PASSES = 50


def forward(model: torch.nn.Module, images: torch.Tensor) -> None:
    with torch.no_grad():
        for _ in range(PASSES):
            model(images)


def gradient(model: torch.nn.Module, images: torch.Tensor) -> None:
    for _ in range(PASSES):
        point = images.clone().requires_grad_()
        torch.autograd.grad(model(point).sum(), point)


def test_what_preparing_gains_on_a_small_network(kept):
    model, images = cifar_network("robust", kept), pixels("test", 3)[0][:SURVIVORS]
    prepared = prepare(model, images[:2])
    timings = contest(
        {
            f"{work.__name__}, {name}": functools.partial(work, network, images)
            for work in (forward, gradient)
            for name, network in (("original", model), ("prepared", prepared))
        },
        rounds=5,
    )
    notes = {
        name: f"{1e6 * timing.median / PASSES / SURVIVORS:.0f} microseconds an image"
        for name, timing in timings.items()
    }
    report(f"{PASSES} passes of {SURVIVORS} CIFAR images", timings, notes)


@pytest.mark.samples
def test_share_of_convolutions_in_pgd():
    subject = photographs(8)
    torch.set_num_threads(THREADS)
    work = functools.partial(aw.attacks.pgd, *subject, eps="8/255", steps=20)
    work()
    with torch.profiler.profile() as profile:
        work()
    spent = {event.key: event.self_cpu_time_total for event in profile.key_averages()}
    share = sum(time for name, time in spent.items() if "convolution" in name) / sum(spent.values())
    print(f"\nconvolutions take {100 * share:.0f} % of PGD-20 on {len(subject.labels)} photographs, judge included")
    assert 0 < share < 1
