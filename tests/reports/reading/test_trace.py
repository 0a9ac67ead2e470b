from __future__ import annotations

from dataclasses import replace

import polars as pl

from advwindow.reports.reading.findings import headline
from advwindow.reports.reading.studies import read_studies
from advwindow.reports.reading.trace import guessed_rank, read_trace, trace_table, traced_images
from tests.reports.runs import ATTACKS, Shape, make_run


def test_the_trace_of_an_image_belongs_to_that_image(study):
    attack = headline(study)
    assert traced_images(attack) == [0, 1, 2, 3]
    frog = read_trace(attack, 1)
    assert (frog.label, frog.word) == ("tree frog", "frog")
    sample = attack.samples.filter(pl.col("label_name") == "tree frog").row(0, named=True)
    assert frog.prediction == sample["prediction_name"]
    assert frog.said["head", "clean"].words == ("frog", "thing", "stuff")
    assert frog.said["head", "clean"].rank == 1
    assert frog.said["head", "attack"].words[0] == "object"
    assert frog.said["head", "attack"].rank == 9


def test_the_table_sets_three_images_side_by_side(study):
    table = trace_table(study)
    assert table is not None
    assert [each["label"] for each in table["images"]] == ["goldfish", "tree frog", "kit fox"]
    assert [each["picture"] for each in table["images"]] == ["clean-0.png", "clean-1.png", "clean-2.png"]
    assert [row["layer"] for row in table["rows"]] == study.names
    first, *_, last = (row["cells"] for row in table["rows"])
    assert len(last) == 6
    assert last[0] == {"word": "goldfish", "rank": "1", "true": True}
    assert last[1] == {"word": "object", "rank": "9", "true": False}
    assert not any(cell["true"] for cell in first)


def test_the_caption_tells_the_median_rank_and_what_guessing_gives(study):
    table = trace_table(study)
    assert table is not None
    assert guessed_rank(headline(study)) == 9
    assert "the rank of the true word among 17 words" in table["caption"]
    assert "guessing ranks it 9 on average." in table["caption"]
    assert (
        "The median rank over 4 images is 1 on clean images and 9 under PGD L∞ 8/255 at head, the layer best aligned "
        "with words." in table["caption"]
    )
    assert "evenly" not in table["caption"]


def test_long_networks_are_thinned_and_long_words_cut(tmp_path):
    shape = Shape(layers=tuple(f"l{place}" for place in range(50)), attacks=ATTACKS[3:4], labels=("w" * 99,) * 20)
    table = trace_table(read_studies(make_run(tmp_path / "run", shape))[0])
    assert table is not None
    assert len(table["rows"]) == 13
    assert "evenly spaced ones are shown" in table["caption"]
    assert max(len(cell["word"]) for row in table["rows"] for cell in row["cells"]) <= 13


def test_layers_and_images_without_a_trace(study):
    attack = headline(study)
    empty = replace(attack, trace=attack.trace.clear())
    assert trace_table(replace(study, attacks=(empty,))) is None
    best = replace(attack, trace=attack.trace.filter((pl.col("layer") != "head") & (pl.col("image") != 0)))
    table = trace_table(replace(study, attacks=(best,)))
    assert table is not None
    assert table["rows"][-1]["cells"][0] == {"word": "–", "rank": "", "true": False}
    assert [each["picture"] for each in table["images"]] == ["clean-1.png", "clean-2.png", "clean-3.png"]
    assert "median" not in table["caption"]
    rows = attack.layers.with_columns(
        alignment=pl.when(pl.col("layer") == "blocks.15").then(0.9).otherwise(pl.col("alignment"))
    )
    other = trace_table(replace(study, attacks=(replace(attack, layers=rows),)))
    assert other is not None
    assert "at blocks.15, the layer best aligned with words; it is 1 on clean images and 9 under" in other["caption"]
    assert "at head, the last." in other["caption"]
    none = replace(best, pictures={**best.pictures, "index": best.pictures["index"][:0]})
    bare = trace_table(replace(study, attacks=(none,)))
    assert bare is not None
    assert [each["picture"] for each in bare["images"]] == ["", "", ""]
