"""The window: its closed forms against loops and rsatoolbox, and what it costs beside the network and the attack."""

from __future__ import annotations

import contextlib
import functools
import io
import sys

import numpy as np
import pytest
import torch

import advwindow as aw
from advwindow.attacks.budget import Norm
from advwindow.attacks.noise import matched_noise
from advwindow.models import default_layers
from advwindow.window.capture import capture_with_logits
from advwindow.window.matching import two_vs_two
from advwindow.window.sketch import reduce
from advwindow.window.sums import Patterns, PatternSums

from .contest import contest, ratio, report
from .parts import Subject, photographs
from .window_parts import BATCH, CONCEPTS, drawn_evidence, inference, measured_apart

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]
#: Pairs on which the literal loop is timed.
SLICE = 200
LAYERS = 50
RESAMPLES = 1000
#: Resamples for which rsatoolbox is timed.
TIMED = 4
PHOTOGRAPHS = 64
STEPS = 20

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads its memory from /proc")


def test_two_vs_two_of_a_thousand_concepts():
    draw = np.random.default_rng(0)
    words = draw.normal(size=(CONCEPTS, 50))
    b = np.corrcoef(words)
    a = np.corrcoef(words @ draw.normal(size=(50, 80)) + 6 * draw.normal(size=(CONCEPTS, 80)))
    first, second = np.triu_indices(CONCEPTS, 1)
    chosen = draw.choice(len(first), SLICE, replace=False)
    pairs = list(zip(first[chosen].tolist(), second[chosen].tolist(), strict=True))

    def loop() -> list[bool]:
        return [literal_win(a, b, i, j) for i, j in pairs]

    timings = contest({"closed form": lambda: two_vs_two(a, b), "loop over a slice": loop}, rounds=3)
    wins = timings["closed form"].returned.wins
    assert [bool(wins[pair]) for pair in pairs] == timings["loop over a slice"].returned
    faster = ratio(timings, "closed form", "loop over a slice") * len(first) / SLICE
    notes = {"closed form": f"{len(first)} pairs", "loop over a slice": f"{SLICE} pairs"}
    report(f"2 vs 2 of {CONCEPTS} concepts", timings, notes)
    print(f"  {faster:.0f} times as fast as the loop over all pairs")
    assert timings["closed form"].median < 0.5
    assert faster >= 1000


def literal_win(a, b, i: int, j: int) -> bool:
    """One pair as the papers have it."""
    kept = [k for k in range(len(a)) if k not in (i, j)]
    right = np.corrcoef(a[i, kept], b[i, kept])[0, 1] + np.corrcoef(a[j, kept], b[j, kept])[0, 1]
    crossed = np.corrcoef(a[i, kept], b[j, kept])[0, 1] + np.corrcoef(a[j, kept], b[i, kept])[0, 1]
    return bool(right > crossed)


@on_linux
def test_inference_on_fifty_layers():
    bootstrap = rsatoolbox_bootstrap()
    timings = contest(
        {
            "advwindow": inference(LAYERS),
            "rsatoolbox": lambda: bootstrap(2 + TIMED),
            "rsatoolbox, 2 resamples": lambda: bootstrap(2),
        },
        rounds=1,
        warm_up=False,
    )
    apart = measured_apart("inference", LAYERS)
    growth = apart.peak - apart.before
    each = (timings["rsatoolbox"].median - timings["rsatoolbox, 2 resamples"].median) / TIMED
    faster = each * RESAMPLES * LAYERS / timings["advwindow"].median
    notes = {
        "advwindow": f"all that verdicts rest on, {LAYERS} layers x 2 conditions; memory grows by {growth:.0f} MiB",
        "rsatoolbox": f"{each:.3f} s a resample of the 2 conditions of 1 layer",
    }
    report(f"{RESAMPLES} resamples, {CONCEPTS} concepts, Spearman", timings, notes)
    print(f"  {faster:.0f} times as fast as rsatoolbox for all resamples and layers")
    assert faster >= 100
    assert timings["advwindow"].median < 60
    assert growth < 1024


