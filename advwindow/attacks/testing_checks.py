"""The conformance checks: each takes a subject and raises `AssertionError` for what it finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from advwindow.attacks.budget import size
from advwindow.attacks.door import perform
from advwindow.attacks.isolation import private_randomness
from advwindow.attacks.outcome import Status
from advwindow.attacks.testing_parts import (
    CLASSES,
    Accident,
    changed,
    convolutional,
    demand,
    grid_images,
    labels_of,
    linear,
    random_images,
    random_state,
    state_of,
    stems_from_accident,
)

if TYPE_CHECKING:
    from torch import Tensor, nn

    from advwindow.attacks.door import Candidates
    from advwindow.attacks.testing_parts import Subject

#: How far images may differ by rounding alone, where a batch has another size or order.
ROUNDING = 1e-4


def bounds(subject: Subject) -> None:
    """Returns images: one for each sample, float32, finite, in [0, 1]; and one fact for each sample."""
    for problem in (subject.problem(convolutional(), random_images()), subject.problem(linear(), grid_images())):
        for candidates in subject.run(problem):
            _demand_images(candidates.images, problem.images)
            _demand_facts(candidates, len(problem.images))


def _demand_images(found: Tensor, images: Tensor) -> None:
    demand(found.shape == images.shape, f"images of shape {tuple(found.shape)}, not {tuple(images.shape)}")
    demand(found.dtype is images.dtype, f"images of {found.dtype}, not {images.dtype}")
    demand(not found.requires_grad, "images that carry a gradient graph")
    demand(found.isfinite().all(), "images with NaN or infinite values")
    low, high = float(found.min()), float(found.max())
    demand(low >= 0 and high <= 1, f"images in [{low:.9g}, {high:.9g}], not in [0, 1]")


def _demand_facts(candidates: Candidates, samples: int) -> None:
    for name, values in zip(candidates._fields[1:], candidates[1:], strict=True):
        demand(len(values) == samples, f"{len(values)} values of {name} for {samples} samples")


def budget(subject: Subject) -> None:
    """Stays within epsilon in float64, at each of the 256 levels of 8-bit images, whatever the order of budgets."""
    for model in (linear(), convolutional()):
        problem = subject.problem(model, grid_images())
        mixed = [*subject.budgets[1:], subject.budgets[0]]
        for asked, candidates in zip(mixed, subject.run(problem, mixed), strict=True):
            spent = size(candidates.images.double() - problem.images.double(), asked.norm)
            excess = float((spent - asked.value).max())
            demand(excess <= 0, f"a perturbation exceeds {asked} by {excess:.3g} on the {model.name} network")


def deterministic(subject: Subject) -> None:
    """Gives bit by bit the same for the same seed, whatever the global random states."""
    results = []
    state = torch.get_rng_state()
    try:
        for seed in (1, 2):
            torch.manual_seed(seed)
            results.append(subject.run(subject.problem(convolutional(), random_images())))
    finally:
        torch.set_rng_state(state)
    for asked, one, other in zip(subject.budgets, *results, strict=True):
        for name, first, second in zip(one._fields, one, other, strict=True):
            same = first.shape == second.shape and torch.equal(first.nan_to_num(), second.nan_to_num())
            demand(same, f"{name} at {asked} differ between two runs with the same seed")


def randomness(subject: Subject) -> None:
    """Leaves the global random states of torch, NumPy and Python untouched."""
    problem = subject.problem(convolutional(), random_images())
    with private_randomness(subject.seed, "conformance"):  # whoever seeds the states here leaves others behind
        before = random_state()
        subject.run(problem)
        touched = changed(before, random_state())
    demand(not touched, f"the global random state of {touched} has changed")


def batch(subject: Subject) -> None:
    """Gives a sample the same alone, in company, in another order and with fewer lanes."""
    model = linear()
    whole = subject.problem(model, random_images())
    together = subject.run(whole)
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(whole.images))
    parts = [("in another order", whole.only(torch.from_numpy(order)), torch.from_numpy(order))]
    parts += [("alone", whole.only(one), one) for one in torch.tensor([[0], [3], [6]])]
    for company, part, index in parts:
        for asked, all_found, found in zip(subject.budgets, together, subject.run(part), strict=True):
            expected = all_found.images[index]
            apart = float((found.images - expected).abs().max())
            demand(apart <= ROUNDING, f"images at {asked} differ by {apart:.3g} when a sample is attacked {company}")
            won = subject.succeeded(model, part, found, asked)
            same = torch.equal(won, subject.succeeded(model, part, found._replace(images=expected), asked))
            demand(same, f"successes at {asked} differ when a sample is attacked {company}")


def side_effects(subject: Subject) -> None:
    """Leaves modes, gradients, hooks, parameters, images and labels as they were."""
    for images in (random_images(), random_images()[:1]):
        problem = subject.problem(convolutional(), images)
        before = state_of(problem)
        subject.run(problem)
        touched = changed(before, state_of(problem))
        demand(not touched, f"not as before: {touched}")


def exceptions(subject: Subject) -> None:
    """Leaves all that as it was, and the random states, where the network raises an exception."""
    for passes in (0, 1, 4):
        problem = subject.problem(convolutional(), random_images())
        accident = Accident(passes)
        hook = problem.model.module.register_forward_pre_hook(accident)
        raised: Exception | None = None
        with private_randomness(subject.seed, "conformance"):
            before = state_of(problem) | random_state()
            try:
                subject.run(problem)
            except Exception as error:  # noqa: BLE001 - an attack may wrap what the network raised
                raised = error
            touched = changed(before, state_of(problem) | random_state())
        hook.remove()
        demand(not touched, f"not as before an exception in forward pass {passes + 1}: {touched}")
        if raised is not None and not accident.happened:
            raise raised
        demand(raised is not None or not accident.happened, f"an exception in forward pass {passes + 1} is swallowed")
        demand(raised is None or stems_from_accident(raised), f"the network's exception became an unrelated {raised!r}")


def empty(subject: Subject) -> None:
    """Has nothing to do, even before its first run, where no image is there or none is classified correctly."""
    model, images = linear(), random_images()
    for shown in (images[:0], images):
        labels = (labels_of(model, shown) + 1) % CLASSES
        outcomes = perform("subject", subject.attack, model, shown, labels, subject.budgets, seed=subject.seed)
        demand(len(outcomes) == len(subject.budgets), f"{len(outcomes)} outcomes for {len(subject.budgets)} budgets")
        demand(all(torch.equal(out.images, shown) for out in outcomes), "images change though none is to be attacked")


def misclassified(subject: Subject) -> None:
    """Leaves alone what is misclassified already, and it makes no difference to the others."""
    model, images = linear(), random_images()
    labels = labels_of(model, images)
    wrong = torch.arange(len(images)) % 3 == 1
    mixed = torch.where(wrong, (labels + 1) % CLASSES, labels)
    ids = [f"image {place}" for place in range(len(images))]
    outs = [
        perform("subject", subject.attack, model, images, given, subject.budgets, seed=subject.seed, ids=ids)
        for given in (labels, mixed)
    ]
    for plain, out in zip(*outs, strict=True):
        skipped = torch.tensor([status is Status.SKIPPED for status in out.status])
        demand(torch.equal(skipped, wrong), f"misclassified samples do not end as skipped at {out.budget}")
        demand(torch.equal(out.images[wrong], images[wrong]), f"misclassified images are changed at {out.budget}")
        spent = int(out.forwards[wrong].sum() + out.backwards[wrong].sum())
        demand(spent == 0, f"misclassified images cost {spent} passes at {out.budget}")
        apart = float((out.images[~wrong] - plain.images[~wrong]).abs().max())
        demand(apart <= ROUNDING, f"others differ by {apart:.3g} beside misclassified images at {out.budget}")


def monotone(subject: Subject) -> None:
    """Succeeds at a larger budget wherever it does at a smaller one."""
    model = linear()
    problem = subject.problem(model, random_images(24))
    smaller = torch.zeros(len(problem.images), dtype=torch.bool)
    for asked, found in zip(subject.budgets, subject.run(problem), strict=True):
        larger = subject.succeeded(model, problem, found, asked)
        lost = int((smaller & ~larger).sum())
        demand(lost == 0, f"{lost} of {len(larger)} samples that fell at a smaller budget withstand {asked}")
        smaller = larger


def targeted(subject: Subject) -> None:
    """Heads for the class it is told: two targets pull the same samples to their own side."""
    model = linear()
    problems = [subject.problem(model, random_images(), shift=shift) for shift in (1, 2)]
    found = [subject.run(problem, [subject.largest])[0].images.float() for problem in problems]
    with torch.no_grad():
        logits = [model(images) for images in found]
    for own, other, problem in zip(logits, reversed(logits), problems, strict=True):
        gained = float((problem.goal.margin(other) - problem.goal.margin(own)).mean())
        demand(gained > 0, f"a target comes {gained:.3g} logits nearer when it is aimed at than when another one is")


def honest(subject: Subject) -> None:
    """Claims no success that does not stand up to the judge, whatever the batch."""
    for model in (linear(), convolutional()):
        problem = subject.problem(model, random_images())
        for asked, found in zip(subject.budgets, subject.run(problem), strict=True):
            claimed = found.claimed.cpu() & (found.first_success_step.cpu() >= 0)
            won = subject.succeeded(model, problem, found, asked)
            wrong = int((claimed & ~won).sum())
            demand(wrong == 0, f"{wrong} of {int(claimed.sum())} claimed successes at {asked} are none")
            with torch.no_grad():
                alone = torch.cat([model(image[None].float()) for image in found.images])
            lost = int((claimed & won & (problem.goal.margin(alone) >= 0)).sum())
            demand(lost == 0, f"{lost} successes at {asked} are lost when the image is shown alone")


def counts(subject: Subject) -> None:
    """Reports the forward and backward passes that it made."""
    problem = subject.problem(convolutional(), random_images())
    made = {"forward": 0, "backward": 0}

    def look(_: nn.Module, args: tuple[Tensor], output: Tensor) -> None:
        made["forward"] += len(args[0])
        if output.requires_grad:
            output.register_hook(look_back)  # type: ignore[no-untyped-call] # torch types it so

    def look_back(gradient: Tensor) -> None:
        made["backward"] += len(gradient)

    hook = problem.model.register_forward_hook(look)
    (found,) = subject.run(problem, [subject.largest])
    hook.remove()
    for kind, reported in (("forward", found.forwards), ("backward", found.backwards)):
        told = int(reported.sum())
        fair = made[kind] - len(reported) <= told <= made[kind] + len(reported)
        demand(fair, f"{told} {kind} passes are reported, {made[kind]} were made")
