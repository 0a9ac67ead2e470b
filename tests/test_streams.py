import hashlib
import random

import numpy as np
import pytest
import torch
from scipy import stats

from advwindow.streams import stream


def test_the_same_key_draws_the_same_numbers_and_another_key_others():
    keys = [(0,), (1,), (0, "a"), (0, "a", 1), (0, "a", "1"), (0, 1, "a"), (0, "ab"), (0, "a", "b"), (-1,), (2**70,)]
    first = {key: stream(*key).integers(2**63) for key in keys}
    again = {key: stream(*key).integers(2**63) for key in reversed(keys)}
    assert first == again
    assert len(set(first.values())) == len(keys)


def test_a_stream_is_philox_keyed_by_the_hash_of_its_key():
    digest = hashlib.sha256(b"7\x1fstr:pgd\x1fint:3").digest()
    key = np.frombuffer(digest[:16], dtype="<u8")
    expected = np.random.Generator(np.random.Philox(key=key))
    assert np.array_equal(stream(7, "pgd", 3).random(5), expected.random(5))


def test_global_random_state_is_neither_read_nor_moved():
    before = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
    stream(0, "x").random(100)
    after = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
    assert before == after


@pytest.mark.parametrize("seed", [0, 12345])
def test_streams_of_neighbouring_samples_look_uniform_and_independent(seed):
    draws = np.stack([stream(seed, "restart", str(sample)).random(50) for sample in range(200)])
    assert stats.kstest(draws.ravel(), "uniform").pvalue > 1e-3
    correlation = np.corrcoef(draws)[np.triu_indices(200, 1)]
    assert abs(correlation.mean()) < 4 / np.sqrt(50 * correlation.size)
