"""Oracles: a rough network that answers recognisably otherwise, and the same attack without one."""

import dataclasses
import sys

import pytest
import torch
from torch import nn

from advwindow.attacks import APGD, FAB, PGD, Auto, Square, make_budgets, perform
from advwindow.attacks.door import Problem
from advwindow.attacks.goal import Goal
from advwindow.attacks.lanes import common_rows
from advwindow.attacks.oracle import Oracle
from advwindow.attacks.sight import NEAR, NEAR_FOR_COMPARISONS, Sight
from advwindow.models import Reduced

from .nets import conv, images, labelled, linear, random_linear

CLASSES = 3


class Told(nn.Module):
    """Logits are the first pixels, with a sign added to the last class that tells who answered; remembers how many."""

    def __init__(self, sign):
        super().__init__()
        self.sign = sign
        self.asked = []

    def forward(self, x):
        self.asked.append(len(x))
        return x.flatten(1)[:, :CLASSES] + torch.tensor([0.0, 0.0, self.sign])


def lanes(*margins):
    """Points whose logits are ``(margin, 0, low)``, so that class 0 leads by that margin."""
    points = torch.zeros(len(margins), 3, 1, 1)
    points[:, 0, 0, 0] = torch.tensor(margins)
    points[:, 2] = -5
    return points


def setting(points, *, hurried=True, deviation=0.01):
    exact, rough = Told(-1e-3), Told(1e-3)
    oracle = Oracle(exact, rough=Reduced(rough, deviation))
    labels = torch.zeros(len(points), dtype=torch.int64)
    ids = tuple(map(str, range(len(points))))
    problem = Problem(exact, oracle, points, labels, Goal(labels), ids, 0, len(points))
    state = common_rows(torch.arange(len(points))) | {"class": labels}
    return Sight(problem, hurried), state, exact, rough


def exactly(logits):
    return (logits[:, 2] < -5).tolist()


def own(logits, classes):
    return logits.gather(1, classes[:, None]).squeeze(1)


def test_far_lanes_are_answered_roughly_and_near_ones_exactly_each_in_its_place():
    points = lanes(1.0, 2.0, 3.0, 4.0)
    sight, state, exact, rough = setting(points)
    state["near"] = torch.tensor([False, True, False, True])
    logits = sight.logits(state, points)
    assert exactly(logits) == [False, True, False, True]
    assert logits[:, 0].tolist() == [1, 2, 3, 4]
    slope = sight.slope(state, points, own, state["class"])
    assert exactly(slope.logits) == [False, True, False, True]
    assert slope.gradient[:, :, 0, 0].tolist() == [[1, 0, 0]] * 4
    assert exact.asked == rough.asked == [2, 2]


@pytest.mark.parametrize(("near", "which"), [(False, [[], [3]]), (True, [[3], []])])
def test_lanes_of_one_kind_are_asked_at_once(near, which):
    points = lanes(1.0, 2.0, 3.0)
    sight, state, exact, rough = setting(points)
    state["near"] = torch.full((3,), near)
    sight.logits(state, points)
    assert [exact.asked, rough.asked] == which


def test_lanes_that_come_near_are_asked_again_and_stay_near():
    reach = NEAR * 0.01 * (5 + 0.2)  # the range of the logits is at least that wide
    points = lanes(-1.0, 0.2, reach + 0.5, float("nan"))
    sight, state, exact, _ = setting(points)
    logits = sight.sure(state, points, sight.logits(state, points))
    assert state["near"].tolist() == [True, True, False, True]
    assert exactly(logits)[:3] == [True, True, False]
    assert state["forwards"].tolist() == [1, 1, 0, 1]
    again = sight.sure(state, points, logits)
    assert torch.equal(again[:3], logits[:3])
    assert state["forwards"].tolist() == [1, 1, 0, 1]
    assert exact.asked == [3]


def test_the_last_point_of_a_lane_is_asked_again_however_far_it_seems():
    points = lanes(30.0, 30.0)
    sight, state, *_ = setting(points)
    logits = sight.sure(state, points, sight.logits(state, points), last=torch.tensor([False, True]))
    assert exactly(logits) == [False, True]
    assert state["forwards"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("norm", "eps", "allowed"),
    [
        ("linf", "1/255", True),
        ("linf", "0.9/255", False),
        ("l2", "0.06", True),
        ("l2", "0.05", False),
        ("l1", "9", False),
    ],
)
def test_perturbations_that_bfloat16_would_round_away_are_searched_exactly(norm, eps, allowed, monkeypatch):
    asked = []
    shared(monkeypatch, lambda model, example: asked.append(len(example)))
    model, x = conv(), images(2)
    perform("x", APGD(steps=2, until="success"), model, x, labelled(model, x), make_budgets(eps, norm))
    assert bool(asked) is allowed


