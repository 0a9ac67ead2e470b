"""The witness sees what an attack passes by, whatever the order and the copies of its questions."""

from __future__ import annotations

import copy

import pytest
import torch

from advwindow.attacks import PGD, Goal, perform
from advwindow.attacks.audit.witness import EnoughError, Log, Watched, Witness
from advwindow.attacks.door import Problem
from advwindow.attacks.oracle import Oracle
from tests.attacks import nets
from tests.attacks.audit import zoo


def problem(count=3):
    model = zoo.plain()
    images, labels = zoo.photographs(count, seed=5)
    ids = tuple(map(str, range(count)))
    return Problem(model, Oracle(model), images, labels, Goal(labels), ids, 0, 8)


def adversarial(asked):
    eps = zoo.BUDGET.value
    found = PGD()(asked, [zoo.BUDGET])[0]
    assert bool(((found.images - asked.images).abs() <= eps).all())
    return found.images, asked.goal.safely_reached(asked.model(found.images))


def test_rows_are_given_to_their_nearest_original_in_any_order():
    asked = problem(20)
    images, won = adversarial(asked)
    assert 0 < int(won.sum()) < len(won)
    log = Log(asked, zoo.BUDGET)
    witness = copy.deepcopy(Witness(asked.model, log))
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    answers = witness(images[order])
    assert torch.equal(answers, asked.model(images[order]))
    assert torch.equal(log.seen, won)
    assert log.rows == len(images)
    assert log.ambiguous == 0


@pytest.mark.parametrize("fault", ["too far", "outside the box", "clean"])
def test_what_breaks_the_rules_is_not_seen(fault):
    asked = problem(20)
    images, _ = adversarial(asked)
    shown = {
        "too far": asked.images + 1.2 * (images - asked.images),
        "outside the box": images + 2.0,
        "clean": asked.images,
    }[fault]
    log = Log(asked, zoo.BUDGET)
    Witness(asked.model, log)(shown)
    assert not bool(log.seen.any())


def test_an_image_between_two_originals_is_nobodys():
    asked = problem(2)
    log = Log(asked, zoo.BUDGET)
    Witness(asked.model, log)(asked.images.mean(0, keepdim=True))
    assert log.ambiguous == 1


def test_patience_ends():
    asked = problem(2)
    log = Log(asked, zoo.BUDGET, most=2)
    witness = Witness(asked.model, log)
    witness(asked.images.repeat(2, 1, 1, 1))
    with pytest.raises(EnoughError):
        witness(asked.images)
    assert log.gave_up


def test_a_watched_attack_finds_the_same():
    images, labels = zoo.photographs(10, seed=5)
    watched = Watched(PGD())
    seen = perform("pgd", watched, zoo.plain(), images, labels, [zoo.BUDGET])[0]
    alone = perform("pgd", PGD(), zoo.plain(), images, labels, [zoo.BUDGET])[0]
    assert torch.equal(seen.images, alone.images)
    assert watched.log is not None
    assert torch.equal(watched.log.seen, alone.success)


def test_the_witness_is_the_network_with_its_normalisation():
    model = nets.conv()
    images = nets.images(3)
    asked = Problem(
        model, Oracle(model), images, torch.zeros(3).long(), Goal(torch.zeros(3).long()), ("a", "b", "c"), 0, 3
    )
    assert torch.equal(Witness(model, Log(asked, zoo.BUDGET))(images), model(images))
