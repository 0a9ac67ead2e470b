"""Indicator I4 against its definition written out, and outcomes cut to some samples."""

from __future__ import annotations

import pytest
import torch

from advwindow.attacks import PGD, perform
from advwindow.attacks.audit import audit
from advwindow.attacks.audit.records import still_falling
from advwindow.attacks.audit.sample import attacked, fooled, spread, standing, take
from tests.attacks.audit import zoo


def by_definition(losses):
    """As in the paper's code: shift, scale, running minimum, range of the last min(10, T) values."""
    shifted = [value - min(losses) for value in losses]
    if max(shifted) == 0:
        return False
    scaled = [value / max(shifted) for value in shifted]
    running = [min(scaled[: place + 1]) for place in range(len(scaled))]
    tail = running[-min(10, len(running)) :]
    return max(tail) - min(tail) > 0.05


@pytest.mark.parametrize("seed", range(4))
def test_incomplete_optimisation(seed):
    draw = torch.Generator().manual_seed(seed)
    rows = []
    for length in (5, 12, 25, 40):
        for rate in (0.0, 0.02, 0.2, 1.0):
            course = torch.exp(-rate * torch.arange(length)) + 0.02 * torch.randn(length, generator=draw)
            rows.append(course.double())
    rows.append(torch.full((30,), 2.0, dtype=torch.float64))
    padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=torch.nan)
    last = torch.full((len(rows),), 10)
    assert still_falling(padded, last).tolist() == [by_definition(row.tolist()) for row in rows]


@pytest.mark.parametrize(("step_size", "fires"), [(None, False), ("1/2550", True)])
@pytest.mark.parametrize("steps", [10, 20, 60])
def test_an_attack_that_creeps_is_incomplete(step_size, fires, steps):
    images, labels = zoo.photographs(30, seed=5)
    attack = PGD(steps=steps, step_size=step_size, random_start=False)
    outcome = perform("pgd", attack, zoo.hardened(), images, labels, [zoo.BUDGET])
    report = audit(zoo.hardened(), images, labels, attack=attack, budget=zoo.BUDGET, outcomes=outcome)
    assert report["I4"].fired == fires


def test_an_outcome_of_some_samples():
    images, labels = zoo.photographs(10, seed=5)
    model = zoo.hardened()
    whole = perform("pgd", PGD(), model, images, labels, [zoo.BUDGET])[0]
    index = torch.tensor([7, 2])
    part = take(whole, index)
    assert part.status == (whole.status[7], whole.status[2])
    assert torch.equal(part.images, whole.images[index])
    assert torch.equal(part.norms["linf"], whole.norms["linf"][index])
    alone = perform("pgd", PGD(), model, images[index], labels[index], [zoo.BUDGET], ids=["7", "2"])[0]
    assert torch.equal(fooled(part), fooled(alone))
    assert torch.equal(standing(part) | fooled(part), attacked(part))


def test_spread_is_even_and_never_repeats():
    assert spread(0, 4).tolist() == []
    assert spread(3, 8).tolist() == [0, 1, 2]
    assert spread(100, 8).unique().numel() == 8
