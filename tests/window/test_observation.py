import numpy as np
import pytest
import torch
from torch import nn

from advwindow.errors import UserError
from advwindow.models.classifier import Classifier
from advwindow.window import observation
from advwindow.window.capture import capture
from advwindow.window.observation import PIXELS, Camera, Example, Tally, Trial, batches
from tests.window.helpers import World, patterns_of, rng


@pytest.fixture(scope="module")
def world() -> World:
    return World(6, per_class=4)


class Pieces:
    """Images that come in pieces of the given sizes, whatever is asked."""

    def __init__(self, images, sizes):
        self.images, self.sizes = images, sizes

    def batches(self, size):
        return iter(self.images.split(self.sizes))


def camera(world, *, wanted=None, batch_size=7, **changes):
    wanted = np.ones(24, bool) if wanted is None else wanted
    settings = {"model": world.model, "layers": ("early", "late"), "pooling": "mean", "seed": 0} | changes
    return Camera(**settings, batch_size=batch_size, wanted=wanted)


def test_shots_are_what_the_network_makes_of_the_images(world):
    shots = list(camera(world).shots(world.images))
    assert [len(shot.places) for shot in shots] == [7, 7, 7, 3]
    assert np.concatenate([shot.places for shot in shots]).tolist() == list(range(24))
    expected = capture(world.model, world.images, ["early", "late"])
    for layer in ("early", "late"):
        rows = np.concatenate(
            [shot.activations[layer].centred + shot.activations[layer].mean[:, None] for shot in shots]
        )
        assert np.allclose(rows, expected[layer].numpy(), atol=1e-5)
        assert all(shot.activations[layer].centred.dtype == np.float32 for shot in shots)
    said = world.model(world.images).argmax(1).numpy()
    assert np.concatenate([shot.predictions for shot in shots]).tolist() == said.tolist()
    assert shots[0].size == sum(rows.size for rows in shots[0].activations.values()) == 7 * (30 + 40) * 4 + 2 * 7 * 8


def test_only_wanted_images_are_looked_at(world):
    wanted = rng(1).random(24) < 0.4
    wanted[7:14] = False
    shots = list(camera(world, wanted=wanted).shots(world.images))
    assert np.concatenate([shot.places for shot in shots]).tolist() == np.flatnonzero(wanted).tolist()
    assert len(shots) == 3, "a batch without a wanted image costs no forward pass"
    every = list(camera(world).shots(world.images))
    late = np.concatenate([shot.activations["late"].centred for shot in every])
    assert np.allclose(np.concatenate([shot.activations["late"].centred for shot in shots]), late[wanted], atol=1e-5)


@pytest.mark.parametrize("sizes", [[24], [10, 14], [1] * 24])
def test_places_do_not_depend_on_batches(world, sizes):
    shots = list(camera(world).shots(Pieces(world.images, sizes)))
    assert [len(shot.places) for shot in shots] == sizes
    assert np.concatenate([shot.places for shot in shots]).tolist() == list(range(24))


@pytest.mark.parametrize(("number", "told"), [(23, "23 images"), (25, "25 or more images"), (0, "0 images")])
def test_another_number_of_images_than_of_labels(world, number, told):
    images = torch.cat([world.images, world.images])[:number]
    with pytest.raises(UserError, match=f"images and labels differ in number: got '{told} for 24 labels'"):
        list(camera(world, batch_size=5).shots(Pieces(images, 5)))


def test_pixels_are_those_of_small_images(world):
    (shot,) = camera(world, batch_size=24).shots(world.images, pixels=True)
    assert list(shot.activations) == [PIXELS, "early", "late"]
    pixels = shot.activations[PIXELS]
    assert np.allclose(pixels.centred + pixels.mean[:, None], world.images.flatten(1).numpy(), atol=1e-6)
    assert PIXELS not in next(camera(world).shots(world.images)).activations


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(2)
        self.head = nn.Linear(12, 6)

    def forward(self, images):
        return self.head(self.pool(images).flatten(1))


