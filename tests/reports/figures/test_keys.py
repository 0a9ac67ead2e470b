from __future__ import annotations

import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from advwindow.reports.figures.keys import key_lines, put_keys, widths
from advwindow.reports.style import MM, house_style

NAMES = {
    "short": ["a", "b", "c"],
    "wide letters": ["W" * 14, "M" * 9, "W" * 12, "m" * 16, "W" * 3],
    "narrow letters": ["i" * 30, "l" * 40, "." * 30],
    "many": [f"attack {place}" for place in range(13)],
    "one": ["W" * 20],
}


def drawn(names, room, handle):
    """Lines and width in millimetres of keys as matplotlib lays them out."""
    with house_style():
        figure = Figure(figsize=(20, 5))
        axes = figure.add_subplot()
        keys = {name: Line2D([], []) for name in names}
        lines = put_keys(axes, keys, {"loc": "upper left", "borderaxespad": 0}, room=room, handle=handle)
        figure.draw_without_rendering()
        legend = axes.get_legend()
        heights = {round(text.get_window_extent().y0) for text in legend.get_texts()}
        return lines, len(heights), legend.get_window_extent().width / figure.dpi / MM


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize(("room", "handle"), [(73, 2.0), (150, 2.6)])
def test_keys_have_the_lines_that_are_told_and_stay_in_their_room(names, room, handle):
    told, found, width = drawn(names, room, handle)
    assert told == found == key_lines(names, room=room, handle=handle)
    assert width <= room + 0.5
    if told > 1:
        assert drawn(names, 1000, handle)[2] > room  # one line would not do


def test_what_has_no_room_at_all_stands_in_one_column():
    assert key_lines(["W" * 60] * 3, room=50) == 3
    assert key_lines(["a"], room=1) == 1


def test_lines_are_filled_evenly():
    with house_style():
        axes = Figure().add_subplot()
        names = [f"to 0.{place}0" for place in range(10)]
        lines = put_keys(axes, {name: Line2D([], []) for name in names}, {}, room=120)
    assert lines == 2
    assert axes.get_legend()._ncols == 5


def test_names_are_as_wide_as_they_are_drawn():
    with house_style():
        figure = Figure(dpi=300)
        texts = [figure.text(0, 0, name, fontsize=5.5) for name in ("WWW", "iii", "$x_ L₂")]
        figure.draw_without_rendering()
        wanted = [text.get_window_extent().width / 300 / MM for text in texts]
    assert widths(["WWW", "iii", "$x_ L₂"], size=5.5) == pytest.approx(wanted, abs=0.3)
