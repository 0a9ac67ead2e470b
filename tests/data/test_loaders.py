import importlib.metadata

import pytest
import torch

from advwindow.data import image_refs, load_images
from advwindow.errors import UserError

CODE = """
import torch
from advwindow.data import LabelledImages

def images(count=3, side=4):
    ids = tuple(map(str, range(count)))
    return LabelledImages("mine", ids, (0,) * count, ("a",), lambda index: torch.full((3, side, side), 0.5))

def other():
    return "no images"
"""


@pytest.fixture(params=["file", "py", "plug-in"])
def prefix(request, tmp_path, monkeypatch):
    (tmp_path / "images_of_mine.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    if request.param == "plug-in":
        points = [
            importlib.metadata.EntryPoint(f"my-{name}", f"images_of_mine:{name}", "advwindow.datasets")
            for name in ("images", "other")
        ]
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda *, group: points)
        return "my-"
    return f"file:{tmp_path}/images_of_mine.py:" if request.param == "file" else "py:images_of_mine:"


def test_images_of_the_users_own(prefix):
    images = load_images(f"{prefix}images?count=2")
    assert (images.name, len(images)) == ("mine", 2)
    assert images.pixels().shape == (2, 3, 4, 4)
    assert torch.allclose(load_images(f"{prefix}images?side=9", size=(6, 6)).pixels(), torch.full((3, 3, 6, 6), 0.5))


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ("other", "gives no images: got 'str'; expected advwindow LabelledImages"),
        ("images?limit=2", "unexpected keyword argument 'limit'"),
        ("images?count=0", "mine holds no images"),
    ],
)
def test_wrong_factories_are_told(prefix, rest, message):
    with pytest.raises(UserError, match=message):
        load_images(f"{prefix}{rest}")


@pytest.mark.parametrize("ref", ["imagenet", "", "fold:x", "folder:", "npz:"])
def test_wrong_references_are_told(ref):
    with pytest.raises(UserError, match="reference"):
        load_images(ref)


@pytest.mark.parametrize("crop", [0.0, -1.0, 1.1, float("nan")])
def test_an_impossible_crop_is_told(crop):
    with pytest.raises(UserError, match="crop of images"):
        load_images("sample:mnist", crop=crop)


def test_the_list_names_every_source_once_and_plug_ins_without_importing_them(monkeypatch):
    point = importlib.metadata.EntryPoint("my-set", "no_such_module:images", "advwindow.datasets")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda *, group: [point])
    refs = [ref for ref, text in image_refs() if text]
    assert refs == [
        *(f"sample:{name}" for name in ("imagenet", "cifar10", "cifar100", "mnist", "fashionmnist")),
        "folder:PATH",
        "npz:PATH",
        "py:PACKAGE.MODULE:FACTORY",
        "file:PATH.py:FACTORY",
        "my-set",
    ]
    for ref in refs[:5]:
        assert len(load_images(ref)) == 20
