from __future__ import annotations

from xml.etree import ElementTree as ET

import polars as pl
import pytest

from advwindow.reports import save_figures
from tests.reports.runs import ATTACKS, Shape, make_run

CURVES = ["alignment", "two-vs-two", "drift", "beyond-noise", "one-vs-two"]
WHOLE = ["robustness", "collapse-map", "retention", "concept-map", "matrices"]
NAMES = ["verdicts", "headline", *WHOLE[:2], "references", *CURVES, *WHOLE[2:]]
NARROW = [f"{name}-column" for name in ("verdicts", *CURVES, "references", *WHOLE)]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A run, the folder of its figures and what was saved there; once, as embedding fonts takes its time."""
    folder = tmp_path_factory.mktemp("export")
    run = make_run(folder / "run", Shape(attacks=ATTACKS[2:4]))
    return run, folder / "figures", save_figures(run, folder / "figures")


def test_every_figure_is_saved_in_three_formats_with_its_data(saved):
    _, folder, paths = saved
    kinds = ("svg", "pdf", "png", "csv")
    assert paths == [folder / f"{name}.{kind}" for name in [*NAMES, *NARROW] for kind in kinds]
    starts = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}
    for path in paths:
        content = path.read_bytes()
        assert content.startswith(starts.get(path.suffix, b""))
        if path.suffix == ".svg":
            assert "text" not in {element.tag.rpartition("}")[2] for element in ET.fromstring(content).iter()}


def test_the_data_are_what_is_drawn(saved):
    run, folder, _ = saved
    drift = pl.read_csv(folder / "drift.csv")
    assert drift["attack"].unique(maintain_order=True).to_list() == ["PGD L∞ 4/255", "PGD L∞ 8/255"]
    assert set(drift["condition"]) == {"noise", "attack"}
    rows = run.table(run.specs[1], "layers").filter(condition="attack").sort("depth")
    told = pl.read_csv(folder / "drift-column.csv").filter(condition="attack")
    assert told["layer"].to_list() == rows["layer"].to_list()
    assert told["drift"].to_list() == rows["drift"].to_list()
    assert pl.read_csv(folder / "verdicts.csv").height == 2 * 17


def test_figures_of_further_studies_are_told_apart(tmp_path):
    run = make_run(tmp_path / "run", Shape(seeds=(0, 1), attacks=ATTACKS[3:4], layers=("a", "b", "c")))
    names = {path.name for path in save_figures(run, tmp_path)}
    assert {"alignment.svg", "study-2-alignment.svg", "study-2-alignment.csv"} <= names


def test_the_same_run_gives_the_same_bytes(saved, tmp_path):
    run, _, paths = saved
    assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in save_figures(run, tmp_path)]
