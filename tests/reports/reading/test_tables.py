from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from advwindow.reports.figures.pictures import amplification, examples, png
from advwindow.reports.reading.findings import headline
from advwindow.reports.reading.tables import attack_row, concept_table, layer_table, losers, word_rows


def test_attack_row(study):
    row = attack_row(study.attacks[3])
    assert row["verdicts"] == [6, 6, 5, 0, 1, 0]
    assert row["bar"] == [0.0, 0.0, 0.1611]
    assert (row["attack"], row["norm"], row["eps"], row["robust_span"]) == ("PGD", "L∞", "8/255", "0–16 %")


def test_an_attack_that_ignores_the_defence_is_told_from_the_one_that_knows_it(study):
    attack = study.attacks[3]
    blind = replace(attack, spec=attack.spec.model_copy(update={"target": "random", "access": "oblivious"}))
    assert attack_row(blind)["attack"] == "PGD to random oblivious"
    assert attack_row(attack)["attack"] == "PGD"


def test_layer_table_has_a_line_per_layer_and_each_remark_once(study):
    table = layer_table(study.attacks[0])
    assert [row["layer"] for row in table["rows"]] == study.names
    rows = study.attacks[0].rows()
    for line, row in zip(table["rows"], rows.iter_rows(named=True), strict=True):
        assert line["attack"].replace("−", "-") == f"{row['alignment']:.2f}".replace("-0.00", "0.00")
        assert line["p"] == f"{row['drift_p_adjusted']:.3f}"
        assert line["one_vs_two"].endswith("of 14")
    notes = [note for note in rows["note"].unique() if note]
    assert [note["text"] for note in table["notes"]] == notes
    assert sum(line["note"] == "1" for line in table["rows"]) == (rows["note"] != "").sum()


def test_concepts_are_sorted_by_their_loss_under_the_headline_attack(study):
    table = concept_table(study)
    assert table["caption"].startswith("2 vs 2 accuracy of single concepts at head, where PGD L∞ 8/255 drifts most;")
    column = table["titles"].index("PGD L∞ 8/255")
    losses = [
        int(row["clean"].removesuffix(" %")) - int(row["cells"][column]["text"].removesuffix(" %"))
        for row in table["rows"]
    ]
    assert len(losses) == 12
    assert all(here >= below - 1 for here, below in pairwise(losses))  # whole per cent
    tints = [row["cells"][column]["tint"] for row in table["rows"]]
    assert tints == sorted(tints, reverse=True)
    assert all(0 <= tint <= 1 for tint in tints)


def test_at_most_six_attacks_stand_side_by_side_and_the_headline_is_among_them(study):
    harmless = tuple(replace(study.attacks[0], title=f"attack {place}") for place in range(9))
    table = concept_table(replace(study, attacks=(*harmless, headline(study))))
    assert len(table["titles"]) == 6
    assert table["titles"][-1] == "PGD L∞ 8/255"


def test_labels_without_a_word_come_first(study):
    rows = word_rows(study)
    assert rows[0]["label"] == "acorn"
    assert [row["dropped"] for row in rows] == [True] + [False] * 17
    assert {row["step"] for row in rows} == {"no word, left out", "as written", "mean of its parts"}


def test_examples_show_the_strongest_and_the_smallest(study):
    (shown,), files = examples(study)
    assert shown["titles"] == ["PGD L∞ 8/255", "FGSM L∞ 4/255"]
    assert [row["name"] for row in shown["rows"]] == ["goldfish", "tree frog", "kit fox", "hourglass"]
    used = [row["clean"] for row in shown["rows"]]
    used += [name for row in shown["rows"] for attacked in row["attacked"] for name in attacked["files"]]
    assert sorted(used) == sorted(files)
    assert all(data.startswith(b"\x89PNG") for data in files.values())


