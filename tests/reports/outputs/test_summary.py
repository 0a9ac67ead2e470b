import json
from pathlib import Path

import polars as pl
import pytest

from advwindow.errors import IncompleteError
from advwindow.reports.outputs.schema import Summary, summary_schema
from advwindow.reports.outputs.summary import summarise, summary_json
from tests.reports.runs import Shape, make_run

SCHEMA = Path(__file__).parents[3] / "docs" / "summary.schema.json"


def test_the_published_schema_is_that_of_the_code():
    assert SCHEMA.read_text(encoding="utf-8") == summary_schema()


def test_every_part_and_field_is_described_and_nothing_else_is_allowed():
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    for part in (schema, *schema["$defs"].values()):
        assert part["additionalProperties"] is False
        assert part["description"]
        assert set(part["required"]) == set(part["properties"])
        for name, field in part["properties"].items():
            assert field.get("description"), f"{part['title']}.{name}"


def test_a_summary_fits_the_schema(run):
    text = summary_json(run)
    Summary.model_validate_json(text)
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(json.loads(text))
    assert list(jsonschema.Draft202012Validator(schema).iter_errors({"schema_version": 2}))
    assert list(jsonschema.Draft202012Validator(schema).iter_errors(json.loads(text) | {"more": 1}))


def test_numbers_are_those_of_the_run(run, study):
    found = summarise(run).studies[0]
    assert [each.title for each in found.attacks] == [each.title for each in study.attacks]
    for told, attack in zip(found.attacks, study.attacks, strict=True):
        rows = attack.rows()
        assert told.robust_accuracy.value == attack.robust
        assert told.attacked == attack.tried
        assert [layer.layer for layer in told.layers] == rows["layer"].to_list()
        assert [layer.drift.value for layer in told.layers] == rows["drift"].to_list()
        assert [layer.clean.value for layer in told.layers] == attack.rows("clean")["alignment"].to_list()
        assert told.verdicts["eroded"] == rows.filter(pl.col("verdict") == "eroded").height
        assert told.hijacked == rows["hijacked"].sum()
    assert found.half_lives


def test_half_lives_of_attacks_that_differ_in_parameters_are_told_apart(tmp_path):
    attacks = [("pgd", "linf", eps, {"steps": steps}, 0.5) for steps in (10, 40) for eps in ("1/255", "8/255")]
    lives = summarise(make_run(tmp_path / "run", Shape(attacks=attacks, layers=("a",)))).studies[0].half_lives
    assert [each.parameters for each in lives] == [{"steps": 10}, {"steps": 40}]
    assert {(each.target, each.access, each.draws) for each in lives} == {("", "adaptive", 1)}


def test_missing_cells_are_named(tmp_path):
    run = make_run(tmp_path / "run", missing=2)
    assert summarise(run).missing == [spec.cell_id for spec in run.missing()]
    with pytest.raises(IncompleteError):
        summarise(make_run(tmp_path / "none", missing=6))


def test_gaps_become_null_and_hostile_names_stay_data(tmp_path):
    names = ('"], "x": [', "<script>", "\u202e", "😀")
    run = make_run(tmp_path / "run", Shape(layers=names, trials=False))
    layers = json.loads(summary_json(run))["studies"][0]["attacks"][0]["layers"]
    assert [layer["layer"] for layer in layers] == list(names)
    assert layers[0]["one_vs_two"] is None
