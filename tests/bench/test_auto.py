"""AutoAttack: ours against the same stages of torchattacks, on a small adversarially trained CIFAR network."""

from __future__ import annotations

import functools
import sys

import pytest
import torch

import advwindow as aw

from .cifar import cifar_network, pixels
from .contest import contest, ratio, report
from .parts import Subject, accuracy_on, known

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]
EPS, STEPS, TARGETS, QUERIES = "8/255", 100, 9, 5000


def theirs(subject: Subject) -> torch.Tensor:
    """The four stages, each on what the ones before left standing."""
    library = pytest.importorskip("torchattacks")
    eps = {"eps": 8 / 255, "norm": "Linf"}
    stages = [
        library.APGD(subject.model, steps=STEPS, loss="ce", **eps),
        library.APGDT(subject.model, steps=STEPS, n_classes=TARGETS + 1, **eps),
        library.FAB(subject.model, steps=STEPS, multi_targeted=True, n_classes=TARGETS + 1, **eps),
        library.Square(subject.model, n_queries=QUERIES, **eps),
    ]
    found, left = subject.images.clone(), torch.arange(len(subject.labels))
    for stage in stages:
        found[left] = stage(subject.images[left], subject.labels[left])
        with torch.no_grad():
            left = left[subject.model(found[left]).argmax(1) == subject.labels[left]]
    return found


def ours(subject: Subject) -> torch.Tensor:
    return aw.attacks.auto(*subject, eps=EPS, steps=STEPS, targets=TARGETS, queries=QUERIES).images


def ours_in_float32(subject: Subject) -> torch.Tensor:
    """As on a processor without bfloat16."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["advwindow.attacks.door"], "reduced", lambda *_: None)
        return ours(subject)


def test_auto_on_a_small_network(kept):
    subject = known(cifar_network("robust", kept), *pixels("test", 30), 64)
    works = {"advwindow": ours, "advwindow in float32": ours_in_float32, "torchattacks": theirs}
    contestants = {name: functools.partial(work, subject) for name, work in works.items()}
    timings = contest(contestants, rounds=2, warm_up=False)
    left = {name: accuracy_on(subject, timing.returned) for name, timing in timings.items()}
    notes = {name: f"robust accuracy {share:.3f}" for name, share in left.items()}
    report(f"AutoAttack at {EPS}, {len(subject.labels)} images, adversarially trained", timings, notes)
    faster = ratio(timings, "advwindow", "torchattacks")
    slower = ratio(timings, "advwindow in float32", "torchattacks")
    print(f"  {faster:.2f} times as fast as torchattacks, {slower:.2f} times in float32")
    assert max(left["advwindow"], left["advwindow in float32"]) <= left["torchattacks"]
    assert faster >= 2
