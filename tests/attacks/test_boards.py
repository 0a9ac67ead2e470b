"""Chains led over budgets, restarts and constants, by a search whose every result is known beforehand."""

import pytest
import torch

from advwindow.attacks.boards import fixed_budget, smallest
from advwindow.attacks.budget import Budget, Norm, make_budgets
from advwindow.attacks.door import Problem
from advwindow.attacks.goal import Goal
from advwindow.attacks.lanes import Job, common_rows
from advwindow.attacks.oracle import Oracle
from advwindow.errors import UserError

from .nets import conv


class Known:
    """A sample succeeds where radius + restart / 100 reaches its threshold; every job costs two passes."""

    length, patient = 1, True

    def __init__(self, thresholds):
        self.thresholds = thresholds
        self.jobs = []

    def start(self, jobs):
        self.jobs += [(job.sample, job.radius, job.restart) for job in jobs]
        samples = torch.tensor([job.sample for job in jobs])
        reach = torch.tensor([job.radius + job.restart / 100 for job in jobs])
        won = reach >= torch.tensor([self.thresholds[job.sample] for job in jobs])
        rows = {"won": won, "margin": -reach, "forwards": samples * 0 + 2, "best": reach.reshape(-1, 1, 1, 1)}
        return common_rows(samples) | rows

    def step(self, state, *, final):
        state["done"] = ~state["done"]


def _problem(count):
    model = conv()
    labels = torch.zeros(count, dtype=torch.int64)
    ids = tuple(str(i) for i in range(count))
    return Problem(model, Oracle(model), torch.zeros(count, 1, 1, 1), labels, Goal(labels), ids, 0, 2)


def _jobs(sample, radius):
    return (Job(sample, radius, restart) for restart in range(2))


def test_until_success_a_sample_stops_and_its_success_counts_at_every_larger_budget():
    search = Known([0.1, 0.31, 9.0])
    found = fixed_budget(_problem(3), make_budgets(["0.3", "0.1", "0.5"], "linf"), search, _jobs, until="success")
    tried = {sample: [job[1:] for job in search.jobs if job[0] == sample] for sample in range(3)}
    assert tried[0] == [(0.1, 0)]
    assert tried[1] == [(0.1, 0), (0.1, 1), (0.3, 0), (0.3, 1)]
    assert len(tried[2]) == 6
    assert [each.claimed.tolist() for each in found] == [[True, True, False], [True, False, False], [True, True, False]]
    assert found[2].images.flatten().tolist() == pytest.approx([0.1, 0.31, 0.51])
    assert [each.forwards.tolist() for each in found] == [[0, 4, 4], [2, 4, 4], [0, 0, 4]]


def test_until_the_end_everything_is_tried_and_the_strongest_kept():
    search = Known([0.1, 0.31, 9.0])
    found = fixed_budget(_problem(3), make_budgets(["0.1", "0.5"], "linf"), search, _jobs, until="end")
    assert len(search.jobs) == 12
    assert found[1].images.flatten().tolist() == pytest.approx([0.51] * 3)
    assert found[0].claimed.tolist() == [True, False, False]


def test_an_attack_at_a_fixed_size_needs_one():
    with pytest.raises(UserError, match="needs an epsilon"):
        fixed_budget(_problem(1), [Budget(Norm.LINF, "min")], Known([1]), _jobs, until="end")


class Distances(Known):
    """A job's constant is the distance of its success; none below 0.2."""

    def start(self, jobs):
        constant = torch.tensor([job.constant for job in jobs])
        won = constant >= 0.2
        facts = {"won": won, "distance": torch.where(won, constant, torch.inf).double()}
        return super().start(jobs) | facts | {"best": constant.reshape(-1, 1, 1, 1)}


def _halving(sample):
    constant = 1.0
    while True:
        result = yield Job(sample, constant=constant)
        if not result.success:
            return
        constant /= 2


def test_the_nearest_success_is_kept_and_cut_to_the_ball():
    search = Distances([9.0])
    near, far, free = smallest(_problem(1), make_budgets(["0.1", "0.3", "min"], "l2"), search, _halving)
    assert len(search.jobs) == 4
    assert free.images.item() == far.images.item() == 0.25
    assert free.claimed.item()
    assert far.claimed.item()
    assert not near.claimed.item()
    assert near.images.item() == pytest.approx(0.1, abs=1e-5)
    assert free.forwards.item() == 8
