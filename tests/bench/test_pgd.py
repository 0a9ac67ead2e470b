"""PGD: ours against torchattacks', foolbox's and a bare loop, on real photographs."""

from __future__ import annotations

import functools

import pytest
import torch

import advwindow as aw
from advwindow.attacks import PGD, Goal, Oracle, Problem, default_lanes, make_budgets
from advwindow.models import Classifier, prepare
from tests.vision import optional_vision

from .contest import contest, ratio, report
from .parts import Subject, accuracy_on, photographs

pytestmark = [pytest.mark.bench, pytest.mark.samples, pytest.mark.timeout(3600)]
STEPS = 20
#: Length of a step as a share of epsilon: the default of our PGD.
STEP = 2.5 / STEPS
EPSILONS = (1, 2, 4, 8)
#: Images that the other library is given at once: all of them, as a user would, and what suits the machine best.
BATCHES = (32, 8)


@functools.cache
def subject() -> Subject:
    return photographs(32)


def theirs_torchattacks(eps: int, batch: int) -> torch.Tensor:
    torchattacks = pytest.importorskip("torchattacks")
    model, images, labels = subject()
    attack = torchattacks.PGD(model, eps=eps / 255, alpha=STEP * eps / 255, steps=STEPS)
    parts = zip(images.split(batch), labels.split(batch), strict=True)
    return torch.cat([attack(*part) for part in parts])


def theirs_foolbox(eps: int, batch: int) -> torch.Tensor:
    foolbox = pytest.importorskip("foolbox")
    model, images, labels = subject()
    wrapped = foolbox.PyTorchModel(model, bounds=(0, 1))
    attack = foolbox.attacks.LinfPGD(abs_stepsize=STEP * eps / 255, steps=STEPS)
    parts = zip(images.split(batch), labels.split(batch), strict=True)
    return torch.cat([attack(wrapped, *part, epsilons=eps / 255)[1] for part in parts])


def accuracies(attack, batch: int) -> list[float]:
    return [accuracy_on(subject(), attack(eps, batch)) for eps in EPSILONS]


def test_robust_accuracy_at_four_budgets():
    model, images, labels = subject()

    def ours() -> list[float]:
        texts = [f"{eps}/255" for eps in EPSILONS]
        outcomes = aw.attacks.pgd(model, images, labels, eps=texts, steps=STEPS, until="success")
        return [outcome.robust_accuracy() for outcome in outcomes]

    others = {
        "torchattacks": functools.partial(accuracies, theirs_torchattacks, len(images)),
        "foolbox": functools.partial(accuracies, theirs_foolbox, len(images)),
    }
    timings = contest({"advwindow": ours} | others, rounds=1, warm_up=False)
    notes = {name: f"robust accuracy {timing.returned}" for name, timing in timings.items()}
    report(f"PGD-{STEPS} at {EPSILONS}/255, {len(images)} photographs, robust accuracy", timings, notes)
    faster = ratio(timings, "advwindow", *others)
    print(f"  {faster:.1f} times as fast as the best of the others")
    for other in others:
        assert all(a <= b for a, b in zip(timings["advwindow"].returned, timings[other].returned, strict=True))
    assert faster >= 4


def search(problem: Problem) -> None:
    PGD(steps=STEPS)(problem, make_budgets("8/255", "linf"))


def bare_loop(problem: Problem) -> None:
    """Nothing but as many forward and backward passes, in batches of the same size."""
    for images, labels in zip(problem.images.split(problem.lanes), problem.labels.split(problem.lanes), strict=True):
        for _ in range(STEPS):
            point = images.clone().requires_grad_()
            torch.autograd.grad(torch.nn.functional.cross_entropy(problem.model(point), labels), point)
        with torch.no_grad():
            problem.model(images)


def test_equal_gradients():
    model, images, labels = subject()
    prepared = prepare(model, images[:2])
    ids = tuple(map(str, range(len(images))))
    problem = Problem(prepared, Oracle(prepared), images, labels, Goal(labels), ids, 0, default_lanes(images))
    others = {
        f"torchattacks, batches of {batch}": functools.partial(theirs_torchattacks, 8, batch) for batch in BATCHES
    }
    timings = contest(
        {
            "advwindow": lambda: aw.attacks.pgd(model, images, labels, eps="8/255", steps=STEPS),
            "advwindow, search alone": functools.partial(search, problem),
            "bare loop": functools.partial(bare_loop, problem),
        }
        | others,
        rounds=3,
    )
    gradients = len(images) * STEPS
    notes = {name: f"{gradients / timing.median:.1f} gradients/s" for name, timing in timings.items()}
    report(f"PGD-{STEPS} at 8/255 to the end, {len(images)} photographs, the same number of gradients", timings, notes)
    for rival in ("advwindow", "advwindow, search alone"):
        for other in others:
            print(f"  {rival} is {ratio(timings, rival, other):.2f} times as fast as {other}")
    slower = 1 / ratio(timings, "advwindow, search alone", "bare loop")
    print(f"  the search takes {100 * (slower - 1):.1f} % longer than a bare loop")
    assert ratio(timings, "advwindow", f"torchattacks, batches of {BATCHES[0]}") >= 1.8
    assert slower <= 1.05


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu():
    torchattacks = pytest.importorskip("torchattacks")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Classifier(optional_vision("torchvision").models.resnet50(), name="resnet50").cuda().eval()
        images = torch.rand(128, 3, 224, 224).cuda()
    with torch.no_grad():
        labels = model(images).argmax(1)
    theirs = torchattacks.PGD(model, eps=8 / 255, alpha=2 / 255, steps=STEPS)
    timings = contest(
        {
            "advwindow": lambda: aw.attacks.pgd(model, images, labels, eps="8/255", step_size="2/255", steps=STEPS),
            "torchattacks": lambda: theirs(images, labels),
        },
        rounds=3,
    )
    report(f"PGD-{STEPS} at 8/255 on a GPU, ResNet-50 with random weights, {len(images)} images", timings, {})
    assert ratio(timings, "advwindow", "torchattacks") >= 2