@pytest.mark.parametrize(("height", "width"), [(128, 128), (64, 64), (40, 100), (100, 30)])
def test_pixels_of_large_images_are_averages(height, width):
    images = torch.rand(3, 3, height, width, generator=torch.Generator().manual_seed(0))
    model = Classifier(Net(), label_names=list("abcdef"))
    look = Camera(model, ("pool",), "mean", 3, 0, np.ones(3, bool))
    (shot,) = look.shots(images, pixels=True)
    features = 3 * min(64, height) * min(64, width)
    assert shot.activations[PIXELS].features == features
    if (height, width) == (128, 128):
        blocks = images.reshape(3, 3, 64, 2, 64, 2).mean((3, 5)).flatten(1).numpy()
        pixels = shot.activations[PIXELS]
        assert np.allclose(pixels.centred + pixels.mean[:, None], blocks, atol=1e-6)


def test_layers_that_cannot_be_captured_are_named(world):
    with pytest.raises(UserError, match="no such layer"):
        list(camera(world, layers=("latte",)).shots(world.images))
    with pytest.raises(UserError, match="activations of layer 'early' are not finite"):
        list(camera(world).shots(world.images * torch.nan))


def images_of(places, *, seed=0):
    rows = patterns_of(rng(seed).normal(size=(len(places), 5)))
    return np.array(places), np.array(places) % 3, {"a": rows}


@pytest.mark.parametrize("sizes", [[40], [10, 10, 10, 10], [39, 1], [16, 24], [15, 2, 23]])
@pytest.mark.parametrize("merged", [False, True])
def test_trials_of_the_lowest_lots_are_kept_whatever_the_batches(sizes, merged, monkeypatch):
    monkeypatch.setattr(observation, "MOST_TRIALS", 9)
    tally, parts = Tally(3), np.split(np.arange(40), np.cumsum(sizes)[:-1])
    everything, lots = patterns_of(rng(3).normal(size=(40, 5))), rng(4).random(40)
    for part in parts:
        target = Tally(3) if merged else tally
        target.add_trials(Trial(part % 3, part, {"a": everything.take(part)}, lots[part]))
        if merged:
            tally.merge(target)
    found, expected = tally.trials(), np.sort(np.argsort(lots)[:9])
    assert found.rival.tolist() == expected.tolist()
    assert found.truth.tolist() == (expected % 3).tolist()
    assert np.array_equal(found.activations["a"].centred, everything.centred[expected])
    assert tally.unused == 31


def test_examples_of_both_tallies_are_kept_evenly(monkeypatch):
    monkeypatch.setattr("advwindow.window.observation.MOST_SINGLES", 16)
    one, other = Tally(3), Tally(3)
    for tally in (one, other):
        tally.add_examples(Example(*images_of(range(0, 80, 5))))
    one.merge(other, seen=80)
    found = one.examples()
    assert found.places.tolist() == [5 * row for row in np.linspace(0, 31, 16).round().astype(int)]
    assert (found.places >= 80).sum() == 8
    assert len(found.activations["a"].centred) == 16


def test_tallies_add_and_do_not_change_the_other():
    one, other = Tally(3), Tally(3)
    one.add_trials(Trial(*images_of([0, 1]), rng(1).random(2)), wordless=2)
    other.add_trials(Trial(*images_of([2, 3, 4], seed=1), rng(2).random(3)), wordless=3)
    for each in (one, other):
        each.add_examples(Example(*images_of([0])))
    one.merge(other)
    assert (one.wordless, other.wordless) == (5, 3)
    assert one.trials().truth.tolist() == [0, 1, 2, 3, 4]
    assert other.trials().truth.tolist() == [2, 3, 4]


def test_displacement_is_the_mean_over_images_that_have_one():
    tally = Tally(2)
    clean = {"a": patterns_of(np.array([[3.0, 4.0], [0.0, 0.0], [1.0, 0.0]]))}
    moved = {"a": patterns_of(np.array([[3.0, 7.0], [1.0, 0.0], [1.0, 1.0]]))}
    from advwindow.window.observation import Shot

    tally.add(Shot(np.arange(3), moved, np.zeros(3, np.int64)), clean, np.array([0, 1, 1]))
    assert tally.displacement("a") == pytest.approx((0.6 + 1.0) / 2)
    assert np.isnan(tally.displacement("never"))


def test_batches_of_tensors_and_of_anything_else(world):
    assert [len(part) for part in batches(world.images, 10)] == [10, 10, 4]
    assert [len(part) for part in batches(Pieces(world.images, [20, 4]), 10)] == [20, 4]
