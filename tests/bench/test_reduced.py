"""What searching in bfloat16 gains, and that it breaks as many images as searching in float32."""

from __future__ import annotations

import functools
import math
import statistics
import sys
from typing import TYPE_CHECKING, Any

import pytest

import advwindow as aw
from advwindow.models import load_model, prepare, reduced
from advwindow.models.reduced import processor_has_bfloat16

from .cifar import cifar_network, pixels
from .contest import contest, ratio, report
from .parts import known
from .test_network import PASSES, SURVIVORS, forward, gradient
from .test_strength import LUCK

if TYPE_CHECKING:
    from .parts import Subject

pytestmark = [
    pytest.mark.bench,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not processor_has_bfloat16(), reason="this processor has no bfloat16"),
]
#: By network of `cifar_network`, where some of 64 images stand.
EPSILONS = {"standard": ("1/255", "2/255"), "robust": ("8/255", "12/255")}
SETTINGS: dict[str, dict[str, Any]] = {
    "pgd": {"steps": 20, "until": "success"},
    "apgd": {"steps": 20, "until": "success"},
    "apgd, targeted": {"steps": 20, "until": "success", "loss": "dlr-targeted", "targets": 9},
    "fab": {"steps": 20, "until": "success", "targets": 9},
    "square": {"queries": 500, "until": "success"},
    "auto": {"steps": 20, "queries": 500},
}
SEEDS = 10


@pytest.mark.parametrize("name", ["small", "shipped"])
def test_passes_are_faster(name, kept):
    model = cifar_network("robust", kept) if name == "small" else load_model("sample:cifar10-robust")
    images = pixels("test", 3)[0][:SURVIVORS]
    exact = prepare(model, images[:2])
    rough = reduced(exact, images[:2])
    contestants = {
        f"{work.__name__}, {title}": functools.partial(work, network, images)
        for work in (forward, gradient)
        for title, network in (("float32", exact), ("bfloat16", rough.model))
    }
    timings = contest(contestants, rounds=3)
    report(f"{PASSES} passes of {SURVIVORS} CIFAR images, {name} network", timings, {})
    print(f"  deviation {rough.deviation:.2e} of the range of logits")
    for work in ("forward", "gradient"):
        faster = ratio(timings, f"{work}, bfloat16", f"{work}, float32")
        print(f"  {work}: {faster:.2f} times as fast")
        assert faster > 1


def withstanding(subject: Subject, name: str, eps: str, seed: int) -> int:
    attack = name.partition(",")[0]
    return aw.attacks.run_attack(attack, *subject, eps=eps, seed=seed, **SETTINGS[name])[0].withstood()


@pytest.mark.parametrize("network", list(EPSILONS))
def test_as_many_images_fall(network, kept, monkeypatch):
    subject = known(cifar_network(network, kept), *pixels("test", 20), 64)
    door, differences, weaker = sys.modules["advwindow.attacks.door"], [], []
    print(f"\n{network}, {len(subject.labels)} images, {SEEDS} starts: images that stand")
    for eps in EPSILONS[network]:
        for name in SETTINGS:
            left = {}
            for title, make in (("float32", lambda *_: None), ("bfloat16", reduced)):
                monkeypatch.setattr(door, "reduced", make)
                left[title] = [withstanding(subject, name, eps, seed) for seed in range(SEEDS)]
            changes = [rough - exact for exact, rough in zip(*left.values(), strict=True)]
            error = statistics.stdev(changes) / math.sqrt(SEEDS)
            means = " ".join(f"{title} {statistics.mean(counts):.2f}" for title, counts in left.items())
            print(f"  {name:14} {eps:6} {means} difference {statistics.mean(changes):+.2f} ± {error:.2f}", flush=True)
            differences.append(statistics.mean(changes))
            weaker += [(name, eps)] if statistics.mean(changes) > LUCK * error else []
    print(f"  mean difference {statistics.mean(differences):+.3f} images")
    assert not weaker


def test_auto_on_the_shipped_network(monkeypatch):
    model, (images, labels) = load_model("sample:cifar10-robust"), pixels("test", 3)
    door, found = sys.modules["advwindow.attacks.door"], {}

    def attacked(title, make):
        monkeypatch.setattr(door, "reduced", make)
        found[title] = aw.attacks.auto(model, images, labels, eps="8/255")

    makes = {"float32": lambda *_: None, "bfloat16": reduced}
    timings = contest(
        {title: functools.partial(attacked, title, make) for title, make in makes.items()}, rounds=1, warm_up=False
    )
    report(f"auto, {len(images)} images, shipped robust network", timings, {})
    print(f"  {ratio(timings, 'bfloat16', 'float32'):.2f} times as fast, {found['bfloat16'].withstood()} images stand")
    assert found["bfloat16"].success.tolist() == found["float32"].success.tolist()
