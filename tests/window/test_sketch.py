import numpy as np
import pytest
import torch

from advwindow.errors import UserError
from advwindow.window.sketch import HASHES, LIMIT, WIDTH, Sketch, reduce


def rows_of(n, features, *, seed=0, dtype=torch.float64):
    return torch.randn(n, features, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def matrix(sketch):
    """The explicit map ``(d, width)``: the sketches of the unit vectors."""
    return sketch(torch.eye(sketch.features, dtype=torch.float64))


@pytest.mark.parametrize("hashes", [1, 4, 8])
def test_each_feature_has_one_signed_bucket_in_each_block(hashes):
    dense = matrix(Sketch(500, 64, seed=0, key="a", hashes=hashes)).reshape(500, hashes, 64 // hashes)
    assert torch.equal((dense != 0).sum(2), torch.ones(500, hashes, dtype=torch.int64))
    assert torch.allclose(dense[dense != 0].abs(), torch.tensor(hashes**-0.5, dtype=torch.float64))
    assert 0.4 < (dense > 0).sum() / (500 * hashes) < 0.6
    assert (dense != 0).any(0).float().mean() > 0.9


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("features", [700, 40_000])  # within one chunk, over several
def test_sketching_is_the_dense_product(features, dtype):
    sketch, rows = Sketch(features, 32, seed=3, key="a"), rows_of(5, features, dtype=dtype)
    places = torch.arange(0, features, 97)
    some = torch.zeros_like(rows)
    some[:, places] = rows[:, places]
    units = torch.zeros(len(places), features, dtype=torch.float64)
    units[torch.arange(len(places)), places] = 1
    expected = rows[:, places].double() @ sketch(units)
    assert sketch(some).dtype == torch.float64
    assert torch.allclose(sketch(some), expected, atol=1e-12 if dtype == torch.float64 else 1e-5)


def test_a_sketch_is_linear():
    sketch, x, y = Sketch(3000, 128, seed=0, key="a"), rows_of(4, 3000), rows_of(4, 3000, seed=1)
    assert torch.allclose(sketch(2 * x - 3 * y), 2 * sketch(x) - 3 * sketch(y), atol=1e-10)


def test_centring_inside_is_centring_before():
    sketch, rows = Sketch(3000, 128, seed=0, key="a"), rows_of(4, 3000) + 5
    means = rows.mean(1)
    assert torch.allclose(sketch.centred(rows, means), sketch(rows - means[:, None]), atol=1e-10)


def test_rows_do_not_depend_on_their_batch_and_shards_add_up():
    rows = rows_of(9, 50_000, dtype=torch.float32)
    whole = reduce(rows, seed=1, key="fc").rows
    parts = [reduce(part, seed=1, key="fc").rows for part in rows.split(4)]
    assert torch.allclose(torch.cat(parts), whole, rtol=0, atol=1e-12)
    together = reduce(rows.sum(0, keepdim=True), seed=1, key="fc").rows
    assert torch.allclose(sum(part.sum(0) for part in parts), together[0], atol=1e-3)


def test_the_hash_follows_from_seed_key_and_size_alone():
    def drawn(**changes):
        chosen = {"features": 900, "width": 64, "seed": 0, "key": "a"} | changes
        return matrix(Sketch(**chosen))

    np.random.seed(1)
    torch.manual_seed(1)
    first = drawn()
    assert torch.equal(first, drawn())
    assert not torch.equal(first, drawn(seed=1))
    assert not torch.equal(first, drawn(key="b"))
    assert not torch.equal(first, drawn(features=901)[:900])


@pytest.mark.parametrize("hashes", [1, 4])
def test_inner_products_have_no_bias_and_the_known_spread(hashes):
    x, y = rows_of(2, 400)
    seeds = 3000
    found = np.array(
        [
            (a @ b).item()
            for a, b in (
                Sketch(400, 16, seed=seed, key="a", hashes=hashes)(torch.stack([x, y])) for seed in range(seeds)
            )
        ]
    )
    product, squares = (x @ y).item(), (x.square() * y.square()).sum().item()
    # Var of CountSketch: (|x|^2 |y|^2 + <x, y>^2 - 2 sum x^2 y^2) / k
    spread = (((x @ x) * (y @ y)).item() + product**2 - 2 * squares) / 16
    assert abs(found.mean() - product) < 4 * (spread / seeds) ** 0.5
    assert found.var() == pytest.approx(spread, rel=0.15)


@pytest.mark.parametrize("hashes", [1, 4, 8])
def test_squared_distances_spread_as_the_square_root_of_two_over_the_width(hashes):
    pair = rows_of(2, 5000)
    true = (pair[0] - pair[1]).square().sum()
    sketches = (Sketch(5000, 256, seed=seed, key="a", hashes=hashes)(pair) for seed in range(600))
    errors = np.array([((a - b).square().sum() / true - 1).item() for a, b in sketches])
    expected = (2 / 256) ** 0.5
    assert abs(errors.mean()) < 4 * expected / 600**0.5
    assert errors.std() == pytest.approx(expected, rel=4 / (2 * 600) ** 0.5)


def test_differences_between_conditions_are_better_with_a_shared_hash():
    clean = rows_of(6, 4000)
    moved = clean + 0.2 * rows_of(6, 4000, seed=1)
    true = torch.pdist(moved).square() - torch.pdist(clean).square()

    def error(seed, other):
        before = torch.pdist(Sketch(4000, 128, seed=seed, key="a")(clean)).square()
        after = torch.pdist(Sketch(4000, 128, seed=other, key="a")(moved)).square()
        return (after - before - true).square().mean().sqrt().item()

    shared = np.mean([error(seed, seed) for seed in range(30)])
    own = np.mean([error(seed, seed + 1000) for seed in range(30)])
    assert shared < own / 3


def test_narrow_layers_are_centred_exactly():
    rows = rows_of(7, 300, dtype=torch.float32) + 1000
    found = reduce(rows, seed=0, key="fc")
    exact = rows.double()
    assert found.features == 300
    assert torch.allclose(found.means, exact.mean(1), rtol=1e-14)
    assert torch.allclose(found.rows, exact - exact.mean(1, keepdim=True), atol=1e-9)


def test_wide_layers_are_sketched_with_exact_means():
    rows = rows_of(7, 600, dtype=torch.float32) + 1000
    found = reduce(rows, seed=0, key="fc", limit=599, width=128)
    exact = rows.double()
    centred = exact - exact.mean(1, keepdim=True)
    assert found.features == 600
    assert found.rows.shape == (7, 128)
    assert torch.allclose(found.means, exact.mean(1), rtol=1e-14)
    assert torch.allclose(found.rows, Sketch(600, 128, seed=0, key="fc")(centred), atol=1e-2)


def test_centring_first_keeps_a_large_offset_out_of_the_error():
    rows = rows_of(6, 30_000) + 50
    centred = rows - rows.mean(1, keepdim=True)
    first = reduce(rows, seed=0, key="fc", width=1024).rows
    late = Sketch(30_000, 1024, seed=0, key="fc")(rows)

    def raw_error(products):
        return (products - rows @ rows.T).abs().max().item()

    means = rows.mean(1)
    assert raw_error(first @ first.T + 30_000 * torch.outer(means, means)) < raw_error(late @ late.T) / 30
    assert (first @ first.T - centred @ centred.T).abs().max() < 6 * 30_000 / 1024**0.5


def test_the_limit_decides_and_the_defaults_fit_together():
    assert WIDTH % HASHES == 0
    assert WIDTH <= LIMIT
    assert reduce(torch.ones(1, LIMIT), seed=0, key="a").rows.shape == (1, LIMIT)
    assert reduce(torch.ones(1, LIMIT + 1), seed=0, key="a").rows.shape == (1, WIDTH)


@pytest.mark.parametrize("width", [0, -4, 6])
def test_widths_that_do_not_fit_the_hashes_are_told(width):
    with pytest.raises(UserError, match="width of a sketch"):
        reduce(torch.ones(1, 50), seed=0, key="a", limit=40, width=width)


def test_a_sketch_wider_than_the_limit_is_told():
    with pytest.raises(UserError, match="wider than the widest layer"):
        reduce(torch.ones(1, 50), seed=0, key="a", limit=40, width=44)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_same_sketch():
    rows = rows_of(3, 20_000, dtype=torch.float32)
    here, there = reduce(rows, seed=0, key="a"), reduce(rows.cuda(), seed=0, key="a")
    assert there.rows.is_cuda
    assert torch.allclose(here.rows, there.rows.cpu(), atol=1e-4)
    assert torch.allclose(here.means, there.means.cpu(), rtol=1e-12)
