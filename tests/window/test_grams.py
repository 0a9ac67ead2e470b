import numpy as np
import pytest
import torch

from advwindow.errors import UserError
from advwindow.window.grams import ConceptSums, closeness, displacement, gram_of
from tests.window.helpers import rng


def test_gram_holds_raw_and_row_centred_products():
    x = rng().normal(size=(7, 30)) + 5
    gram = gram_of(x)
    centred = x - x.mean(1, keepdims=True)
    assert np.allclose(gram.centred, centred @ centred.T, rtol=1e-13)
    assert np.allclose(gram.raw, x @ x.T, rtol=1e-13)
    assert np.allclose(gram.rows(2, 5).raw, x[2:5] @ x[2:5].T, rtol=1e-13)


@pytest.mark.parametrize("offset", [0, 1, 10, 50, 1000])
def test_row_centring_comes_before_the_product(offset):
    x = rng().normal(size=(7, 500))
    assert np.allclose(gram_of(x + offset).centred, gram_of(x).centred, rtol=1e-9, atol=1e-9)


def batch(seed: int, n: int = 50) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    acts = {"a": torch.randn(n, 6, generator=generator), "b": torch.randn(n, 3, generator=generator)}
    return acts, torch.randint(0, 4, (n,), generator=generator)


def test_means_do_not_depend_on_batches_or_shards():
    acts, concepts = batch(0)
    whole, parts, other = ConceptSums(4), ConceptSums(4), ConceptSums(4)
    whole.add(acts, concepts)
    for start, target in ((0, parts), (7, parts), (23, other)):
        stop = {0: 7, 7: 23, 23: 50}[start]
        target.add({name: rows[start:stop] for name, rows in acts.items()}, concepts[start:stop])
    parts.merge(other)
    assert torch.equal(parts.counts, whole.counts)
    for name, rows in acts.items():
        expected = np.stack([rows[concepts == c].double().mean(0).numpy() for c in range(4)])
        assert np.allclose(whole.means()[name], expected, atol=1e-14)
        assert np.allclose(parts.means()[name], expected, atol=1e-14)


def test_sums_survive_a_round_trip():
    acts, concepts = batch(1)
    sums = ConceptSums(4)
    sums.add(acts, concepts)
    again = ConceptSums.from_arrays({name: array.copy() for name, array in sums.arrays().items()})
    again.merge(sums)
    assert torch.equal(again.counts, 2 * sums.counts)
    for name, mean in sums.means().items():
        assert np.array_equal(again.means()[name], mean)


def test_memory_does_not_grow_with_images():
    sums = ConceptSums(4)
    sizes = set()
    for seed in range(5):
        sums.add(*batch(seed))
        sizes.add(sum(array.nbytes for array in sums.arrays().values()))
    assert len(sizes) == 1


def test_features_must_not_change():
    sums = ConceptSums(2)
    sums.add({"a": torch.zeros(1, 3)}, torch.tensor([0]))
    with pytest.raises(UserError, match="layer 'a' changes its number of features between batches: got '3 and 4'"):
        sums.add({"a": torch.zeros(1, 4)}, torch.tensor([1]))


def test_closeness_is_correlation_or_cosine():
    x, refs = rng(1).normal(size=(5, 20)) + 3, rng(2).normal(size=(4, 20)) + 1
    expected = np.corrcoef(np.vstack([x, refs]))[:5, 5:]
    assert np.allclose(closeness(x, refs, similarity="pearson"), expected, atol=1e-14)
    cosine = x @ refs.T / np.outer(np.linalg.norm(x, axis=1), np.linalg.norm(refs, axis=1))
    assert np.allclose(closeness(x, refs, similarity="cosine"), cosine, atol=1e-14)


def test_closeness_of_an_activation_without_variance_is_missing():
    x = np.vstack([np.full(20, np.float32(0.1)), rng().normal(size=20)])
    found = closeness(x, rng(1).normal(size=(3, 20)), similarity="pearson")
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()


def test_displacement():
    clean = np.array([[3.0, 4.0], [0.0, 0.0]], np.float32)
    moved = np.array([[3.0, 7.0], [1.0, 0.0]], np.float32)
    found = displacement(clean, moved)
    assert found[0] == pytest.approx(0.6)
    assert np.isnan(found[1])
