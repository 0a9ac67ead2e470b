from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from advwindow.errors import IncompleteError
from advwindow.reports import word_frame
from advwindow.reports.reading.studies import Subject, read_studies, titles
from advwindow.runs import RunDirectory
from advwindow.streams import stream
from advwindow.window import Options, analyse
from advwindow.window.report import LAYER_COLUMNS
from tests.reports.runs import ATTACKS, Shape, layer_table, make_run
from tests.window.helpers import evidence_of


def test_the_fixture_has_the_columns_of_real_runs():
    assert set(layer_table(Shape(), loss=0.5).columns) == set(LAYER_COLUMNS)


@pytest.mark.parametrize("name", ["layers", "conditions", "concepts", "references", "agreement", "trace"])
def test_the_fixture_has_the_tables_of_real_runs(run, name):
    rng = stream(0, "real")
    words = rng.normal(size=(12, 20))
    patterns = [words + rng.normal(size=(12, 20)) for _ in range(3)]
    evidence = evidence_of(words, {"a": patterns, "b": patterns}, conditions=("clean", "noise", "attack"))
    real = getattr(analyse(evidence, Options(permutations=99)), name)
    made = run.table(run.specs[0], name)
    assert set(made.columns) == set(real.columns)
    for column, kind in real.schema.items():
        assert made[column].dtype in {kind, pl.Null}


def test_one_study_with_its_attacks_in_the_order_of_the_plan(study):
    assert [attack.title for attack in study.attacks] == [
        "FGSM L∞ 4/255", "PGD L∞ 1/255", "PGD L∞ 4/255", "PGD L∞ 8/255", "PGD L₂ 2", "C&W L₂ smallest",
    ]  # fmt: skip
    assert study.title == "sample:efficientnet-lite0"
    assert study.names[:2] == ["blocks.0", "blocks.1"]
    assert study.attacks[0].tried == 18


def test_layers_come_in_the_order_of_the_network_whatever_the_order_of_rows(study):
    attack = study.attacks[0]
    shuffled = replace(attack, layers=attack.layers.sample(fraction=1, shuffle=True, seed=3))
    for condition in ("clean", "noise", "attack"):
        assert shuffled.rows(condition).equals(attack.rows(condition))


def test_parameters_are_named_only_where_titles_would_be_equal(tmp_path):
    same = [("pgd", "linf", "8/255", {"steps": steps}, 0.5) for steps in (10, 50)]
    run = make_run(tmp_path / "run", Shape(attacks=[*same, ("pgd", "linf", "8/255", {}, 0.5), ATTACKS[0]]))
    assert list(titles(run.specs).values()) == [
        "PGD L∞ 8/255 (steps 10)", "PGD L∞ 8/255 (steps 50)", "PGD L∞ 8/255 (defaults)", "FGSM L∞ 4/255",
    ]  # fmt: skip


def test_draws_are_named_where_nothing_else_differs(tmp_path):
    run = make_run(tmp_path / "run", Shape(attacks=[("pgd", "linf", "8/255", {"steps": 10}, 0.5)]))
    (spec,) = run.specs
    assert list(titles([spec, spec.model_copy(update={"draws": 5})]).values()) == [
        "PGD L∞ 8/255 (steps 10)", "PGD L∞ 8/255 (steps 10, 5 draws)",
    ]  # fmt: skip


def test_studies_are_called_by_what_differs(tmp_path):
    shape = Shape(models=("timm:a", "timm:b"), seeds=(0, 7), attacks=ATTACKS[:2])
    studies = read_studies(make_run(tmp_path / "run", shape, missing=1))
    assert [study.title for study in studies] == [
        "timm:a · seed 0", "timm:a · seed 7", "timm:b · seed 0", "timm:b · seed 7",
    ]  # fmt: skip
    assert [len(study.attacks) for study in studies] == [2, 2, 2, 1]
    assert studies[3].subject == Subject("timm:b", "sample:imagenet", "glove-6b-50d", 7)


def test_a_run_without_finished_cells_has_nothing_to_read(tmp_path):
    run = make_run(tmp_path / "run", missing=len(ATTACKS))
    with pytest.raises(IncompleteError, match=r"no finished cell: got '0 of 6 cells'. Fix: advwindow attack "):
        read_studies(run)


def test_grams_are_not_read_before_half_lives_are_asked_for(tmp_path, monkeypatch):
    run = make_run(tmp_path / "run", Shape(attacks=ATTACKS[1:4], layers=("a", "b")))
    real, read = RunDirectory.arrays, []
    monkeypatch.setattr(
        RunDirectory,
        "arrays",
        lambda self, spec, name, **options: (read.append(name), real(self, spec, name, **options))[1],
    )
    (study,) = read_studies(run)
    word_frame(run)
    assert "grams" not in read
    assert study.half_lives["layer"].to_list() == ["a", "b"]
    assert "grams" in read
