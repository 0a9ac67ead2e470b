import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from advwindow.defenses import base_of, certify, defend
from advwindow.defenses.certify import GRID, Certificate, clopper_pearson_lower, radius_of
from advwindow.errors import UserError
from advwindow.models import Classifier
from tests.defenses.parts import images, small_net


@pytest.mark.parametrize("alpha", [0.001, 0.05])
def test_the_bound_is_the_exact_binomial_one(alpha):
    for count in range(0, 101, 10):
        interval = stats.binomtest(count, 100, alternative="greater").proportion_ci(1 - alpha, method="exact")
        assert clopper_pearson_lower(np.array([count]), 100, alpha=alpha)[0] == pytest.approx(interval.low, abs=1e-9)


@pytest.mark.parametrize(("n", "expected"), [(100, 1.50), (1000, 2.46), (10_000, 3.20), (100_000, 3.81)])
def test_the_largest_radii_are_the_published_ones(n, expected):
    assert radius_of(np.array([n]), n, sigma=1, alpha=0.001)[0] == pytest.approx(expected, abs=0.005)


def half_space(bias=-0.1, size=4):
    """Class 1 where the weighted sum exceeds ``-bias``; smoothed, its radius is the distance from that plane."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(size * size, 2))
    direction = torch.linspace(-1, 1, size * size)
    direction /= direction.norm()
    with torch.no_grad():
        net[1].weight.copy_(torch.stack([torch.zeros_like(direction), direction]))
        net[1].bias.copy_(torch.tensor([0.0, bias]))
    return Classifier(net), direction


def test_the_radius_of_a_linear_classifier_is_its_distance_from_the_plane():
    """The vote of a half-space is Phi(distance / sigma), whatever sigma (Cohen et al. 2019, appendix B)."""
    model, direction = half_space()
    shown = (images(count=40, channels=1, height=4, width=4, seed=3) * 255).round() / 255
    distance = shown.flatten(1) @ direction - 0.1
    found = certify(model, shown, sigma=0.5, n=4000, alpha=0.001, batch_size=256)
    sure = distance.abs() > 0.1
    assert torch.equal(found.predictions[sure], (distance > 0).long()[sure])
    assert bool((found.radii <= distance.abs() + 1e-9).double().mean() > 0.97)
    vote = stats.norm.cdf(distance.abs().numpy() / 0.5)
    expected = 0.5 * stats.norm.ppf(np.maximum(0.5, stats.beta.ppf(0.001, vote * 4000, 4000 - vote * 4000 + 1)))
    np.testing.assert_allclose(found.radii.numpy(), expected, atol=0.06)
    np.testing.assert_allclose(found.votes[sure].numpy() / 4000, vote[sure], atol=0.03)


def test_confidence_is_kept():
    """A vote near 0.6, certified often at alpha = 0.2: too large radii come about as often as allowed, not oftener."""
    model, direction = half_space()
    shown = images(count=1, channels=1, height=4, width=4, seed=5) * 0.5 + 0.25
    shown = (shown + (0.1 + 0.125 - shown.flatten() @ direction) * direction.reshape(1, 1, 4, 4)).mul(
        GRID
    ).round() / GRID
    assert 0 <= float(shown.min()) < float(shown.max()) <= 1
    distance = float(shown.flatten() @ direction) - 0.1
    found = certify(model, shown.expand(600, -1, -1, -1), sigma=0.5, n=100, alpha=0.2, batch_size=500)
    wrong = int((found.radii > distance).sum())
    assert wrong / 600 > 0.1
    assert stats.binomtest(wrong, 600, 0.2, alternative="greater").pvalue > 1e-3


def test_it_abstains_where_the_vote_is_open():
    model, direction = half_space(bias=0.0)
    shown = torch.full((1, 1, 4, 4), 0.5)
    found = certify(model, shown, torch.tensor([1]), sigma=0.5, n=200)
    assert abs(float(shown.flatten() @ direction)) < 1e-6
    assert (found.predictions.item(), found.radii.item(), found.accuracy()) == (-1, 0, 0)


def test_certified_accuracy_counts_what_is_right_and_far_enough():
    predictions, radii = torch.tensor([0, 1, -1, 2]), torch.tensor([0.5, 1.0, 0.0, 2.0], dtype=torch.float64)
    labels = torch.tensor([0, 1, 1, 0])
    certificate = Certificate(predictions, radii, radii.long(), labels, 0.25, 100, 1000, 0.001)
    assert [certificate.accuracy(radius) for radius in (0, 0.4, 0.5, 1.0)] == [0.5, 0.5, 0.25, 0]
    with pytest.raises(UserError, match="not negative"):
        certificate.accuracy(-1)
    with pytest.raises(UserError, match="needs labelled images"):
        Certificate(predictions, radii, radii.long(), None, 0.25, 100, 1000, 0.001).accuracy(0)


class Recording(nn.Module):
    def __init__(self):
        super().__init__()
        self.seen, self.sizes = [], []

    def forward(self, shown):
        self.seen.append(shown.clone())
        self.sizes.append(len(shown))
        return shown.flatten(1)[:, :3].contiguous()


def test_image_and_noise_are_added_without_rounding():
    """What reaches the network is a whole number of steps; less the image it is the same noise, bit by bit."""
    shown = torch.tensor([0, 17, 128, 255]).reshape(4, 1, 1, 1).expand(4, 1, 6, 6) / 255
    network = Recording()
    certify(Classifier(network), shown, sigma=0.25, n0=4, n=12, batch_size=16, ids=["same"] * 4)
    steps = torch.cat(network.seen).double() * GRID
    assert float((steps - steps.round()).abs().max()) < 0.05
    noise = steps.round().reshape(4, 16, -1) - (shown.double() * GRID).round().reshape(4, 1, -1)
    assert all(torch.equal(noise[0], other) for other in noise[1:])
    assert stats.kstest(noise[0].flatten().numpy() / (0.25 * GRID), "norm").pvalue > 1e-3


def test_batches_are_full_and_draws_do_not_depend_on_their_size():
    network, shown = Recording(), images(count=3)
    model = Classifier(network)
    certify(model, shown, sigma=0.25, n0=5, n=22, batch_size=24)
    assert sum(network.sizes) == 81
    assert max(network.sizes) == 24
    assert min(network.sizes[:-1]) >= 17
    seen = {}
    for size in (1, 7, 8, 24, 500):
        network.seen.clear()
        certify(model, shown, sigma=0.25, n0=5, n=22, batch_size=size)
        assert max(len(batch) for batch in network.seen) <= size
        seen[size] = torch.cat(network.seen)
    assert all(torch.equal(seen[1], other) for other in seen.values())


def test_votes_are_counted_image_by_image():
    """Against a plain loop over copies."""
    network, shown = Recording(), images(count=3)
    found = certify(Classifier(network), shown, sigma=0.25, n0=6, n=21, batch_size=16)
    classes = torch.cat(network.seen).flatten(1)[:, :3].argmax(1).reshape(3, 27)
    for row in range(3):
        top = classes[row, :6].bincount(minlength=3).argmax()
        assert int(found.votes[row]) == int((classes[row, 6:] == top).sum())


def test_seeds_and_ids_key_the_noise_and_nothing_else_is_touched():
    model, shown = small_net(), images(count=1).expand(2, -1, -1, -1)
    state = torch.get_rng_state()
    model.train()

    def votes(count=2, **options):
        return certify(model, shown[:count], sigma=0.5, n=300, **options).votes.tolist()

    assert votes() == votes()
    assert votes(count=1) == votes()[:1]
    assert votes(seed=1) != votes()
    assert votes(ids=["b", "a"]) == votes(ids=["a", "b"])[::-1]
    assert torch.equal(torch.get_rng_state(), state)
    assert model.training


def test_a_network_that_draws_by_itself_is_repeatable():
    model, shown = defend(small_net(), "noise?sigma=0.5"), images()
    state = torch.get_rng_state()
    first, second = (certify(model, shown, sigma=0.5, n=100).votes for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), state)


def test_of_smoothing_the_network_inside_is_certified():
    model, shown = small_net(), images()
    smoothed = defend(model, "smoothing?sigma=0.25 + jpeg")
    assert base_of(smoothed) is smoothed.inner
    inside = certify(smoothed, shown, sigma=0.25, n=64)
    assert torch.equal(inside.votes, certify(defend(model, "jpeg"), shown, sigma=0.25, n=64).votes)
    with pytest.raises(UserError, match="a transform before the smoothing voids the certificate"):
        certify(defend(model, "jpeg + smoothing"), shown, sigma=0.25)


def test_no_images_give_an_empty_certificate():
    found = certify(small_net(), images()[:0], torch.zeros(0, dtype=torch.int64), sigma=0.25)
    assert len(found.predictions) == len(found.radii) == 0
    with pytest.raises(UserError, match="labelled images"):
        found.accuracy()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sigma": 0}, "sigma cannot be used"),
        ({"sigma": 17.0}, "at most 16"),
        ({"n0": 0}, "n0 cannot be used"),
        ({"n": 1.5}, "n cannot be used"),
        ({"alpha": 1.0}, "alpha cannot be used"),
        ({"batch_size": 0}, "batch_size cannot be used"),
        ({"labels": torch.tensor([1])}, "labels do not match the images: got '1'; expected 3"),
        ({"ids": ["a"]}, "ids do not match"),
        ({"images": images() * 2}, r"pixels outside \[0, 1\]"),
        ({"images": images().int()}, "no images to certify"),
    ],
)
def test_what_cannot_be_certified_is_told(options, message):
    given = {"images": images(), "sigma": 0.25, **options}
    with pytest.raises(UserError, match=message):
        certify(small_net(), given.pop("images"), given.pop("labels", None), **given)
