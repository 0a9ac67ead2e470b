"""What the benchmarks of the window work on, and the work that is measured in a process of its own, for its memory.

``python -m tests.bench.window_parts WORK [NUMBER]`` does one piece of work and prints its figures as JSON.
"""

from __future__ import annotations

import ctypes
import functools
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import torch

import advwindow as aw
from advwindow.window.analysis import compute
from advwindow.window.evidence import Evidence, Examples, LayerEvidence, Trials, WordEvidence
from advwindow.window.grams import Stack, gram_of, stack_of
from advwindow.window.options import Options
from advwindow.window.report import analyse
from advwindow.window.sums import Patterns

from .contest import THREADS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

    Array = NDArray[np.float64]

CONCEPTS = 1000
FEATURES = 200
WORD_FEATURES = 50
SHARED = 8
SIDE = 224
BATCH = 16


class Cost(NamedTuple):
    """What a piece of work took: seconds, memory before it in MiB, and its highest memory in MiB."""

    seconds: float
    before: float
    peak: float


def measured_apart(work: str, number: int) -> Cost:
    """Do a piece of `WORK` in a new process."""
    command = [sys.executable, "-m", "tests.bench.window_parts", work, str(number)]
    root = Path(__file__).parents[2]
    done = subprocess.run(
        command,
        cwd=root,
        env=os.environ | _THREADS | (_TIDY if work == "capture" else {}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


_THREADS = {name: str(THREADS) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}

# What is freed goes back at once, or the highest memory tells of chance in the allocator (100 MiB more or less).
_TIDY = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}


class DrawnLayer:
    """A layer's evidence whose products are made from random patterns whenever they are asked for.

    So the evidence itself, 16 MB a layer and condition with 1,000 concepts, does not count to the memory of the
    analysis; in ordinary use it may lie on disk.
    """

    def __init__(self, layer: int, conditions: int) -> None:
        self._layer = layer
        self._conditions = conditions
        self.displacement = np.zeros(conditions)
        self.identification = np.ones(conditions)
        self.closeness = np.zeros((0, CONCEPTS))
        self.examples = np.zeros((conditions, 0, CONCEPTS))

    @property
    def stack(self) -> Stack:
        """Patterns that share something with the words, less under the later conditions."""
        draw = np.random.default_rng(self._layer)
        base = shared() @ draw.normal(size=(SHARED, FEATURES))
        noise = draw.normal(size=(CONCEPTS, FEATURES))
        return stack_of(
            [_patterns(base / (1 + s) + 3 * noise + s * draw.normal(size=noise.shape)) for s in range(self._conditions)]
        )


class DrawnLayers(Mapping[str, LayerEvidence]):
    """Layers that are drawn when they are asked for."""

    def __init__(self, layers: int, conditions: int) -> None:
        self._layers = {f"layer {i}": DrawnLayer(i, conditions) for i in range(layers)}

    def __getitem__(self, name: str) -> LayerEvidence:
        return cast("LayerEvidence", self._layers[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)


def shared() -> Array:
    """What words and patterns have in common, ``(C, SHARED)``."""
    return np.random.default_rng(99).normal(size=(CONCEPTS, SHARED))


def drawn_evidence(layers: int, conditions: tuple[str, ...] = ("clean", "attack")) -> Evidence:
    """Evidence of 1,000 concepts, drawn at random."""
    draw = np.random.default_rng(98)
    words = shared() @ draw.normal(size=(SHARED, WORD_FEATURES)) + draw.normal(size=(CONCEPTS, WORD_FEATURES))
    none = np.zeros(0, np.int64)
    return Evidence(
        conditions=conditions,
        concepts=tuple(f"concept {i}" for i in range(CONCEPTS)),
        counts=np.ones((1, CONCEPTS), np.int64),
        similarity="pearson",
        spaces={"drawn": WordEvidence(tuple(f"word {i}" for i in range(CONCEPTS)), gram_of(words))},
        pixels=gram_of(draw.normal(size=(CONCEPTS, FEATURES))),
        layers=DrawnLayers(layers, len(conditions)),
        trials=Trials(none, none, none, np.zeros((0, CONCEPTS))),
        examples=Examples(none, none),
    )


def _patterns(activations: Array) -> Patterns:
    mean = activations.mean(1)
    return Patterns(activations - mean[:, None], mean, activations.shape[1])


def inference(layers: int) -> Callable[[], object]:
    """All that verdicts rest on: alignment, drift, 2 vs 2, CKA and losers, with their tests and intervals."""
    options = Options(measure="spearman", permutations=1000, further=False)
    evidence = drawn_evidence(layers)
    return functools.partial(compute, evidence, options)


def everything(layers: int) -> Callable[[], object]:
    """A whole analysis of ten conditions, with its tables and all further measures."""
    evidence = drawn_evidence(layers, ("clean", "noise", *(f"attack {number}" for number in range(8))))
    return functools.partial(analyse, evidence, Options(permutations=1000))


class Generated:
    """Random images that are made a batch at a time, the same ones every time, of 50 classes in turn."""

    def __init__(self, count: int, *, seed: int) -> None:
        self.labels = [place % 50 for place in range(count)]
        self._seed = seed

    def batches(self, size: int) -> Iterator[Tensor]:
        """Batches of images ``(n, 3, 224, 224)``."""
        generator = torch.Generator().manual_seed(self._seed)
        for start in range(0, len(self.labels), size):
            yield torch.rand(min(size, len(self.labels) - start), 3, SIDE, SIDE, generator=generator)


def capture(count: int) -> Callable[[], object]:
    """Looking at so many images before and after."""
    model = aw.load_model("sample:efficientnet-lite0")
    window = aw.Window(model, aw.load_words("glove-6b-50d"), folds=2, batch_size=BATCH)
    before, after = Generated(count, seed=0), Generated(count, seed=1)
    model(next(before.batches(BATCH)))
    return functools.partial(window.gather, before, after)


WORK: dict[str, Callable[[int], Callable[[], object]]] = {
    "inference": inference,
    "everything": everything,
    "capture": capture,
}


def _memory(field: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    (kibibytes,) = (line.split()[1] for line in lines if line.startswith(f"{field}:"))
    return int(kibibytes) / 1024


def main() -> None:
    """Do what the command line says, after what it needs has been made ready."""
    torch.set_num_threads(THREADS)
    work = WORK[sys.argv[1]](int(sys.argv[2]))
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)  # what loading has freed goes back, or chance decides how much is counted
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # the highest memory so far is forgotten
    before, started = _memory("VmRSS"), time.perf_counter()
    work()
    print(json.dumps(Cost(time.perf_counter() - started, before, _memory("VmHWM"))._asdict()))


if __name__ == "__main__":
    main()
