import torch

from advwindow.attacks.lanes import common_rows
from advwindow.attacks.record import charge, keep_nearest, keep_strongest


def _state(lanes=1):
    return common_rows(torch.arange(lanes)) | {"best": torch.zeros(lanes, 1)}


def _walk(keep, steps):
    """Show one lane a sequence of (value of the point, measures..., won)."""
    state = _state()
    for age, (point, *measures, won) in enumerate(steps):
        state["age"] = torch.tensor([age])
        keep(state, torch.tensor([[point]]), *(torch.tensor([m]).double() for m in measures), torch.tensor([won]))
    return state


def test_the_smallest_margin_is_kept_and_success_before_it():
    state = _walk(
        keep_strongest, [(1.0, 3.0, False), (2.0, -0.5, True), (3.0, -0.7, False), (4.0, -0.6, True), (5.0, 1.0, False)]
    )
    assert state["best"].item() == 4.0
    assert state["first"].item() == 1
    assert bool(state["won"])
    assert bool(state["silent"])


def test_the_nearest_success_is_kept_and_before_it_the_smallest_margin():
    steps = [(1.0, 9.0, 3.0, False), (2.0, 9.5, 2.0, False), (3.0, 9.9, 2.5, False)]
    assert _walk(keep_nearest, steps)["best"].item() == 2.0
    state = _walk(keep_nearest, [*steps, (4.0, 5.0, -1.0, True), (5.0, 6.0, -9.0, True), (6.0, 1.0, 0.1, False)])
    assert state["best"].item() == 4.0
    assert state["distance"].item() == 5.0
    assert state["margin"].item() == -1.0
    assert bool(state["silent"])


def test_a_run_that_ends_in_success_is_not_silent():
    state = _walk(keep_strongest, [(1.0, -1.0, True), (2.0, 1.0, False), (3.0, -0.5, True)])
    assert not bool(state["silent"])
    assert state["best"].item() == 1.0


def test_lanes_that_are_done_stay_as_they_are():
    state = _state(2)
    state["done"] = torch.tensor([True, False])
    keep_strongest(state, torch.ones(2, 1), torch.tensor([-1.0, -1.0]), torch.tensor([True, True]))
    charge(state, forwards=2, backwards=1)
    assert state["best"].flatten().tolist() == [0, 1]
    assert state["won"].tolist() == [False, True]
    assert state["forwards"].tolist() == [0, 2]
    assert state["backwards"].tolist() == [0, 1]


def test_what_is_not_eligible_is_not_kept():
    state = _state(1)
    keep_strongest(state, torch.ones(1, 1), torch.tensor([-1.0]), torch.tensor([True]), eligible=torch.tensor([False]))
    assert state["best"].item() == 0
    assert not bool(state["won"])
