"""Chains whose every answer is known: which image was asked about stands in its only pixel."""

import pytest
import torch

from advwindow.attacks.queries import answer_chains


def _chain(owner, sizes, heard):
    for place, count in enumerate(sizes):
        values = torch.arange(count) + 100 * place + 10_000 * owner
        answers = yield values.float().reshape(-1, 1, 1, 1)
        heard.append((owner, place, values, answers))


def _even(batches):
    def decide(images, owners):
        batches.append(len(images))
        assert torch.equal((images.flatten() // 10_000).long(), owners)
        return images.flatten().long() % 2 == 0

    return decide


@pytest.mark.parametrize("lanes", [1, 3, 8, 1000])
def test_every_chain_hears_its_own_answers_in_order_whatever_the_batch(lanes):
    sizes = [[1, 5, 1], [7], [], [2, 2, 2, 2], [11, 1]]
    heard, batches = [], []
    answer_chains((_chain(owner, each, heard) for owner, each in enumerate(sizes)), _even(batches), lanes=lanes)
    assert sorted((owner, place) for owner, place, _, _ in heard) == [
        (owner, place) for owner, each in enumerate(sizes) for place in range(len(each))
    ]
    for _, _, values, answers in heard:
        assert torch.equal(answers, values % 2 == 0)
    assert sum(batches) == sum(map(sum, sizes))
    assert max(batches) <= lanes


def test_batches_are_full_while_there_are_questions_enough():
    heard, batches = [], []
    answer_chains((_chain(owner, [1] * 4, heard) for owner in range(32)), _even(batches), lanes=8)
    assert batches == [8] * 16


def test_no_more_chains_are_started_than_fill_a_batch():
    started = []

    def chain(owner):
        started.append(owner)
        yield torch.full((4, 1, 1, 1), 10_000.0 * owner)

    def decide(images, owners):
        assert len(started) <= int(owners.max()) + 2
        return torch.ones(len(images), dtype=torch.bool)

    answer_chains(map(chain, range(20)), decide, lanes=4)
    assert started == list(range(20))


def test_without_chains_nothing_is_asked():
    answer_chains(iter(()), lambda images, owners: pytest.fail("asked"), lanes=4)
