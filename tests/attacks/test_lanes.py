import pytest
import torch

from advwindow.attacks.lanes import Job, JobResult, run_chains


class Countdown:
    """A search whose job ends after `restart` steps; keeps book of who ran beside whom."""

    def __init__(self):
        self.widths = []

    def start(self, jobs):
        left = torch.tensor([job.restart for job in jobs])
        return {"left": left, "sample": torch.tensor([job.sample for job in jobs]), "done": left == 0}

    def step(self, state):
        self.widths.append(len(state["left"]))
        state["left"] = state["left"] - 1
        state["done"] = state["left"] <= 0

    def result(self, state, lane):
        return JobResult(torch.zeros(1), True, float(state["sample"][lane]), 0.0, 0, 1, 1, 0, 0)


def _chain(sample, lengths, seen):
    for length in lengths:
        seen.append((sample, (yield Job(sample, restart=length)).margin))


@pytest.mark.parametrize("lanes", [1, 2, 3, 100])
def test_every_chain_gets_its_own_results_in_its_own_order(lanes):
    seen = []
    run_chains([_chain(s, range(1, s + 2), seen) for s in range(7)], Countdown(), lanes=lanes)
    assert sorted(seen) == sorted((s, float(s)) for s in range(7) for _ in range(s + 1))


def test_finished_lanes_are_refilled_so_that_the_batch_stays_full():
    search = Countdown()
    run_chains([_chain(s, [1 + s % 3], []) for s in range(12)], search, lanes=4)
    assert search.widths[:-2] == [4] * len(search.widths[:-2])
    assert sum(search.widths) == sum(1 + s % 3 for s in range(12))


def test_no_chains_no_steps():
    search = Countdown()
    run_chains([], search, lanes=4)
    run_chains([_chain(0, [], [])], search, lanes=4)
    assert search.widths == []
