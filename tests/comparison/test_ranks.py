import tracemalloc
from importlib import import_module

import numpy as np
import pytest
from scipy.stats import binom, rankdata

from advwindow.comparison import compare_runs, ranks
from advwindow.comparison.ranks import resample
from advwindow.streams import stream
from tests.comparison.runs import cell, make_run


def rng():
    return stream(0, "test")


def test_point_ranks_are_competition_ranks():
    robust = np.random.default_rng(0).random((30, 7)) < 0.5
    found = ranks(robust, resamples=50, rng=rng())
    assert found.rank.tolist() == rankdata(-robust.sum(0), method="min").tolist()


def test_resample_keeps_columns_paired():
    robust = np.zeros((50, 3), dtype=bool)
    robust[:20, 0] = robust[:20, 1] = True
    robust[20:, 2] = True
    counts = resample(robust, resamples=500, rng=rng())
    assert (counts[:, 0] == counts[:, 1]).all()
    assert (counts[:, 0] + counts[:, 2] == 50).all()


def test_resample_is_binomial_for_one_column():
    robust = (np.arange(40) < 10)[:, None]
    counts = resample(robust, resamples=20_000, rng=rng())[:, 0]
    law = binom(40, 0.25)
    seen = np.bincount(counts, minlength=41) / len(counts)
    assert np.abs(seen.cumsum() - law.cdf(np.arange(41))).max() < 0.012


def test_resample_has_the_moments_of_drawing_images():
    robust = np.random.default_rng(3).random((30, 4)) < 0.4
    drawn = np.random.default_rng(4).integers(0, 30, (20_000, 30))
    plain = robust[drawn].sum(axis=1)
    ours = resample(robust, resamples=20_000, rng=rng())
    assert ours.mean(0) == pytest.approx(plain.mean(0), abs=0.1)
    assert np.cov(ours.T) == pytest.approx(np.cov(plain.T), abs=0.25)


def test_the_share_of_firsts_has_a_closed_form():
    robust = np.ones((10, 2), dtype=bool)
    robust[0, 1] = False  # the second is level only where this image is not drawn
    found = ranks(robust, resamples=40_000, rng=rng())
    assert found.first[0] == 1
    assert found.first[1] == pytest.approx(0.9**10, abs=0.01)
    assert found.low.tolist() == [1, 1]
    assert found.high.tolist() == [2, 2]


def test_equal_entries_share_all_their_ranks():
    robust = np.repeat((np.arange(20) < 8)[:, None], 3, axis=1)
    found = ranks(robust, resamples=100, rng=rng())
    assert found.rank.tolist() == [1, 1, 1]
    assert found.low.tolist() == [1, 1, 1]
    assert found.high.tolist() == [3, 3, 3]


def test_far_apart_is_certain():
    robust = np.arange(200)[:, None] < np.array([20, 100, 180])
    found = ranks(robust, resamples=1000, rng=rng())
    assert found.rank.tolist() == found.low.tolist() == found.high.tolist() == [3, 2, 1]


def three(path):
    models = {"sample:a": 38, "sample:b": 36, "sample:c": 4}
    return make_run(path, [cell(range(fooled), model=name) for name, fooled in models.items()])


def test_table_ranks_by_bootstrap_and_by_tests(tmp_path):
    table = compare_runs([three(tmp_path / "run")]).ranks
    assert table["entry"].to_list() == ["sample:c", "sample:b", "sample:a"]
    assert table["rank"].to_list() == [1, 2, 3]
    # 2 images of difference are no evidence (p = 0.5), 32 are: c is ahead of both, b and a are not told apart
    assert table["tested_low"].to_list() == [1, 2, 2]
    assert table["tested_high"].to_list() == [1, 3, 3]
    assert (table["rank_low"] <= table["rank"]).all()
    assert (table["rank"] <= table["rank_high"]).all()


def test_front_table_names_what_is_better(tmp_path):
    cells = [
        cell(range(5, 30), range(5), model="sample:a"),
        cell(range(10, 20), range(10), model="sample:b"),
        cell(range(12, 30), range(12), model="sample:c"),
    ]
    front = compare_runs([make_run(tmp_path / "run", cells)]).front
    assert front["clean"].to_list() == [35 / 40, 30 / 40, 28 / 40]
    assert front["robust"].to_list() == [10 / 40, 20 / 40, 10 / 40]
    assert front["on_front"].to_list() == [True, True, False]
    assert front["dominated_by"].to_list() == ["", "", "sample:a"]
    assert front["front_share"][1] > 0.8
    assert front["front_share"][2] < 0.2


def test_the_same_seed_gives_the_same_tables(tmp_path):
    close = {"sample:a": {1, 2, 3}, "sample:b": {2, 3, 4, 5}, "sample:c": {6, 7, 8}}
    run = make_run(tmp_path / "run", [cell(fooled, model=name) for name, fooled in close.items()])
    one, two, other = (compare_runs([run], seed=seed, resamples=200) for seed in (1, 1, 2))
    assert one.ranks.equals(two.ranks)
    assert one.front.equals(two.front)
    assert not one.ranks.equals(other.ranks)


def test_draws_in_blocks_are_the_same_draws(monkeypatch):
    robust = np.random.default_rng(0).random((60, 8)) < 0.5
    whole = resample(robust, resamples=50, rng=rng())
    monkeypatch.setattr(import_module("advwindow.comparison.ranks"), "_BLOCK", 200)
    assert (resample(robust, resamples=50, rng=rng()) == whole).all()


def test_memory_does_not_grow_with_images_and_resamples():
    robust = np.random.default_rng(0).random((4000, 24)) < 0.5
    tracemalloc.start()
    resample(robust, resamples=2000, rng=rng())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 24e6  # all draws at once would take 64 MB
