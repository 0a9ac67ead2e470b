"""Defences and training: what they cost beside the same work without them."""

from __future__ import annotations

import functools

import pytest
import torch
from torch.nn.functional import cross_entropy

from advwindow.attacks import PGD, Goal, Problem, default_lanes, make_budgets
from advwindow.attacks.oracle import Oracle
from advwindow.defenses import certify, defend
from advwindow.models import prepare, untrained
from advwindow.training import Epoch, Recipe, Samples, train_epoch
from advwindow.training.fit import make_optimizer

from .contest import contest, ratio, report
from .parts import Subject, photographs

pytestmark = [pytest.mark.bench, pytest.mark.samples, pytest.mark.timeout(3600)]
STEPS, DRAWS = 20, 10
ONE = make_budgets("4/255", "linf")


@functools.cache
def subject() -> Subject:
    return photographs(8)


def pgd(model, *, draws: int = 1) -> None:
    """The attack alone, on every image, without the judge: as many gradients for every network."""
    _, images, labels = subject()
    prepared = prepare(model, images[:2])
    ids = tuple(map(str, range(len(labels))))
    oracle = Oracle(prepared, draws=draws)
    problem = Problem(prepared, oracle, images, labels, Goal(labels), ids, 0, default_lanes(images))
    PGD(steps=STEPS)(problem, ONE)


def test_an_adaptive_attack_on_jpeg():
    bare = subject().model
    work = {"bare": lambda: pgd(bare), "jpeg": lambda: pgd(defend(bare, "jpeg?quality=75"))}
    timings = contest(work)
    report(f"PGD-{STEPS}, {len(subject().labels)} photographs, with and without JPEG", timings, {})
    slower = ratio(timings, "bare", "jpeg")
    print(f"  {slower:.2f} times the time of the bare network")
    assert slower <= 1.3


def test_expectation_over_transformation():
    bare = subject().model
    random = defend(bare, "resize-pad?scale=0.9")
    timings = contest({"bare": lambda: pgd(bare), "10 draws": lambda: pgd(random, draws=DRAWS)}, rounds=1)
    report(f"PGD-{STEPS}, {len(subject().labels)} photographs, {DRAWS} draws of resize-pad", timings, {})
    slower = ratio(timings, "bare", "10 draws")
    print(f"  {slower:.2f} times the time of the bare network")
    assert slower <= 11


def test_noisy_copies_for_certificates():
    model, images, _ = subject()
    count, size = 64, 8

    def forward() -> None:
        with torch.no_grad():
            for _ in range(count // size):
                for image in images[:2]:
                    model(image.expand(size, *image.shape).contiguous())

    def draws() -> None:
        certify(model, images[:2], sigma=0.25, n0=size, n=count - size, batch_size=size)

    timings = contest({"forward": forward, "certify": draws}, rounds=5)
    report(f"{2 * count} forward passes, plain and with noise drawn, added and counted", timings, {})
    share = ratio(timings, "certify", "forward")
    print(f"  {100 * share:.0f} % of the bare throughput")
    assert share >= 0.9


class Unseen:
    """Watches nothing."""

    def batch_done(self, epoch: int, done: int, of: int) -> None:
        """Nothing."""

    def epoch_done(self, record: Epoch) -> None:
        """Nothing."""


RECIPE = Recipe(method="pgd", steps=7, epochs=1, batch_size=128, validation=1)
FACTS = {
    "network": {"channels": 3, "width": 32, "blocks": [1, 1, 1, 1], "classes": 10},
    "mean": [0.5] * 3,
    "std": [0.25] * 3,
    "label_names": [str(name) for name in range(10)],
    "input_size": [32, 32],
}


def fresh():
    torch.manual_seed(0)
    model = untrained(FACTS)
    model.module.to(memory_format=torch.channels_last)
    return model, make_optimizer(model, RECIPE)


def test_an_epoch_of_adversarial_training():
    generator = torch.Generator().manual_seed(0)
    images, labels = torch.rand(512, 3, 32, 32, generator=generator), torch.arange(512) % 10
    eps, step = RECIPE.radius, 0.25 * RECIPE.radius

    def ours() -> None:
        model, optimizer = fresh()
        train_epoch(model, optimizer, Samples(images, labels), RECIPE, 1, Unseen())

    def bare() -> None:
        model, optimizer = fresh()
        for index in torch.split(torch.randperm(len(labels)), RECIPE.batch_size):
            x, y = images[index].contiguous(memory_format=torch.channels_last), labels[index]
            model.eval()
            point = (x + torch.empty_like(x).uniform_(-eps, eps)).clamp(0, 1)
            for _ in range(7):
                point.requires_grad_()
                (slope,) = torch.autograd.grad(cross_entropy(model(point), y), point)
                point = torch.minimum(torch.maximum(point.detach() + step * slope.sign(), x - eps), x + eps).clamp(0, 1)
            model.train()
            loss = cross_entropy(model(point), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    timings = contest({"bare loop": bare, "advwindow": ours})
    report("PGD-7 adversarial training, four batches of 128 images of 32 px", timings, {})
    slower = ratio(timings, "bare loop", "advwindow")
    print(f"  {slower:.2f} times the time of a bare loop")
    assert slower <= 1.1
