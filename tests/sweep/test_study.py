import pytest
import torch

from advwindow.errors import UserError
from advwindow.sweep import load_study, parse_device

from . import parts

CPU = torch.device("cpu")


def test_the_parts_fit(study):
    loaded = load_study(study["models"][0], study["images"][0], study["words"], device=CPU)
    assert bool(loaded.correct.all())
    assert loaded.pixels.shape == (24, 3, 12, 12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"models": ["py:tests.sweep.parts:make_wrong_count"]}, "class"),
        ({"models": ["py:tests.sweep.parts:make_nan"]}, "not finite"),
        ({"models": ["py:tests.sweep.parts:nothing"]}, "nothing"),
        ({"models": ["sampel:x"]}, "did you mean sample"),
        ({"images": ["folder:/no/such/folder"]}, "folder"),
        ({"words": ["glove:/no/such/file"]}, "file"),
        ({"words": ["glove-7b"]}, "glove-6b-50d"),
    ],
    ids=str,
)
def test_parts_that_do_not_fit_say_so(study, change, message):
    refs = study | change
    with pytest.raises(UserError, match=message):
        load_study(refs["models"][0], refs["images"][0], refs["words"], device=CPU)


def test_one_class_only(study, tmp_path):
    images = parts.write_images(tmp_path / "one.npz", classes=1)
    with pytest.raises(UserError, match="too few concepts"):
        load_study(study["models"][0], images, study["words"], device=CPU)


def test_words_that_know_no_name(study, tmp_path):
    words = parts.write_words(tmp_path / "few.npz", known=2)
    with pytest.raises(UserError, match="too few concepts"):
        load_study(study["models"][0], study["images"][0], [words], device=CPU)


def test_devices():
    assert parse_device("cpu") == CPU
    with pytest.raises(UserError, match="cannot use this device"):
        parse_device("gpu9")
