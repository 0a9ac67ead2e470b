import importlib.util
from types import SimpleNamespace

import eagerpy
import numpy as np
import pytest
import torch
from PIL import Image

from advwindow.data import load_images, match_labels
from advwindow.errors import MissingExtraError, UserError
from advwindow.imagenet import imagenet_label_names

FIRST = {
    "imagenet": ("imagenet_00_243", "bull mastiff", (3, 224, 224), 1000),
    "cifar10": ("cifar10_00_3", "cat", (3, 32, 32), 10),
    "cifar100": ("cifar100_00_49", "mountain", (3, 32, 32), 100),
    "mnist": ("mnist_00_7", "seven", (1, 28, 28), 10),
    "fashionmnist": ("fashionMNIST_00_9", "ankle boot", (1, 28, 28), 10),
}


@pytest.mark.parametrize(("name", "facts"), FIRST.items())
def test_twenty_images_with_ids_labels_and_names(name, facts):
    first, label_name, shape, classes = facts
    images = load_images(f"sample:{name}", size=(224, 224) if name == "imagenet" else None)
    assert len(images) == 20
    assert images.ids == tuple(sorted(images.ids))
    assert images.ids[0] == first
    assert images.label_names[images.labels[0]] == label_name
    assert len(images.label_names) == len(set(images.label_names)) == classes
    assert images.pixels().shape == (20, *shape)


def test_pixels_are_the_files():
    folder = importlib.util.find_spec("foolbox").submodule_search_locations[0]
    file = np.asarray(Image.open(f"{folder}/data/cifar10_00_3.png"), dtype=np.float32)
    assert torch.equal(load_images("sample:cifar10").pixels([0])[0], torch.from_numpy(file).permute(2, 0, 1) / 255)


def test_two_photographs_share_the_class_jeep():
    images = load_images("sample:imagenet")
    assert match_labels(images, imagenet_label_names(), 1000) == images.labels
    assert [name for name, label in zip(images.ids, images.labels, strict=True) if label == 609] == [
        "imagenet_06_609",
        "imagenet_07_609",
    ]


def test_foolbox_gives_the_same_images_and_labels():
    utils = pytest.importorskip("foolbox.utils")
    like = SimpleNamespace(dummy=eagerpy.astensor(torch.zeros(1)))
    theirs, labels = utils.samples(like, "cifar100", batchsize=20, data_format="channels_first", bounds=(0, 1))
    ours = load_images("sample:cifar100")
    assert torch.allclose(ours.pixels(), theirs, atol=1e-6)
    assert list(ours.labels) == labels.tolist()


def test_limits_and_wrong_names():
    assert len(load_images("sample:mnist?limit=5")) == 5
    with pytest.raises(UserError, match="did you mean imagenet"):
        load_images("sample:imagenette")
    with pytest.raises(UserError, match="unknown option"):
        load_images("sample:mnist?mode=RGB")


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None)
    with pytest.raises(MissingExtraError, match=r"package foolbox. Fix: pip install foolbox"):
        load_images("sample:mnist")


@pytest.mark.slow
@pytest.mark.samples
def test_the_sample_network_knows_the_sample_photographs():
    from advwindow.models import load_model

    model = load_model("sample:efficientnet-lite0")
    images = load_images("sample:imagenet", size=model.input_size, crop=model.crop)
    with torch.no_grad():
        right = model(images.pixels()).argmax(1) == torch.tensor(match_labels(images, model.label_names, 1000))
    assert right.sum() >= 17
