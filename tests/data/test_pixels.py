import io

import numpy as np
import pytest
import torch
from PIL import Image

from advwindow.data.pixels import fit_tensor, read_image
from advwindow.errors import UserError
from tests.data.pictures import array, write
from tests.vision import optional_vision


def expected(pixels):
    """Tensor ``(C, H, W)`` in [0, 1] of 8-bit pixels ``(H, W, C)``."""
    return torch.from_numpy(pixels.astype(np.float64) / 255).permute(2, 0, 1).float()


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.ppm", "a.PNG"])
def test_lossless_formats_come_back_exactly(tmp_path, name):
    image = read_image(write(tmp_path / name))
    assert (image.dtype, image.shape) == (torch.float32, (3, 6, 8))
    assert torch.equal(image, expected(array()))
    assert image.is_contiguous()


def test_grey_and_colour_modes(tmp_path):
    grey = write(tmp_path / "grey.png", array(channels=1))
    assert torch.equal(read_image(grey, mode="L"), expected(array(channels=1)[..., None]))
    assert torch.equal(read_image(grey), read_image(grey, mode="L").expand(3, -1, -1))
    colour = read_image(write(tmp_path / "colour.png"))
    luma = (torch.tensor([0.299, 0.587, 0.114]) @ colour.flatten(1)).reshape(1, 6, 8)
    assert torch.allclose(read_image(tmp_path / "colour.png", mode="L"), luma, atol=1 / 255)


def test_transparency_is_ignored(tmp_path):
    rgba = np.dstack([array(), np.full((6, 8), 7, np.uint8)])
    assert torch.equal(read_image(write(tmp_path / "a.png", rgba)), expected(array()))


def test_palettes_with_transparency_are_read_without_a_warning(tmp_path):
    palette = Image.fromarray(array()).quantize(16)
    palette.save(tmp_path / "a.png", transparency=bytes(range(16)))
    assert torch.equal(read_image(tmp_path / "a.png"), expected(np.asarray(palette.convert("RGB"))))


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [(1, lambda a: a), (2, np.fliplr), (3, lambda a: np.rot90(a, 2)), (6, lambda a: np.rot90(a, -1)), (8, np.rot90)],
)
def test_photographs_are_turned_upright(tmp_path, orientation, upright):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = read_image(write(tmp_path / "a.png", exif=exif))
    assert torch.equal(image, expected(np.ascontiguousarray(upright(array()))))


@pytest.mark.parametrize("image", [Image.new("I;16", (4, 4), 300), Image.new("I", (4, 4)), Image.new("F", (4, 4))])
def test_more_than_8_bits_per_channel_are_refused_rather_than_cut(tmp_path, image):
    image.save(tmp_path / "a.tif")
    with pytest.raises(UserError, match=f"not of 8 bits per channel: got '{image.mode}'"):
        read_image(tmp_path / "a.tif")


def encoded(suffix, **options):
    buffer = io.BytesIO()
    Image.fromarray(array(64, 64)).save(buffer, suffix, **options)
    return buffer.getvalue()


@pytest.mark.filterwarnings("ignore")  # Pillow warns about damaged tags
@pytest.mark.parametrize("kind", ["jpeg", "png", "gif", "bmp", "webp", "tiff"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.5, 0.9])
def test_truncated_files_are_told_by_name(tmp_path, kind, share):
    whole = encoded(kind)
    (tmp_path / f"my photo.{kind}").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(UserError, match=f"cannot read image .*my photo.{kind}"):
        read_image(tmp_path / f"my photo.{kind}")


@pytest.mark.filterwarnings("ignore")  # Pillow warns about damaged tags
@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "tiff"])
def test_damaged_files_are_read_or_told_and_never_crash(tmp_path, kind):
    whole = bytearray(encoded(kind))
    rng = np.random.default_rng(0)
    told = 0
    for _ in range(150):
        damaged = whole.copy()
        for place in rng.integers(0, len(whole), 8):
            damaged[place] = rng.integers(256)
        (tmp_path / "a").write_bytes(damaged)
        try:
            image = read_image(tmp_path / "a")
            assert 0 <= image.min() <= image.max() <= 1
        except UserError:
            told += 1
    assert told or kind == "jpeg"


def test_images_too_large_to_be_safe_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    with pytest.raises(UserError, match="cannot read image"):
        read_image(write(tmp_path / "a.png"))


def test_missing_files_and_folders_are_told(tmp_path):
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(UserError, match="cannot read image"):
            read_image(path)


SHAPES = [(100, 80), (80, 100), (64, 64), (37, 211), (30, 20), (301, 299)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("side", "crop"), [(32, 0.875), (24, 1.0), (33, 0.9)])
def test_fitting_is_torchvisions_resize_and_centre_crop(tmp_path, shape, side, crop):
    transforms = optional_vision("torchvision").transforms
    path = write(tmp_path / "a.png", array(*shape))
    bicubic = transforms.InterpolationMode.BICUBIC
    recipe = transforms.Compose([transforms.Resize(round(side / crop), bicubic), transforms.CenterCrop(side)])
    oracle = np.asarray(recipe(Image.open(path)))
    assert torch.equal(read_image(path, size=(side, side), crop=crop), expected(oracle))


def test_fitting_by_hand(tmp_path):
    path = write(tmp_path / "a.png", array(20, 40))
    halved = Image.fromarray(array(20, 40)).resize((20, 10), Image.Resampling.BICUBIC)
    assert torch.equal(read_image(path, size=(8, 8), crop=0.8), expected(np.asarray(halved)[1:9, 6:14]))


@pytest.mark.parametrize("size", [(8, 8), (8, 16), (16, 8), (40, 9)])
@pytest.mark.parametrize("shape", SHAPES)
def test_any_image_gets_exactly_the_size(tmp_path, size, shape):
    path = write(tmp_path / "a.png", array(*shape))
    fitted = read_image(path, size=size, crop=0.9)
    assert fitted.shape == (3, *size)
    tensor = fit_tensor(read_image(path), size=size, crop=0.9)
    assert tensor.shape == (3, *size)
    assert (tensor - fitted).abs().mean() < 0.02  # another implementation of the same filter


def test_tensors_that_have_the_size_stay_untouched():
    image = torch.rand(3, 8, 8)
    assert fit_tensor(image, size=(8, 8), crop=0.5) is image
    assert fit_tensor(image, size=None, crop=0.5) is image


def test_fitted_tensors_stay_in_the_range():
    image = (torch.rand(3, 31, 31, generator=torch.Generator().manual_seed(0)) > 0.5).float()  # bicubic overshoots
    fitted = fit_tensor(image, size=(40, 40))
    assert (fitted.min(), fitted.max()) == (0, 1)