def test_the_smallest_change_is_sought_among_images_that_were_fooled(study):
    """An attack may change images little only because it gave up on them."""
    first, other = headline(study), study.attacks[0]
    kept = other.pictures["index"].tolist()
    fooled = pl.int_range(pl.len()).is_in(kept[1:])
    delta = other.pictures["delta"].astype(np.float32)
    idle = delta * 2
    idle[0] = 0
    idle = replace(
        other, title="idle", pictures={**other.pictures, "delta": idle},
        samples=other.samples.with_columns(success=fooled),
    )  # fmt: skip
    some = delta * 1.9
    some[0] *= 3
    sure = replace(other, title="sure", pictures={**other.pictures, "delta": some}, samples=idle.samples)
    never = replace(
        other, title="never", pictures={**other.pictures, "delta": 0 * delta},
        samples=other.samples.with_columns(success=~pl.int_range(pl.len()).is_in(kept)),
    )  # fmt: skip
    (shown,), _ = examples(replace(study, attacks=(idle, never, first, sure)))
    assert shown["titles"] == [first.title, "sure"]


@pytest.mark.parametrize(("largest", "wanted"), [(8 / 255, 15), (0.0, 1), (0.9, 1), (0.001, 500)])
def test_amplification_brings_the_largest_difference_near_the_end(largest, wanted):
    delta = np.array([largest, -largest / 2], np.float64)
    assert amplification(delta) == pytest.approx(wanted, abs=1)
    assert largest >= 0.5 or abs(delta * amplification(delta)).max() <= 0.5 + 1e-6


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_png_of_any_number_of_channels(channels):
    from io import BytesIO

    from PIL import Image

    pixels = np.linspace(-0.5, 1.5, channels * 10 * 20, dtype=np.float32).reshape(channels, 10, 20)
    with Image.open(BytesIO(png(pixels))) as picture:
        assert picture.size == (160, 80)
        assert picture.mode == ("RGB" if channels == 3 else "L")
    with Image.open(BytesIO(png(np.zeros((3, 224, 448), np.float32)))) as picture:
        assert picture.size == (160, 80)


def test_a_concept_without_a_score_under_an_attack_is_told_as_absent(study):
    attack = headline(study)
    unknown = (pl.col("condition") == "attack") & (pl.col("concept") == "quilt, comforter")
    score = pl.when(unknown).then(pl.lit(None, pl.Float64)).otherwise("two_vs_two")
    lost = replace(attack, concepts=attack.concepts.with_columns(two_vs_two=score), title="holed")
    table = concept_table(replace(study, attacks=(attack, lost)))
    column = table["titles"].index("holed")
    assert {row["concept"]: row["cells"][column]["text"] for row in table["rows"]}["quilt"] == "–"
    assert [cell["text"] for row in table["rows"] for cell in row["cells"]].count("–") == 1


def test_there_is_no_table_of_concepts_without_an_accuracy(study):
    attack = headline(study)
    flat = replace(attack, concepts=attack.concepts.with_columns(two_vs_two=pl.lit(None, pl.Float64)))
    assert concept_table(replace(study, attacks=(flat,))) is None


def test_words_are_named_as_losers_up_to_the_rate(study):
    (sentence, more) = losers(study)
    assert sentence.startswith(
        "Words that lost their meaning under PGD L∞ 8/255 (layer by layer; at most 10 % of those named are expected to "
        "be named wrongly): at blocks.12 "
    )
    attack = headline(study)
    lost = attack.concepts.filter((pl.col("layer") == "head") & (pl.col("loss_q") <= 0.1))
    assert f"({lost.height} of 17)" in sentence
    first = lost.sort("loss", descending=True, maintain_order=True)["concept"][0].partition(",")[0]
    assert first in sentence
    assert more == "So did words in 2 other layers."
    table = concept_table(study)
    column = table["titles"].index("PGD L∞ 8/255")
    bold = {row["concept"] for row in table["rows"] if row["cells"][column]["lost"]}
    assert bold
    assert bold <= {name.partition(",")[0] for name in lost["concept"]}


def test_losers_of_layers_with_nothing_to_lose_are_not_named(study):
    attack = headline(study)
    unanchored = replace(attack, layers=attack.layers.with_columns(pl.lit("unanchored").alias("verdict")))
    assert losers(replace(study, attacks=(unanchored,))) == [
        "No single word can be named as having lost its meaning under PGD L∞ 8/255 at a false discovery rate of 10 %."
    ]
    table = concept_table(replace(study, attacks=(unanchored,)))
    assert not [cell for row in table["rows"] for cell in row["cells"] if cell["lost"]]
    assert "Bold" not in table["caption"]
    few = replace(unanchored, summary={**attack.summary, "concepts": 9})
    assert losers(replace(study, attacks=(few,)))[0].endswith("; that needs 10 concepts or more.")
