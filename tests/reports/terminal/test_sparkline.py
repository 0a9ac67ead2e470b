import math

import pytest

from advwindow.reports.terminal.sparkline import sparkline, stretches, thinned


def test_heights_are_in_the_order_of_the_values():
    assert sparkline([place / 7 for place in range(8)], low=0, high=1) == "▁▂▃▄▅▆▇█"


@pytest.mark.parametrize(("value", "bar"), [(-5, "▁"), (5, "█"), (None, "·"), (math.nan, "·")])
def test_ends_and_gaps(value, bar):
    assert sparkline([value], low=0, high=1) == bar


def test_a_flat_curve_is_no_crash():
    assert sparkline([0.3, 0.3], low=0.3, high=0.3) == "▁▁"


@pytest.mark.parametrize(("count", "width"), [(150, 40), (7, 3), (3, 10), (1, 1)])
def test_stretches_cover_everything_once(count, width):
    found = stretches(count, width)
    assert [place for start, end in found for place in range(start, end)] == list(range(count))
    assert len(found) == min(count, width)
    assert {end - start for start, end in found} <= {count // len(found), -(-count // len(found))}


def test_means_of_neighbours_leave_out_gaps():
    assert thinned([1.0, 3.0, None, None, math.nan, 7.0], 3) == [2.0, None, 7.0]