def rsatoolbox_bootstrap():
    """rsatoolbox's own bootstrap over patterns (two at least): both conditions of a layer as models of the words."""
    rdm, model = pytest.importorskip("rsatoolbox.rdm"), pytest.importorskip("rsatoolbox.model")
    inference = pytest.importorskip("rsatoolbox.inference")
    evidence = drawn_evidence(1)
    stack = evidence.layers["layer 0"].stack
    (space,) = evidence.spaces.values()

    def distances(name: str, products):
        scale = 1 / np.sqrt(np.diag(products))
        matrix = 1 - products * np.outer(scale, scale)
        np.fill_diagonal(matrix, 0)
        return rdm.RDMs(matrix[None], rdm_descriptors={"name": [name]})

    data = distances("words", space.gram.centred)
    models = [model.ModelFixed(name, distances(name, own)) for name, own in zip("ab", stack.own, strict=True)]

    def bootstrap(count: int) -> None:
        with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
            inference.eval_bootstrap_pattern(models, data, method="spearman", N=count, boot_noise_ceil=False)

    return bootstrap


@functools.cache
def subject() -> Subject:
    return photographs(PHOTOGRAPHS)


@pytest.mark.samples
def test_capturing_all_layers():
    model, images, labels = subject()
    layers = default_layers(model, images[:2])
    window = aw.Window(model, aw.load_words("glove-6b-50d"))

    def forward() -> None:
        with torch.no_grad():
            for batch in images.split(BATCH):
                model(batch)

    def accumulate() -> None:
        sums = PatternSums(len(images))
        for places in torch.arange(len(images)).split(BATCH):
            activations, _ = capture_with_logits(model, images[places], layers)
            sums.add({layer: patterns(layer, rows) for layer, rows in activations.items()}, places.numpy())

    timings = contest(
        {
            "bare forward pass": forward,
            "capture and accumulate": accumulate,
            "observation": lambda: window.observe(images, labels),
        },
        rounds=7,
    )
    report(f"{len(layers)} layers, {len(images)} photographs, batches of {BATCH}", timings, {})
    for ours in ("capture and accumulate", "observation"):
        print(f"  {ours} takes {1 / ratio(timings, ours, 'bare forward pass'):.3f} of the bare forward pass")
    assert 1 / ratio(timings, "capture and accumulate", "bare forward pass") <= 1.25


def patterns(layer: str, rows: torch.Tensor) -> Patterns:
    reduced = reduce(rows, seed=0, key=layer)
    return Patterns(reduced.rows.float().numpy(), reduced.means.numpy(), reduced.features)


@pytest.mark.samples
def test_window_beside_its_attack():
    model, images, labels = subject()
    window = aw.Window(model, aw.load_words("glove-6b-50d"))
    attack = functools.partial(aw.attacks.pgd, model, images, labels, eps="8/255", steps=STEPS, until="end")
    attacked = attack().images
    ids = [str(place) for place in range(len(images))]

    def control() -> torch.Tensor:
        return matched_noise(images, attacked, Norm.LINF, ids=ids, seed=0)

    noise = control()
    gathered = window.gather(images, attacked, labels=labels, noise=noise)
    timings = contest(
        {
            "attack": attack,
            "window": lambda: window.compare(images, attacked, labels=labels, noise=noise),
            "inference alone": lambda: window.conclude(gathered),
            "noise control": control,
        },
        rounds=2,
        warm_up=False,  # each has just run once
    )
    report(f"PGD-{STEPS} at 8/255 to the end, {len(images)} photographs", timings, {})
    share = 1 / ratio(timings, "window", "attack")
    print(f"  the window takes {100 * share:.1f} % of the attack's time")
    assert share <= 0.10


@on_linux
@pytest.mark.samples
def test_memory_of_capture():
    few, many = (measured_apart("capture", count) for count in (100, 1000))
    print(f"\nMemory of looking at 100 images: {few.peak:.0f} MiB, at 1,000 images: {many.peak:.0f} MiB")
    assert abs(many.peak / few.peak - 1) <= 0.05
