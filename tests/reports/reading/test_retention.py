from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from advwindow.attacks import parse_eps
from advwindow.reports.reading.findings import headline
from advwindow.reports.reading.retention import MOST_LAYERS, retention_points
from advwindow.reports.reading.studies import layers_under, read_studies
from advwindow.runs import run_half_lives
from tests.reports.runs import Shape, make_run

BUDGETS = ("1/255", "4/255", "8/255")


@pytest.fixture(scope="module")
def points(study):
    return retention_points(study)


def test_layers_are_spread_over_those_aligned_when_clean(study, points):
    anchored = headline(study).rows().filter(pl.col("verdict") != "unanchored")["layer"].to_list()
    chosen = points["layer"].unique(maintain_order=True).to_list()
    assert len(anchored) > MOST_LAYERS == len(chosen)
    assert (chosen[0], chosen[-1]) == (anchored[0], anchored[-1])
    gaps = np.diff([anchored.index(layer) for layer in chosen])
    assert gaps.max() - gaps.min() <= 1


def test_points_are_those_of_the_layers_tables(study, points):
    assert points["attack"].unique().to_list() == ["PGD"]
    assert points["norm"].unique().to_list() == ["linf"]
    by_eps = {a.spec.eps: a for a in study.attacks if a.spec.attack == "pgd" and a.spec.norm == "linf"}
    assert points["eps"].unique(maintain_order=True).to_list() == ["0", *BUDGETS]
    for row in points.iter_rows(named=True):
        if row["eps"] == "0":
            assert (row["budget"], row["retention"], row["retention_low"]) == (0, 1, None)
            continue
        told = layers_under(by_eps[row["eps"]].layers, "attack").row(
            by_predicate=pl.col("layer") == row["layer"], named=True
        )
        assert row["budget"] == parse_eps(row["eps"])
        for name in ("depth", "retention", "retention_low", "retention_high"):
            assert row[name] == told[name]


def test_half_lives_are_those_of_the_run(study, points):
    lives = run_half_lives(study.run)
    assert lives["half_life"].is_not_null().any()
    for row in points.iter_rows(named=True):
        told = lives.row(by_predicate=pl.col("layer") == row["layer"], named=True)
        assert row["half_life"] == told["half_life"]
        assert (row["half_life_low"], row["half_life_high"]) == (told["low"], told["high"])
        assert row["half_life_text"] == told["text"]


def test_attacks_that_differ_in_draws_alone_have_their_own_half_lives(tmp_path):
    shape = Shape(attacks=[("pgd", "linf", f"{b}/255", {}, 0.1 * b) for b in (2, 4)], layers=("in", "mid", "out"))
    found = read_studies(make_run(tmp_path / "run", shape))[0]
    twins = [replace(each, spec=each.spec.model_copy(update={"draws": 8})) for each in found.attacks]
    points = retention_points(replace(found, attacks=(*found.attacks, *twins)))
    assert points["attack"].unique(maintain_order=True).to_list() == ["PGD (draws 1)", "PGD (draws 8)"]
    known = points.group_by("attack", maintain_order=True).agg(pl.col("half_life_text").is_not_null().all())
    assert known["half_life_text"].to_list() == [True, False]  # the run has none of 8 draws
