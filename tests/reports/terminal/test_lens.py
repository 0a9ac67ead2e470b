from __future__ import annotations

import json

import polars as pl
import pytest

from advwindow.errors import UserError
from advwindow.reports import print_words, word_frame
from tests.reports.runs import ATTACKS, Shape, make_run
from tests.reports.terminal.test_runs import printed


def rows_of(text: str, names: list[str]) -> dict[str, list[str]]:
    return {
        line.split()[0]: line.split()[1:] for line in text.splitlines() if line.split()[:1] and line.split()[0] in names
    }


def test_the_first_image_all_layers_and_the_most_harmful_attack(run, study):
    text = printed(print_words, run)
    assert "Image 0: goldfish; under PGD L∞ 8/255 the network says grand piano." in text
    assert "True word: goldfish, of 17; guessing ranks it 9 on average." in " ".join(text.split())
    rows = rows_of(text, study.names)
    assert list(rows) == study.names
    assert rows["head"] == ["goldfish,", "thing,", "stuff", "1", "object,", "thing,", "stuff", "9"]
    assert rows["blocks.0"] == ["object,", "thing,", "stuff", "9"] * 2


@pytest.mark.parametrize(
    ("part", "title"),
    [("fgsm", "FGSM L∞ 4/255"), ("pgd linf 4/255", "PGD L∞ 4/255"), ("L₂ PGD", "PGD L₂ 2"), ("1/255", "PGD L∞ 1/255")],
)
def test_an_attack_is_found_by_parts_of_its_title(run, part, title):
    assert f"under {title} the network says" in printed(print_words, run, attack=part)


def test_images_and_layers_are_chosen(run, study):
    text = printed(print_words, run, images=[3, 1, 3], layers=["blocks.1?", "head"])
    assert text.count("Image 3: hourglass") == 1
    assert text.index("Image 3") < text.index("Image 1: tree frog")
    assert list(rows_of(text, study.names)) == [*(f"blocks.{place}" for place in range(10, 16)), "head"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"images": [4]},
            r"no image of this number has a word trace: got 4; expected one of 0, 1, 2, 3: evenly spaced",
        ),
        ({"images": [-1]}, "no image of this number"),
        ({"layers": ["block.1"]}, r"no layer of the run matches: got 'block.1'; expected a name such as blocks.1"),
        ({"attack": "pdg"}, r"the run has no such attack: got 'pdg'; expected a part of: FGSM L∞ 4/255, "),
    ],
)
@pytest.mark.parametrize("show", [word_frame, lambda run, **options: printed(print_words, run, **options)])
def test_mistakes_are_told(run, show, options, message):
    with pytest.raises(UserError, match=message):
        show(run, **options)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_it_fits_the_width_and_words_are_never_markup(tmp_path, width):
    shape = Shape(labels=("[red]x[/red]", "\x1b[31mred", "L" * 90, "[/]") * 5, attacks=ATTACKS[3:4])
    run = make_run(tmp_path / "run", shape)
    for image in range(4):
        text = printed(print_words, run, images=[image], width=width)
        assert max(len(line) for line in text.splitlines()) <= width
        assert "\x1b" not in text
    assert "[red]x[/red]" in printed(print_words, run, images=[2])


def test_every_study_is_shown(tmp_path):
    shape = Shape(models=("timm:a", "timm:b"), attacks=ATTACKS[3:4], layers=("a", "b"))
    run = make_run(tmp_path / "run", shape)
    text = printed(print_words, run)
    assert text.index("timm:a") < text.index("timm:b")
    frame = word_frame(run)
    assert frame["model"].unique(maintain_order=True).to_list() == ["timm:a", "timm:b"]


def test_the_frame_holds_what_is_stored(run):
    frame = word_frame(run, images=[2], layers=["head"], attack="pgd 8/255")
    assert frame.columns[:3] == ["model", "seed", "attack"]
    assert frame["condition"].to_list() == ["clean", "noise", "attack"]
    assert frame.filter(pl.col("condition") == "attack")["rank"].to_list() == [9]
    assert json.loads(frame.write_ndjson().splitlines()[0])["says"] == ["fox", "thing", "stuff"]


def test_a_run_without_traces_says_so(tmp_path):
    run = make_run(tmp_path / "run", Shape(attacks=ATTACKS[3:4], layers=("a",)))
    spec = run.specs[0]
    file = run.path / "cells" / spec.cell_id / "trace.parquet"
    pl.read_parquet(file).clear().write_parquet(file)
    with pytest.raises(UserError, match="no word trace under PGD L∞ 8/255"):
        printed(print_words, run)
