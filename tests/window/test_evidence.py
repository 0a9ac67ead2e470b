from pathlib import Path

import numpy as np
import polars.testing
from safetensors import safe_open
from safetensors.numpy import save_file

from advwindow.window.evidence import Evidence
from advwindow.window.options import Options
from advwindow.window.report import analyse
from advwindow.window.window import Window
from tests.window.helpers import World


def test_evidence_survives_safetensors_and_gives_the_same_report(tmp_path: Path):
    world = World(12)
    window = Window(world.model, world.words, permutations=99)
    report = window.compare(world.images, world.attacked, labels=world.labels, noise=world.noise)
    arrays, metadata = report.evidence.arrays()
    save_file(arrays, tmp_path / "grams.safetensors", metadata)
    with safe_open(tmp_path / "grams.safetensors", "numpy") as file:
        again = Evidence.from_arrays({name: file.get_tensor(name) for name in file.keys()}, file.metadata())  # noqa: SIM118 - no mapping
    assert again.words == report.evidence.words
    assert again.conditions == ("clean", "noise", "attack")
    second = analyse(again, Options(permutations=99))
    polars.testing.assert_frame_equal(second.layers, report.layers, check_exact=True)
    for table in ("concepts", "references", "agreement", "trace"):
        polars.testing.assert_frame_equal(getattr(second, table), getattr(report, table), check_exact=True)


def test_evidence_size_does_not_depend_on_the_number_of_images():
    sizes = []
    for per_class in (1, 4):
        world = World(20, per_class=per_class)
        report = Window(world.model, world.words, permutations=19, folds=1).compare(
            world.images, world.images, labels=world.labels
        )
        arrays, _ = report.evidence.arrays()
        sizes.append(sum(array.nbytes for array in arrays.values()))
        assert len(report.evidence.trials.truth) == 0
        assert all(np.isfinite(layer.stack.own).all() for layer in report.evidence.layers.values())
    assert sizes[0] == sizes[1]
