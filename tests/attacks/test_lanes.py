import pytest
import torch

from advwindow.attacks.lanes import Job, common_rows, run_chains


class Countdown:
    """A search whose job ends after `restart` steps; keeps book of who ran beside whom."""

    length, patient = 100, False

    def __init__(self):
        self.widths = []
        self.finals = []

    def start(self, jobs):
        samples = torch.tensor([job.sample for job in jobs])
        left = torch.tensor([job.restart for job in jobs])
        return common_rows(samples) | {"left": left, "margin": samples.float(), "best": torch.zeros(len(jobs), 1)}

    def step(self, state, *, final):
        self.widths.append(len(state["left"]))
        self.finals.append(final)
        state["left"] = state["left"] - 1
        state["done"] = state["left"] <= 0


class Patient(Countdown):
    """Every job takes five steps."""

    length, patient = 5, True

    def step(self, state, *, final):
        super().step(state, final=final)
        state["age"] = state["age"] + 1
        state["done"] = state["age"] >= self.length


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


def test_the_last_step_of_all_lanes_is_announced():
    search = Patient()
    run_chains([_chain(s, [5], []) for s in range(4)], search, lanes=4)
    assert search.finals == [False] * 4 + [True]


def test_a_step_is_not_the_last_while_a_lane_goes_on():
    search = Patient()
    run_chains([_chain(0, [5, 5], []), _chain(1, [5], []), _chain(2, [5], [])], search, lanes=2)
    assert search.finals == ([False] * 4 + [True]) * 2


def test_where_looking_costs_time_it_is_done_every_few_steps(monkeypatch):
    """Two lanes end at once; without a look nobody notices, until the next one."""
    monkeypatch.setattr("advwindow.attacks.lanes.POLL", {"cpu": 4})
    search = Countdown()
    run_chains([_chain(s, [1], []) for s in range(4)], search, lanes=2)
    assert search.widths == [2] * 8


def test_the_results_of_a_search_reach_its_chain():
    results = []

    class One(Patient):
        length = 1

        def start(self, jobs):
            facts = {"won": torch.tensor([True]), "distance": torch.tensor([0.5]).double(), "trace": torch.ones(1, 3)}
            return super().start(jobs) | facts | {"forwards": torch.tensor([7]), "silent": torch.tensor([True])}

    def chain():
        results.append((yield Job(3)))

    run_chains([chain()], One(), lanes=1)
    (result,) = results
    assert (result.success, result.silent, result.forwards, result.backwards) == (True, True, 7, 0)
    assert (result.distance, result.margin, result.first_success_step) == (0.5, 3.0, -1)
    assert result.trace.tolist() == [1, 1, 1]
