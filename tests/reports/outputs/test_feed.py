import threading

import pytest

from advwindow.errors import UserError
from advwindow.reports.outputs.feed import Feed
from advwindow.reports.outputs.places import Place
from tests.reports.runs import ATTACKS, Shape, make_run

PATIENCE = 30


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path / "run", Shape(attacks=ATTACKS[:4], layers=("a", "b")))


class Tracker:
    """Keeps cells as a sink does; out of order as often as it is told."""

    def __init__(self, failures=0, opens=True):
        self.kept, self.tried, self.failures, self.opens = [], 0, failures, opens

    def open(self):
        if not self.opens:
            raise OSError("no such host\nsecond line")
        return self

    def cell_done(self, run, spec):
        self.tried += 1
        if self.tried <= self.failures:
            raise RuntimeError("database is locked at sqlite://me:secret@host")
        new = spec.cell_id not in self.kept
        self.kept += [spec.cell_id] * new
        return new


def fed(run, tracker, warnings):
    feed = Feed(run, Place("Tracker", "--tracker x", tracker.open), warnings.append)
    for spec in run.specs:
        feed.put(spec)
    return feed.close(PATIENCE)


def ids(specs):
    return [spec.cell_id for spec in specs]


def test_cells_arrive_in_order(run):
    tracker, warnings = Tracker(), []
    assert fed(run, tracker, warnings) == []
    assert tracker.kept == ids(run.specs)
    assert warnings == []


@pytest.mark.parametrize("failures", [1, 3, 4])
def test_what_failed_is_sent_again_at_the_end_and_told_once(run, failures):
    tracker, warnings = Tracker(failures), []
    assert fed(run, tracker, warnings) == []
    assert sorted(tracker.kept) == sorted(ids(run.specs))
    assert warnings == ["RuntimeError: database is locked at sqlite://me:***@host"]


def test_what_never_arrives_is_left_over_in_order(run):
    tracker, warnings = Tracker(failures=99), []
    assert ids(fed(run, tracker, warnings)) == ids(run.specs)
    assert tracker.tried == len(run.specs) + 1  # the end gives up at the first that fails again
    assert len(warnings) == 1


def test_a_place_that_cannot_be_opened_is_told_in_one_line(run):
    warnings = []
    assert len(fed(run, Tracker(opens=False), warnings)) == 4
    assert warnings == ["OSError: no such host"]


def test_an_error_of_ours_is_told_as_it_is(run):
    def refuse():
        raise UserError("cannot write x", got="No space left")

    warnings = []
    feed = Feed(run, Place("Tracker", "--tracker x", refuse), warnings.append)
    feed.put(run.specs[0])
    assert len(feed.close(PATIENCE)) == 1
    assert warnings == ["cannot write x: got 'No space left'."]


def test_a_place_that_never_answers_is_not_waited_for(run):
    answer = threading.Event()
    feed = Feed(run, Place("Tracker", "--tracker x", lambda: answer.wait(PATIENCE)), lambda _: None)
    feed.put(run.specs[0])
    assert feed.close(0.05) == [run.specs[0]]
    answer.set()


def test_what_was_not_sent_is_told_in_the_order_of_the_plan(run):
    feed = Feed(run, Place("Tracker", "--tracker x", Tracker(opens=False).open), lambda _: None)
    for spec in reversed(run.specs[1:]):
        feed.put(spec)
    assert feed.close(PATIENCE) == list(run.specs[1:])
