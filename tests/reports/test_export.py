from __future__ import annotations

from xml.etree import ElementTree as ET

from advwindow.reports import save_figures
from tests.reports.runs import ATTACKS, Shape, make_run

NAMES = ["verdicts", "headline", "references", "alignment", "two-vs-two", "drift", "beyond-noise", "one-vs-two"]


def test_every_figure_is_saved_twice(tmp_path):
    run = make_run(tmp_path / "run", Shape(attacks=ATTACKS[2:4]))
    paths = save_figures(run, tmp_path / "figures")
    assert paths == [tmp_path / "figures" / f"{name}.{kind}" for name in NAMES for kind in ("svg", "png")]
    for path in paths:
        content = path.read_bytes()
        if path.suffix == ".png":
            assert content.startswith(b"\x89PNG")
        else:
            assert "text" not in {element.tag.rpartition("}")[2] for element in ET.fromstring(content).iter()}


def test_figures_of_further_studies_are_told_apart(tmp_path):
    run = make_run(tmp_path / "run", Shape(seeds=(0, 1), attacks=ATTACKS[3:4], layers=("a", "b", "c")))
    names = {path.name for path in save_figures(run, tmp_path)}
    assert {"alignment.svg", "study-2-alignment.svg"} <= names
