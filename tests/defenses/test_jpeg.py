import numpy as np
import pytest
import torch
from PIL import Image

from advwindow.defenses.jpeg import Jpeg
from advwindow.errors import UserError
from tests.defenses.parts import images


def through_a_file(path, array, mode, quality):
    Image.fromarray(array, mode=None).convert(mode).save(path, quality=quality)
    return np.asarray(Image.open(path))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("quality", [5, 75, 100])
def test_it_is_what_a_file_gives_back(tmp_path, channels, quality):
    shown = images(channels=channels, height=21, width=30)
    compressed = Jpeg(quality=quality)(shown)
    for image, found in zip(shown, compressed, strict=True):
        array = np.rint(image.permute(1, 2, 0).numpy().squeeze() * np.float32(255)).astype(np.uint8)
        read = through_a_file(tmp_path / "it.jpg", array, "L" if channels == 1 else "RGB", quality)
        expected = torch.tensor(np.atleast_3d(read)).permute(2, 0, 1).float() / 255
        assert torch.equal(found, expected)


def test_quality_costs_bytes_and_saves_pixels():
    shown = images(height=32, width=32)
    errors = [float((Jpeg(quality=quality)(shown) - shown).abs().mean()) for quality in (10, 50, 95)]
    assert errors[0] > errors[1] > errors[2] > 0


def test_the_gradient_passes_as_if_nothing_had_happened():
    shown, weights = images().requires_grad_(), images(seed=1)
    (Jpeg()(shown) * weights).sum().backward()
    assert torch.equal(shown.grad, weights)


def test_noisy_images_beyond_the_range_are_cut_before_they_become_bytes():
    white = torch.full((1, 1, 8, 8), 1.3)
    assert torch.equal(Jpeg()(white), torch.ones(1, 1, 8, 8))


@pytest.mark.parametrize("quality", [0, 101, "high"])
def test_qualities_that_cannot_be_are_told(quality):
    with pytest.raises(UserError, match=r"jpeg\?quality cannot be used"):
        Jpeg(quality=quality)


def test_other_channels_are_told():
    with pytest.raises(UserError, match="1 or 3 channels"):
        Jpeg()(images(channels=4))
