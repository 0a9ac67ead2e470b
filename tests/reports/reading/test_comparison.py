"""What a comparison says: every number is one of its tables, every sentence follows from them."""

from __future__ import annotations

import re

import polars as pl
import pytest

from advwindow.comparison import compare_runs
from advwindow.reports.reading.comparison import certificate_sentence, whole
from advwindow.reports.reading.comparison_answer import answer, deciding, question
from advwindow.reports.reading.comparison_layers import layers_of, panel_titles, strongest_cell
from advwindow.reports.reading.comparison_tables import KINDS
from tests.comparison.runs import cell, make_run
from tests.reports.comparisons import called_out, other_layers, several


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Three networks at two budgets."""
    return several(tmp_path_factory.mktemp("several"))


@pytest.fixture(scope="module")
def called(tmp_path_factory):
    """A defence that only looks strong."""
    return called_out(tmp_path_factory.mktemp("called"))


def per_cent(text):
    return float(text.replace("−", "-").replace("+", ""))


def ends(text):
    return [per_cent(part) for part in text.strip("[]").split(", ")]


def rows_of(tables, comparison):
    """Rows of the tables beside those of the comparison at the same budget."""
    for table, budget in zip(tables, comparison.budgets, strict=True):
        for row in table["rows"]:
            yield row, budget


@pytest.mark.parametrize("made", ["called", "three"])
def test_every_number_of_the_matrix_is_that_of_the_comparison(made, tmp_path, request):
    comparison = request.getfixturevalue(made)
    names = [entry.name for entry in comparison.entries]
    data = whole(comparison)
    seen = 0
    for row, budget in rows_of(data["matrix"], comparison):
        entry = names[int(row["number"]) - 1]
        here = (pl.col("entry") == entry) & (pl.col("norm") == str(budget.norm)) & (pl.col("eps") == budget.eps)
        known = comparison.matrix.filter(here).row(0, named=True)
        ranked = comparison.ranks.filter(here).row(0, named=True)
        for kind, shown in zip(KINDS, row["shares"], strict=True):
            if known[kind] is None:
                assert shown is None
                continue
            low, high = known[f"{kind}_low"], known[f"{kind}_high"]
            assert per_cent(shown["text"]) == pytest.approx(100 * known[kind], abs=0.0501)
            assert ends(shown["span"]) == pytest.approx([100 * low, 100 * high], abs=0.0501)
            assert shown["bar"] == [low, known[kind], high]
        assert row["verdicts"] == [known[name] for name in ("unanchored", "intact", "eroded", "collapsed", "hijacked")]
        assert per_cent(row["kept"]) == pytest.approx(100 * known["retention"], abs=0.501)
        assert row["rank"] == str(ranked["rank"])
        assert row["rank_span"] == f"{ranked['rank_low']}–{ranked['rank_high']}"
        assert row["audit"] == (known["audit"] or "–")
        seen += 1
    assert seen == comparison.matrix.height


def test_pairs_tell_difference_interval_and_adjusted_p(three):
    comparison = three
    names = [entry.name for entry in comparison.entries]
    tables = whole(comparison)["pairs"]
    for row, budget in rows_of(tables, comparison):
        first, second = (names[int(number) - 1] for number in row["numbers"])
        known = comparison.pairs.filter(
            pl.col("first") == first, pl.col("second") == second, pl.col("eps") == budget.eps
        ).row(0, named=True)
        assert per_cent(row["difference"]) == pytest.approx(100 * known["difference"], abs=0.0501)
        assert ends(row["span"]) == pytest.approx([100 * known["low"], 100 * known["high"]], abs=0.0501)
        assert row["bar"] == [known["low"], known["difference"], known["high"]]
        assert row["p_holm"] == ("<0.001" if known["p_holm"] < 0.001 else f"{known['p_holm']:.3f}")
        assert row["significant"] == bool(known["better"])
    told = [re.match(r"(\d+) of 3 differences are significant", table["caption"]) for table in tables]
    assert sum(int(each[1]) for each in told) == (comparison.pairs["better"] != "").sum() > 0
    surest = [row["p_holm"].replace("<0.001", "0.0005") for row in tables[0]["rows"]]
    assert surest == sorted(surest)


def test_differences_of_what_is_left_are_those_of_the_layers(three):
    comparison = three
    names = [entry.name for entry in comparison.entries]
    for table, budget in zip(whole(comparison)["kept"], comparison.budgets, strict=True):
        assert len(table["rows"]) == 3
        for row in table["rows"]:
            kept = [
                dict(layers_of(comparison, comparison.entries[names.index(names[int(number) - 1])], budget)
                     .select("layer", "retention").iter_rows())
                for number in row["numbers"]
            ]  # fmt: skip
            for layer, shown in zip(table["layers"], row["cells"], strict=True):
                one, two = (each[layer] for each in kept)
                if one is None or two is None:
                    assert shown["text"] == "–"
                else:
                    assert per_cent(shown["text"]) == pytest.approx(100 * (one - two), abs=0.501)


def test_only_networks_that_share_their_layers_are_held_against_each_other(tmp_path, monkeypatch):
    data = whole(other_layers(tmp_path, monkeypatch))
    (table,) = data["kept"]
    assert [row["numbers"] for row in table["rows"]] == [["1", "2"]]
    assert [len(table["layers"]) for table in data["survival"]] == [6, 9]
    assert [run["name"] for run in data["provenance"]] == ["one", "two"]
    assert data["again"][-1] == "advwindow compare one-again two-again --out comparison"


def test_the_answer_is_made_from_the_numbers(three):
    comparison = three
    assert str(deciding(comparison)) == "linf 4/255"
    assert question(comparison) == "Which of these 3 models stands, and where does meaning survive?"
    standing, elsewhere, meaning = answer(comparison)
    assert standing == (
        "At L∞ 4/255, timm:net-2 withstands most: all attacks together leave it 45.0 % [30.7, 60.2] of 40 images "
        "(95.0 % when they are clean); it is significantly better than 2 of 2 others after Holm's adjustment, and "
        "other images would rank it first, too."
    )
    assert elsewhere == "First elsewhere: the same at L₂ 1."
    assert meaning == (
        "The strongest attacks leave between 44 % (timm:net-0) and 82 % of the clean alignment with words "
        "(timm:net-2); of 3 networks with aligned layers 3 lost it significantly in some layer. In some layer of 1, "
        "fooled images are closer to the wrong word (hijacked)."
    )


def test_a_defence_that_only_looks_strong_is_in_the_answer_and_in_the_warnings(called):
    data = whole(called)
    assert data["title"] == "Comparison of 2 models and defences"
    assert data["answer"][0].startswith("At L∞ 8/255, sample:plain + jpeg?quality=75 withstands most:")
    assert data["answer"][-1].endswith("below: read them before the numbers.")
    assert any("The defence only looks strong" in sentence for sentence in data["callouts"])
    (audited,) = data["audits"]["rows"]
    assert (audited["number"], audited["verdict"], audited["asked"]) == ("2", "warn", "2 checks")
    assert [each["code"] for each in audited["fired"]] == ["S9"]
    assert data["audits"]["caption"].endswith("tells what each check does. Not audited: 1.")


def test_nothing_withstands(tmp_path):
    cells = [cell(range(40), model=f"m:{name}", loss=0) for name in "ab"]
    first, *_ = answer(compare_runs([make_run(tmp_path / "run", cells)], resamples=20))
    assert first == (
        "At L∞ 8/255 none of the 2 withstands: robust accuracy is 0.0 % for all of them (95 % interval up to 8.8 %, "
        "40 images)."
    )


def test_one_entry_is_not_compared_with_others(tmp_path):
    data = whole(compare_runs([make_run(tmp_path / "run", [cell(range(2, 30), range(2))])], resamples=20))
    assert data["question"] == "Does this model stand, and where does meaning survive?"
    assert data["pairs"] == []
    assert data["kept"] == []
    assert data["answer"][0] == (
        "At L∞ 8/255, py:nets:make classifies 25.0 % [14.2, 40.2] of 40 images correctly whatever the attack, and "
        "95.0 % [83.5, 98.6] when they are clean."
    )


def test_of_several_seeds_the_strongest_cell_is_the_one_that_the_matrix_means(tmp_path):
    cells = [cell(range(2, last), range(2), seed=seed, loss=0.1 * seed) for seed, last in enumerate((10, 30, 20))]
    comparison = compare_runs([make_run(tmp_path / "run", cells)], resamples=20)
    found = strongest_cell(comparison, comparison.entries[0], comparison.budgets[0])
    assert found.spec.seed == 1
    left = layers_of(comparison, comparison.entries[0], comparison.budgets[0]).filter(pl.col("verdict") != "unanchored")
    kept = left["alignment"].sum() / left["clean_alignment"].sum()
    assert kept == pytest.approx(comparison.matrix["retention"][0])


def test_titles_of_panels_differ_and_tell_what_differs(tmp_path):
    model = "timm:resnet50.a1_in1k"
    cells = [cell(model=model), *(cell(model=model, defense=name) for name in ("jpeg?quality=75", "noise?sigma=0.1"))]
    comparison = compare_runs([make_run(tmp_path / "run", cells)], resamples=20)
    assert list(panel_titles(comparison).values()) == ["1: no defence", "2: jpeg?quality=75", "3: noise?sigma=0.1"]


def test_titles_that_are_too_long_lose_their_options_first(tmp_path):
    defences = ("", "resize-pad?scale=0.8")
    cells = [cell(model=f"sample:{name}", defense=each) for name in ("standard", "robust") for each in defences]
    comparison = compare_runs([make_run(tmp_path / "run", cells)], resamples=20)
    assert list(panel_titles(comparison).values()) == [
        "1: …standard", "2: …standard + resize-pad", "3: …robust", "4: …robust + resize-pad",
    ]  # fmt: skip


def test_long_names_lose_in_tables_what_all_begin_with(tmp_path):
    names = ["sample:network-plain", "sample:network-plain + smoothing?sigma=0.25"]
    cells = [cell(model=names[0]), cell(model=names[0], defense="smoothing?sigma=0.25")]
    data = whole(compare_runs([make_run(tmp_path / "run", cells)], resamples=20))
    assert {row["name"] for row in data["cost"]} == {"…plain", "…plain + smoothing?sigma=0.25"}
    assert [row["model"] for row in data["entries"]] == [names[0]] * 2
    assert [row["defense"] for row in data["entries"]] == ["none", "smoothing?sigma=0.25"]
    short = whole(
        compare_runs([make_run(tmp_path / "two", [cell(model="timm:a"), cell(model="timm:b")])], resamples=20)
    )
    assert [row["name"] for row in short["cost"]] == ["timm:a", "timm:b"]


def test_what_is_certified_is_said_with_its_limits():
    found = {"accuracy": {"0.25": 0.5}, "n": 1000, "alpha": 0.001, "largest": 0.4567}
    assert certificate_sentence("a\u202eb", found) == (
        "Certified accuracy of a�b: 50 % within L2 0.25 (1000 copies, alpha 0.001; they certify no radius above 0.457)."
    )
