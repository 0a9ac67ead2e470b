import numpy as np
import pytest

from advwindow.reports.reading.course import read_course, stretches
from advwindow.window.looks import onsets
from tests.reports.trainings import training_table


def test_a_table_becomes_matrices_in_the_order_of_depth_and_epoch():
    table = training_table(layers=4, epochs=[1, 5, 20])
    course = read_course(table.sample(fraction=1, shuffle=True, seed=0))
    assert course.layers == ["block.0", "block.1", "block.2", "block.3"]
    assert course.epochs == [1, 5, 20]
    for row in table.iter_rows(named=True):
        at = row["depth"], course.epochs.index(row["epoch"])
        assert course.columns["alignment"][at] == row["alignment"]
        assert course.columns["chance_high"][at] == row["chance_high"]
        assert course.significant[at] == (row["alignment_p_adjusted"] <= 0.05)
    assert list(course.accuracy) == ["accuracy", "clean_accuracy", "robust_accuracy"]


def test_what_is_missing_is_no_number_and_not_significant():
    table = training_table(layers=2, epochs=[1, 2], history=False)
    course = read_course(table.filter(~((table["depth"] == 1) & (table["epoch"] == 2))))
    assert np.isnan(course.columns["alignment"][1, 1])
    assert not course.significant[1, 1]
    assert list(course.accuracy) == ["accuracy"]


def test_onsets_are_those_of_the_table():
    table = training_table(layers=6, epochs=list(range(1, 31)))
    course = read_course(table)
    found = dict(onsets(table).select("layer", "significant_from").iter_rows())
    assert {layer: course.from_epoch(place) for place, layer in enumerate(course.layers)} == found
    assert None in found.values()
    assert any(found.values())


@pytest.mark.parametrize("seed", range(5))
def test_stretches_cover_what_is_true(seed):
    mask = np.random.default_rng(seed).random(20) < 0.5
    covered = np.zeros(20, bool)
    for start, stop in stretches(mask):
        assert not covered[max(0, start - 1) : stop].any()
        covered[start:stop] = True
    np.testing.assert_array_equal(covered, mask)
