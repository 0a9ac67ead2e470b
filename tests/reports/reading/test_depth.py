from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import polars as pl
import pytest
from safetensors.numpy import save_file

from advwindow.reports.reading.depth import (
    beginning_rows,
    depth_sentences,
    evenly,
    half_life_tables,
)
from advwindow.reports.reading.findings import headline
from advwindow.reports.reading.studies import read_studies
from advwindow.runs import run_half_lives
from tests.reports.runs import ATTACKS, Shape, make_run


@pytest.mark.parametrize(("count", "wanted"), [(1, 1), (18, 18), (19, 13), (150, 13)])
def test_long_networks_are_shown_evenly_with_both_ends(count, wanted):
    names = [f"layer {place}" for place in range(count)]
    chosen = evenly(names)
    assert len(chosen) == wanted
    assert (chosen[0], chosen[-1]) == (names[0], names[-1])
    steps = {names.index(after) - names.index(before) for before, after in pairwise(chosen)}
    assert not steps or max(steps) - min(steps) <= 1


def test_where_damage_begins_is_read_from_the_table_of_conditions(study):
    attack = headline(study)
    told = pl.DataFrame({
        "condition": ["noise", "attack"],
        "area": [0.011, 0.123],
        "first_eroding": [None, "blocks.3"],
        "first_collapsing": [None, "blocks.5"],
        "first_hijacked": [None, None],
    })  # fmt: skip
    alone = replace(study, attacks=(replace(attack, conditions=told),))
    row = {"attack": attack.title, "eroding": "blocks.3", "collapsing": "blocks.5", "hijacked": "–", "drift": "0.12"}
    assert beginning_rows(alone) == [row | {"noise": "0.01"}]
    assert depth_sentences(alone)[0] == f"Meaning begins to erode at blocks.3 ({attack.title})."
    calm = replace(study, attacks=(replace(attack, conditions=told[1:]),))
    assert beginning_rows(calm) == [row | {"noise": "–"}]


def test_the_table_of_conditions_is_that_of_the_verdicts(study):
    for attack in study.attacks:
        rows = attack.rows()
        fallen = rows.filter(pl.col("verdict").is_in(["eroded", "collapsed"]))["layer"].to_list()
        found = attack.conditions.row(by_predicate=pl.col("condition") == "attack", named=True)
        assert found["first_eroding"] == (fallen[0] if fallen else None)
        assert (found["first_hijacked"] is None) == (not rows["hijacked"].any())


def test_one_line_per_attack_tells_where_it_begins(study):
    rows = beginning_rows(study)
    assert [row["attack"] for row in rows] == [attack.title for attack in study.attacks]
    assert rows[3]["eroding"] == "blocks.12"
    assert (rows[3]["collapsing"], rows[3]["hijacked"]) == ("–", "head")
    assert rows[5]["eroding"] == "–"
    assert float(rows[3]["drift"]) > float(rows[0]["drift"]) > float(rows[0]["noise"].replace("−", "-"))


def test_half_lives_are_told_of_layers_that_are_aligned(study, run):
    (table,) = half_life_tables(study)
    assert table["titles"] == ["PGD L∞"]
    assert table["caption"].startswith("The budget at which half of a layer’s clean alignment is gone")
    assert "evenly spaced" not in table["caption"]
    assert [row["layer"] for row in table["rows"]] == study.names[6:]
    known = dict(run_half_lives(run).select("layer", "text").iter_rows())
    assert [[cell["text"] for cell in row["cells"]] for row in table["rows"]] == [
        [known[name]] for name in study.names[6:]
    ]
    assert table["caption"].endswith("claimed but the side. With 12 concepts the interval is a rough one.")
    doubted = {row["layer"] for row in table["rows"] if row["cells"][0]["mark"]}
    wanted = study.half_lives.filter(pl.col("note").str.contains("not surely above zero"))["layer"].to_list()
    assert doubted == set(wanted) & set(study.names[6:])
    assert [remark["text"] for remark in table["remarks"]] == ["The clean alignment itself is not surely above zero."]


def test_attacks_that_differ_in_parameters_alone_are_told_apart_three_to_a_table(tmp_path):
    attacks = [
        ("pgd", "linf", eps, {"steps": steps}, loss)
        for steps in (5, 10, 20, 40)
        for eps, loss in (("1/255", 0.3), ("8/255", 0.9))
    ]
    shape = Shape(attacks=attacks, layers=tuple(f"l{place}" for place in range(60)))
    (study,) = read_studies(make_run(tmp_path / "run", shape))
    tables = half_life_tables(study)
    assert [table["titles"] for table in tables] == [
        ["PGD (steps 5) L∞", "PGD (steps 10) L∞", "PGD (steps 20) L∞"], ["PGD (steps 40) L∞"],
    ]  # fmt: skip
    assert all(len(table["rows"]) == 13 for table in tables)
    notes = "With 12 concepts the interval is a rough one."
    assert tables[0]["caption"] == notes  # what holds for a table stands under it, how to read all under the last
    assert "words (of many layers, evenly spaced ones). Between" in tables[1]["caption"]
    assert tables[1]["caption"].endswith(notes)


