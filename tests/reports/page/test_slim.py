"""Smaller drawings show what the large ones did."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET

import matplotlib.pyplot as plt
import numpy as np
import pytest

from advwindow.reports.page.slim import slim, stepwise
from tests.reports.page.paths import corners

SVG = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}href"
#: Half of the tenth of a point that paths are told in, and what floats add.
NEAR = 0.05 + 1e-9


def told(values: np.ndarray, rng: np.random.Generator) -> str:
    """A path through points as matplotlib writes it, some numbers in scientific notation, some parts closed."""
    parts = []
    for place, pair in enumerate(values):
        x, y = (f"{value:.6f}" if rng.random() < 0.8 else f"{value:.5e}".replace("+", "") for value in pair)
        parts.append(f"{'M' if place == 0 or rng.random() < 0.1 else 'L'} {x} {y}")
        if rng.random() < 0.1:
            parts.append("z")
    return " \n".join(parts) + (" z" if rng.random() < 0.5 else "")


@pytest.mark.parametrize("seed", range(60))
def test_every_corner_of_a_path_stays_within_half_a_step(seed):
    rng = np.random.default_rng(seed)
    path = told(rng.normal(0, 10.0 ** rng.integers(-2, 4), (int(rng.integers(1, 400)), 2)), rng)
    before, after = corners(path), corners(stepwise(path))
    assert len(before) == len(after)
    assert np.abs(np.subtract(before, after)).max() <= NEAR


@pytest.mark.parametrize("length", [10, 100_000])
def test_rounding_does_not_add_up(length):
    path = " L ".join(f"{0.0333 * place} {0.0777 * place}" for place in range(length))
    assert corners(stepwise(f"M {path}"))[-1] == pytest.approx((0.0333 * (length - 1), 0.0777 * (length - 1)), abs=NEAR)


@pytest.mark.parametrize(
    ("path", "slimmer"),
    [
        ("M 10 20.04 L 11.26 20 L 12 19 z", "M10 20l1.3 0l.7-1z"),
        ("M 1e2 2.5e-1 L 1.0005e2 -3e-1", "M100 .2l0-.5"),
        ("M 0 0 L 1 1 z M 5 5 L 6 6", "M0 0l1 1zM5 5l1 1"),
        ("", ""),
    ],
)
def test_paths_in_few_bytes(path, slimmer):
    assert stepwise(path) == slimmer


@pytest.mark.parametrize(
    "path",
    ["M 0 0.812345 C 0.2 0.8 0.4 0.7 0.5 0.5 z", "M 1.23456 2 Q 3 4 5 6", "M 1 2 A 3 4 0 0 1 5 6", "M 1 2 h 3.3333"],
)
def test_curves_stay_as_they_are(path):
    assert stepwise(path) == path


def drawing(body: str) -> ET.Element:
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return ET.fromstring(f"<svg {names}><defs><path id='m' d='M 0 1 L 1 0 z' style='stroke: red'/></defs>{body}</svg>")


def test_marks_become_one_line_with_a_mark_at_each_corner():
    places = [(1.0, 2.0), (3.5, 4.25), (7.0, 1.5)]
    root = drawing("".join(f"<use xlink:href='#m' x='{x}' y='{y}' style='fill: blue'/>" for x, y in places))
    slim(root)
    assert not list(root.iter(f"{SVG}use"))
    (marker,) = root.iter(f"{SVG}marker")
    (shape,) = marker
    assert (shape.get("style"), corners(shape.get("d", ""))) == ("stroke: red; fill: blue", [(0, 1), (1, 0), (0, 1)])
    line = next(path for path in root if path.tag == f"{SVG}path")
    assert np.abs(np.subtract(corners(line.get("d", "")), places)).max() <= NEAR
    assert line.get("style") == "fill: none"
    assert {line.get(f"marker-{place}") for place in ("start", "mid", "end")} == {f"url(#{marker.get('id')})"}


def test_marks_of_other_styles_or_with_something_between_stay_apart():
    mark = "<use xlink:href='#m' x='1' y='2' style='fill: {}'/>"
    root = drawing(f"{mark.format('red') * 2}<text>between</text>{mark.format('red') * 2}{mark.format('blue') * 2}")
    slim(root)
    assert len(list(root.iter(f"{SVG}use"))) == 6


def test_segments_of_one_style_become_one_path_and_areas_do_not():
    line = "<path d='M 0 {0} L 9 {0}' style='fill: none; stroke: red'/>"
    area = "<path d='M 0 {0} L 9 {0} L 5 5 z' style='fill: red'/>"
    root = drawing("".join(kind.format(place) for kind in (line, area) for place in range(4)))
    slim(root)
    first, *areas = (path for path in root if path.tag == f"{SVG}path")
    assert corners(first.get("d", "")) == [(x, place) for place in range(4) for x in (0, 9)]
    assert len(areas) == 4


@pytest.fixture
def figure():
    rng = np.random.default_rng(1)
    made, axes = plt.subplots(1, 2, figsize=(5, 2.5))
    for axis in axes:
        depth = np.arange(40)
        axis.plot(depth, rng.normal(size=40), marker="o", color="#0072b2", linewidth=1)
        axis.vlines(depth, -1, rng.normal(size=40), color="#d55e00", linewidth=0.6)
        axis.fill_between(depth, -1, 1, alpha=0.2)
        axis.grid(visible=True)
        axis.set_xticks(depth[::4], [f"layer {place}" for place in depth[::4]], rotation=90)
    yield made
    plt.close(made)


def written(figure) -> ET.Element:
    buffer = io.StringIO()
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "x"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return ET.fromstring(buffer.getvalue())


def marks(root: ET.Element) -> list[tuple[float, float]]:
    """Where marks stand: used paths, or corners of lines that bear markers."""
    used = [(float(use.get("x", "0")), float(use.get("y", "0"))) for use in root.iter(f"{SVG}use")]
    borne = [at for path in root.iter(f"{SVG}path") if path.get("marker-mid") for at in corners(path.get("d", ""))]
    return sorted(used + borne)


def test_a_drawing_of_matplotlib_keeps_its_marks_words_and_lines_in_fewer_bytes(figure):
    before, after = written(figure), written(figure)
    slim(after)
    assert len(ET.tostring(after)) < 0.6 * len(ET.tostring(before))
    assert len(marks(before)) == len(marks(after)) > 80
    near = [min(np.abs(np.subtract(at, other)).max() for other in marks(after)) for at in marks(before)]
    assert max(near) <= NEAR
    words = [sorted(text.text or "" for text in root.iter(f"{SVG}text")) for root in (before, after)]
    assert words[0] == words[1]
    lines = [
        sorted(
            at
            for path in root.iter(f"{SVG}path")
            if path.get("clip-path") and "fill: none" in path.get("style", "")
            for at in corners(path.get("d", ""))
        )
        for root in (before, after)
    ]
    assert len(lines[0]) == len(lines[1]) > 160
    assert np.abs(np.subtract(*(np.sort(np.array(each), axis=0) for each in lines))).max() <= NEAR


def test_the_same_drawing_gives_the_same_bytes(figure):
    once, again = written(figure), written(figure)
    slim(once)
    slim(again)
    assert ET.tostring(once) == ET.tostring(again)
