import json

import polars as pl
import pytest

from advwindow.comparison import FORMATS, TABLES, cards, compare_runs, export, markdown_text
from advwindow.errors import UserError
from advwindow.runs import wilson
from tests.comparison.runs import DEFENCE, cell, make_run, strong_looking


@pytest.fixture
def found(tmp_path):
    return compare_runs([strong_looking(tmp_path / "run")])


def test_every_format(tmp_path, found):
    paths = export(found, tmp_path / "out")
    names = sorted(path.relative_to(tmp_path / "out").as_posix() for path in paths)
    assert names == sorted([
        *(f"{table}.{kind}" for table in TABLES for kind in ("csv", "parquet")),
        "comparison.md",
        *(f"{name}.tex" for name in ("robust-accuracy", "meaning", "attacks", "pairs", "ranks")),
        "cards/01-sample-plain.json",
        "cards/02-sample-plain-jpeg-quality-75.json",
    ])  # fmt: skip
    assert all(path.is_file() for path in paths)


def test_cards_of_entries_that_are_no_more_do_not_stay(tmp_path, found):
    folder = tmp_path / "out"
    export(found, folder)
    (folder / "cards" / "notes.json").write_text("mine")
    export(compare_runs([make_run(tmp_path / "one", [cell()])]), folder, formats=["csv"])
    assert len(list((folder / "cards").iterdir())) == 3
    export(compare_runs([make_run(tmp_path / "two", [cell(model="sample:other")])]), folder, formats=["json"])
    assert sorted(path.name for path in (folder / "cards").iterdir()) == ["01-sample-other.json", "notes.json"]


@pytest.mark.parametrize("name", TABLES)
def test_parquet_and_csv_hold_every_digit(tmp_path, found, name):
    export(found, tmp_path / "out", formats=["csv", "parquet"])
    table = getattr(found, name)
    assert pl.read_parquet(tmp_path / "out" / f"{name}.parquet").equals(table)
    texts = ["", None]
    read = pl.read_csv(tmp_path / "out" / f"{name}.csv", schema_overrides=table.schema)
    for column in table.columns:
        pairs = zip(read[column], table[column], strict=True)
        assert all(one == other or {one, other} <= set(texts) for one, other in pairs), column


@pytest.mark.parametrize("name", FORMATS)
def test_one_format_at_a_time(tmp_path, found, name):
    paths = export(found, tmp_path / "out", formats=[name])
    kinds = {"csv": ".csv", "markdown": ".md", "latex": ".tex", "parquet": ".parquet", "json": ".json"}
    assert {path.suffix for path in paths} == {kinds[name]}


def test_an_unknown_format(tmp_path, found):
    with pytest.raises(UserError, match=r"unknown format of tables: got 'latx'.*did you mean latex"):
        export(found, tmp_path / "out", formats=["latx"])
    assert not (tmp_path / "out").exists()


def test_markdown_begins_with_the_call_outs(found):
    text = markdown_text(found)
    assert text.index("## Call-outs") < text.index("## Robust accuracy") < text.index("## Notes")
    assert "only looks strong" in text


def test_names_lead_nowhere(tmp_path):
    names = ["file:../../etc/passwd.py:f", "...", "py:a:b"]
    run = make_run(tmp_path / "run", [cell(model=name) for name in names])
    paths = export(compare_runs([run]), tmp_path / "out", formats=["json"])
    assert [path.name for path in paths] == ["01-file-etc-passwd-py-f.json", "02-entry.json", "03-py-a-b.json"]
    assert {path.parent for path in paths} == {tmp_path / "out" / "cards"}


def test_a_card_says_what_was_tested_and_what_came_out(tmp_path, found):
    export(found, tmp_path / "out", formats=["json"])
    card = json.loads((tmp_path / "out" / "cards" / "02-sample-plain-jpeg-quality-75.json").read_text("utf-8"))
    assert card == cards(found)[1]
    assert (card["model"], card["defense"]) == ("sample:plain", DEFENCE)
    assert card["hashes"]["model"] == "2" * 64
    assert card["hashes"]["words"] == {"npz:w.npz": "c" * 64}
    assert card["clean_accuracy"] == dict(zip(("share", "low", "high"), wilson(36, 40), strict=True)) | {"n": 40}
    (result,) = card["results"]
    assert result["threat_model"] == {"norm": "linf", "eps": "8/255", "eps_value": 8 / 255}
    assert result["robust_accuracy"]["share"] == 5 / 40
    assert result["oblivious_accuracy"]["share"] == 30 / 40
    assert [attack["access"] for attack in result["attacks"]] == ["oblivious", "adaptive", "black-box", "adaptive"]
    assert result["attacks"][0]["parameters"]["steps"] == 10
    assert len(card["callouts"]) == 1
    assert card["versions"] == {"advwindow": "0.1.0"}
    assert card["certificate"] is None
    assert cards(found)[0]["results"][0]["oblivious_accuracy"] is None


def test_the_certificate_from_most_copies_is_that_of_its_entry(found):
    entry = found.entries[0]
    for copies in (500, 10_000, 2_000):
        entry.run.save_certificate(entry.spec, {"n": copies, "accuracy": {"0.5": 0.4}})
    first, second = cards(found)
    assert first["certificate"] == {"n": 10_000, "accuracy": {"0.5": 0.4}}
    assert second["certificate"] is None
    assert entry.run.certificate(entry.spec, copies=500)["n"] == 500
    assert entry.run.certificate(entry.spec, copies=501) is None


def test_a_card_of_smallest_perturbations_is_plain_json(tmp_path):
    run = make_run(tmp_path / "run", [cell({1}, attack="cw", parameters={}, norm="l2", eps="min")])
    (path,) = export(compare_runs([run]), tmp_path / "out", formats=["json"])
    assert json.loads(path.read_text("utf-8"))["results"][0]["threat_model"]["eps_value"] is None