def test_no_attack_is_lost_where_many_parameters_are_the_same(tmp_path):
    same = {"steps": 40, "step_size": 0.0078, "loss": "cross-entropy", "momentum": 0.75}
    attacks = [
        ("pgd", "linf", eps, {**same, "restarts": restarts}, loss)
        for restarts in (5, 6)
        for eps, loss in (("1/255", 0.3), ("8/255", 0.9))
    ]
    (study,) = read_studies(make_run(tmp_path / "run", Shape(attacks=attacks, layers=("a", "b"))))
    (table,) = half_life_tables(study)
    assert table["titles"] == ["PGD (restarts 5) L∞", "PGD (restarts 6) L∞"]
    assert all(len(row["cells"]) == 2 for row in table["rows"])


def test_each_study_has_the_half_lives_of_its_own(tmp_path):
    shape = Shape(models=("timm:a", "timm:b"), attacks=ATTACKS[1:4], layers=("a", "b"))
    for study in read_studies(make_run(tmp_path / "run", shape)):
        assert study.half_lives["model"].unique().to_list() == [study.subject.model]
        assert study.half_lives.height == 2


def test_words_from_a_file_with_a_comma_in_its_name_have_half_lives(tmp_path):
    shape = Shape(words=("my words, new.txt", "glove-6b-50d"), attacks=ATTACKS[1:4], layers=("a", "b"))
    (study,) = read_studies(make_run(tmp_path / "run", shape))
    assert study.half_lives["layer"].to_list() == ["a", "b"]


def test_no_table_without_several_budgets_or_without_aligned_layers(study, tmp_path):
    alone = make_run(tmp_path / "run", Shape(attacks=ATTACKS[3:4], layers=("a", "b")))
    assert half_life_tables(read_studies(alone)[0]) == []
    lost = [
        replace(each, layers=each.layers.with_columns(pl.lit("unanchored").alias("verdict"))) for each in study.attacks
    ]
    assert half_life_tables(replace(study, attacks=tuple(lost))) == []


def test_sentences_for_the_terminal(study):
    erodes, lives = depth_sentences(study)
    assert erodes == (
        "Meaning begins to erode at blocks.12 (PGD L∞ 4/255 and PGD L∞ 8/255), blocks.13 (PGD L₂ 2) and blocks.15 "
        "(FGSM L∞ 4/255 and PGD L∞ 1/255)."
    )
    text = study.half_lives.filter(pl.col("layer") == "head")["text"][0]
    assert lives == (
        f"Half-life at head, the best aligned layer: PGD L∞ {text}. With 12 concepts the interval is a rough one."
    )


def test_no_half_life_is_told_of_a_layer_that_is_not_aligned(study):
    unanchored = pl.when(pl.col("layer") == "head").then(pl.lit("unanchored")).otherwise("verdict").alias("verdict")
    loose = [replace(each, layers=each.layers.with_columns(unanchored)) for each in study.attacks]
    sentences = depth_sentences(replace(study, attacks=tuple(loose)))
    assert not [sentence for sentence in sentences if sentence.startswith("Half-life")]


def test_what_holds_for_one_attack_alone_is_told_with_its_name(tmp_path):
    attacks = [
        ("pgd", "linf", eps, {"steps": steps}, loss) for steps, fade in ((5, 1), (10, 0.01))
        for eps, loss in (("1/255", 0.5 * fade), ("8/255", 0.9 * fade))
    ]  # fmt: skip
    run = make_run(tmp_path / "run", Shape(attacks=attacks, layers=("a", "b")))
    file = run.path / "cells" / run.specs[1].cell_id / "grams.safetensors"
    arrays, metadata = run.arrays(run.specs[1], "grams")
    save_file({name: 1.1 * array if "/own" in name else array for name, array in arrays.items()}, file, metadata)
    (study,) = read_studies(run)
    sentence = depth_sentences(study)[-1]
    assert "PGD (steps 5) L∞ not compared; PGD (steps 10) L∞ " in sentence
    assert " PGD (steps 5) L∞: Not compared: " in sentence


def test_nothing_is_said_where_nothing_breaks_and_there_was_one_budget(tmp_path):
    (study,) = read_studies(make_run(tmp_path / "run", Shape(attacks=ATTACKS[5:])))
    assert depth_sentences(study) == []


def test_budgets_that_cannot_be_compared_spoil_no_report(tmp_path):
    """One cell whose clean images look different, as from another machine: it is told, and all else stands."""
    run = make_run(tmp_path / "run", Shape(attacks=ATTACKS[1:4]))
    file = run.path / "cells" / run.specs[1].cell_id / "grams.safetensors"
    arrays, metadata = run.arrays(run.specs[1], "grams")
    save_file({name: 1.1 * array if "/own" in name else array for name, array in arrays.items()}, file, metadata)
    (study,) = read_studies(run)
    (table,) = half_life_tables(study)
    assert {cell["text"] for row in table["rows"] for cell in row["cells"]} == {"not compared"}
    assert "differs in its clean images" in table["caption"]
    assert depth_sentences(study)[1] == (
        "Half-life at head, the best aligned layer: PGD L∞ not compared. "
        "Not compared: evidence at several budgets differs in its clean images."
    )