@pytest.mark.parametrize("name", ["pgd", "apgd", "fab", "auto"])
def test_flat_images_fall_to_small_steps_too(name, monkeypatch):
    """Without noise in the image nothing dithers what bfloat16 rounds away."""
    module = sys.modules["advwindow.models.reduced"]
    monkeypatch.setattr(module, "processor_has_bfloat16", lambda: True)
    monkeypatch.setattr(module, "WORTHWHILE", 0)
    model, x = random_linear(5, 3072, seed=3, scale=0.02), torch.full((4, 3, 32, 32), 0.75)
    for eps in ("0.3/255", "1/255"):
        out = perform("x", HURRIED[name], model, x, labelled(model, x), make_budgets(eps, "linf"))[0]
        monkeypatch.setattr(module, "WORTHWHILE", 1e12)
        plain = perform("x", HURRIED[name], model, x, labelled(model, x), make_budgets(eps, "linf"))[0]
        monkeypatch.setattr(module, "WORTHWHILE", 0)
        assert torch.equal(out.success, plain.success)


def test_some_searches_count_the_boundary_as_near_earlier():
    points = lanes(1.5 * NEAR * 0.01 * 6.5, 3 * NEAR * 0.01 * 8)
    sight, state, *_ = setting(points)
    dataclasses.replace(sight, nearness=NEAR_FOR_COMPARISONS).sure(state, points, sight.logits(state, points))
    assert state["near"].tolist() == [True, False]


def test_lanes_that_are_done_or_do_not_matter_are_not_asked_again():
    points = lanes(-1.0, -1.0, -1.0)
    sight, state, exact, _ = setting(points)
    state["done"] = torch.tensor([True, False, False])
    sight.sure(state, points, sight.logits(state, points), matters=torch.tensor([True, False, True]))
    assert state["near"].tolist() == [False, False, True]
    assert state["forwards"].tolist() == [0, 0, 1]
    assert exact.asked == [1]


def test_a_search_that_is_not_in_a_hurry_is_answered_exactly():
    points = lanes(-1.0, 3.0)
    sight, state, _, rough = setting(points, hurried=False)
    logits = sight.sure(state, points, sight.logits(state, points))
    assert exactly(logits) == [True, True]
    assert rough.asked == []
    assert not state["near"].any()


HURRIED = {
    "pgd": PGD(steps=6, restarts=2, until="success"),
    "apgd": APGD(steps=6, loss="dlr-targeted", targets=3, until="success"),
    "fab": FAB(steps=6, targets=3, until="success"),
    "square": Square(queries=60, until="success"),
    "auto": Auto(steps=6, targets=3, queries=60),
}


def shared(monkeypatch, make):
    monkeypatch.setattr(sys.modules["advwindow.attacks.door"], "reduced", make)


def attacked(attack, eps="0.02", count=12):
    model, x = conv(), images(count)
    return perform("x", attack, model, x, labelled(model, x), make_budgets(eps, "linf"))[0]


@pytest.mark.parametrize("name", HURRIED)
def test_no_success_rests_on_a_rough_network_that_sees_them_everywhere(name, monkeypatch):
    class Hopeful(nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, x):
            logits = self.model(x)
            return logits - 100 * nn.functional.one_hot(logits.argmax(1), logits.shape[1])

    plain = attacked(HURRIED[name])
    shared(monkeypatch, lambda model, example: Reduced(Hopeful(model), 0.01))
    out = attacked(HURRIED[name])
    assert torch.equal(out.claimed, out.success)
    if name != "fab":  # whose steps need to know how far the boundary is
        assert out.success.tolist() == plain.success.tolist()
    assert 0 < int(plain.success.sum()) < 12


@pytest.mark.parametrize("name", HURRIED)
def test_with_a_rough_network_as_good_as_the_other_nothing_changes_but_the_costs(name, monkeypatch):
    plain = attacked(HURRIED[name])
    shared(monkeypatch, lambda model, example: Reduced(model, 0.001))
    out = attacked(HURRIED[name])
    assert torch.equal(out.success, plain.success)
    assert torch.allclose(out.images, plain.images, atol=1e-6)
    more = out.forwards - plain.forwards
    assert bool((more >= 0).all())
    assert bool((more <= HURRIED[name].cost().forwards).all())
    assert bool((out.forwards <= HURRIED[name].cost().forwards).all())


@pytest.mark.parametrize("name", HURRIED)
def test_bfloat16_breaks_as_many(name, monkeypatch):
    module = sys.modules["advwindow.models.reduced"]
    monkeypatch.setattr(module, "WORTHWHILE", 1e12)
    plain = attacked(HURRIED[name], count=40)
    monkeypatch.setattr(module, "WORTHWHILE", 0)
    monkeypatch.setattr(module, "processor_has_bfloat16", lambda: True)
    out = attacked(HURRIED[name], count=40)
    assert torch.equal(out.claimed, out.success)
    assert abs(int(out.success.sum()) - int(plain.success.sum())) <= 1


@pytest.mark.parametrize("attack", [*(HURRIED[name] for name in ("pgd", "apgd", "fab", "square"))])
def test_a_search_to_the_end_never_looks_roughly(attack, monkeypatch):
    class Refusing(nn.Module):
        def forward(self, x):
            raise AssertionError

    shared(monkeypatch, lambda model, example: Reduced(Refusing(), 0.0))
    attacked(dataclasses.replace(attack, until="end"), count=2)


def test_random_networks_have_no_rough_copy(monkeypatch):
    def refuse(model, example):
        raise AssertionError

    shared(monkeypatch, refuse)
    model, x = linear(torch.eye(4).repeat(1, 3)), images(2, side=2)
    perform("x", PGD(steps=2, until="success"), model, x, labelled(model, x), make_budgets("0.1", "linf"), draws=2)
