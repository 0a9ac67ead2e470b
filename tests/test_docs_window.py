"""What docs/window.md says of the window is so, and what it shows runs."""

import re
import shlex
from pathlib import Path

import polars as pl
import pytest
import torch
import typer

from advwindow.cli import app
from advwindow.sweep import embedded
from advwindow.window import LAYER_COLUMNS, effects, folds, further, gathering, observation, sketch, verdict

TEXT = (Path(__file__).parents[1] / "docs" / "window.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def names():
    """What the snippets define, after all of them ran in their order."""
    found = {}
    with torch.random.fork_rng():
        for block in re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE):
            exec(compile(block, "docs/window.md", "exec"), found)
    return found


def test_what_the_snippets_show(names):
    late = names["report"].layers.filter(pl.col("condition") == "attack")
    assert late["drift"].item() > 0.1
    assert names["report"].layers["alignment"].min() > -1
    again, before = names["again"].layers, names["report"].layers
    assert again["alignment"].to_list() == pytest.approx(before["rsa_spearman"].to_list())
    both, whole = (
        names["both"].layers,
        names["window"]
        .compare(names["images"], names["attacked"], labels=names["labels"], noise=names["noise"])
        .layers,
    )
    for name in ("alignment", "reliability", "shift", "rsa_crossvalidated"):
        assert both[name].to_list() == pytest.approx(whole[name].to_list(), abs=1e-5), name
    assert names["several"].references["reference"].n_unique() == 4
    assert names["report"].trace["rank"].is_between(1, 24).all()


def test_every_column_that_is_named_exists():
    table = TEXT[TEXT.index("## Measures") : TEXT.index("`report.concepts` has")]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    told = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert set(told) <= set(LAYER_COLUMNS)
    assert set(further.FURTHER) - {"cka_biased_null", "procrustes_null"} <= set(told), (
        "a measure that the page does not tell of"
    )


@pytest.mark.parametrize(
    ("sentence", "number"),
    [
        (r"more than ([\d,]+) features", sketch.LIMIT),
        (r"CountSketch of ([\d,]+) numbers", sketch.WIDTH),
        (r"up to ([\d,]+) wrong predictions", observation.MOST_TRIALS),
        (r"and (\d+) images of each", observation.MOST_SINGLES),
        (r"each of (\d+) images, layer", observation.MOST_EXAMPLES),
        (r"images, at most (\d+) \(", folds.MOST_FOLDS),
        (r"at most 4 \(and at most ([\d,]+) patterns", folds.MOST_PATTERNS),
        (r"memory only, to ([\d,]+) patterns", folds.MOST_PATTERNS),
        (r"too, up to (\d+) MiB", gathering.KEPT_BYTES / 2**20),
        (r"needs (\d+) concepts\)", verdict.COLLAPSE_CONCEPTS),
        (r"fewer than (\d+) concepts it cannot", verdict.DRIFT_CONCEPTS),
        (r"from 1 to (\d+) \|", further.MOST_NEIGHBOURS),
        (r"\((0\.\d) is ours\)", effects.LOSER_RATE),
    ],
)
def test_numbers_are_those_of_the_code(sentence, number):
    (told,) = re.findall(sentence, TEXT)
    assert float(told.replace(",", "")) == number


def test_the_protocol_is_as_told():
    text = embedded("words-as-a-window").read_text(encoding="utf-8")
    for setting in ('pooling = "flatten"', 'ties = "fail"', 'correction = "bh"', "permutations = 1000", "image_sets"):
        assert setting in text


@pytest.mark.parametrize("line", re.findall(r"`advwindow (attack .*?)`", TEXT))
def test_commands_exist(line):
    name, *arguments = shlex.split(line)
    command = typer.main.get_command(app).get_command(None, name)
    command.make_context(name, arguments)
