import pytest
import torch
from scipy import stats
from torch.nn.functional import interpolate, pad

from advwindow.defenses.randomised import Noise, ResizePad, resized
from advwindow.errors import UserError
from tests.defenses.parts import images


def test_noise_is_normal_and_each_image_has_its_own():
    torch.manual_seed(0)
    grey = torch.full((2, 3, 40, 40), 0.5)
    noise = (Noise(sigma=0.05)(grey) - grey) / 0.05
    assert stats.kstest(noise.flatten().numpy(), "norm").pvalue > 1e-3
    assert abs(float(torch.corrcoef(noise.flatten(1))[0, 1])) < 0.06


def test_noise_is_cut_unless_asked_not_to():
    torch.manual_seed(0)
    black = torch.zeros(1, 1, 20, 20)
    assert float(Noise(sigma=0.1)(black).min()) == 0
    assert float(Noise(sigma=0.1, clip=False)(black).min()) < -0.1


@pytest.mark.parametrize("make", [Noise, ResizePad])
def test_draws_follow_the_global_generator_and_differ_between_passes(make):
    shown = images(height=30, width=30)
    torch.manual_seed(3)
    first, second = make()(shown), make()(shown)
    torch.manual_seed(3)
    assert torch.equal(make()(shown), first)
    assert not torch.equal(first, second)


def test_a_resized_image_is_torchs_put_at_its_place():
    shown = images(count=3, height=12, width=12)
    sizes = torch.tensor([12.0, 11.0, 7.0], dtype=torch.float64)
    starts = torch.tensor([0.0, 1.0, 3.0], dtype=torch.float64)
    found = resized(resized(shown, sizes, starts, dim=2), sizes, starts, dim=3)
    for image, size, start, one in zip(shown, sizes.int().tolist(), starts.int().tolist(), found, strict=True):
        small = interpolate(image[None], size=(size, size), mode="bilinear", align_corners=False)[0]
        rest = 12 - size - start
        torch.testing.assert_close(one, pad(small, (start, rest, start, rest)), atol=1e-6, rtol=0)


def test_at_full_scale_nothing_happens():
    shown = images()
    assert torch.equal(ResizePad(scale=1)(shown), shown)


def test_sizes_and_places_are_uniform_and_each_image_has_its_own():
    """White images show both: the white rectangle is the small image."""
    torch.manual_seed(0)
    padded = ResizePad(scale=0.8)(torch.ones(3000, 1, 10, 20))
    heights = (padded.amax((1, 3)) > 0).sum(1)
    widths = (padded.amax((1, 2)) > 0).sum(1)
    tops = (padded.amax((1, 3)) > 0).int().argmax(1)
    counts = heights.bincount(minlength=11)[8:]
    assert stats.chisquare(counts.numpy()).pvalue > 1e-3
    assert widths.min() == 16
    assert widths.max() == 20
    assert int((widths - 2 * heights).abs().max()) <= 1
    assert stats.chisquare(tops[heights == 8].bincount(minlength=3).numpy()).pvalue > 1e-3


@pytest.mark.parametrize("make", [lambda: ResizePad(scale=0.7), lambda: Noise(sigma=0.01)])
def test_the_gradient_is_the_draws_own(make):
    shown = (images(count=2, channels=1, height=6, width=5, dtype=torch.float64) * 0.8 + 0.1).requires_grad_()

    def drawn(values):
        torch.manual_seed(1)
        return make()(values)

    assert torch.autograd.gradcheck(drawn, (shown,))
    assert make().differentiable


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (Noise, {"sigma": 0}, r"noise\?sigma cannot be used"),
        (Noise, {"clip": "maybe"}, "True or False"),
        (ResizePad, {"scale": 1.1}, r"resize-pad\?scale cannot be used.*at most 1"),
        (ResizePad, {"scale": 0.05}, "above 0.1"),
    ],
)
def test_parameters_that_cannot_be_are_told(make, options, message):
    with pytest.raises(UserError, match=message):
        make(**options)
