import importlib.metadata

import pytest
import torch

from advwindow.errors import UserError
from advwindow.models import Classifier, load_model, model_refs

CODE = """
import torch
from advwindow.models import Classifier

def net(width=3, bad=0.0):
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, width))
    net[1].bias.data[0] += bad
    return net

def classifier(**options):
    return Classifier(net(**options), mean=[0.5] * 3, label_names=["a", "b", "c"], name="mine")

def other():
    return [1, 2]
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "nets_of_mine.py"
    path.write_text(CODE)
    return path


@pytest.fixture(params=["file", "py", "plug-in"])
def prefix(request, file, monkeypatch):
    monkeypatch.syspath_prepend(file.parent)
    if request.param == "plug-in":
        points = [
            importlib.metadata.EntryPoint(f"my-{name}", f"nets_of_mine:{name}", "advwindow.models")
            for name in ("net", "classifier", "other")
        ]
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda *, group: points)
        return "my-"
    return f"file:{file}:" if request.param == "file" else "py:nets_of_mine:"


def test_a_module_is_wrapped_and_a_classifier_taken_as_it_is(prefix):
    wrapped = load_model(f"{prefix}net?width=7")
    assert isinstance(wrapped, Classifier)
    assert wrapped(torch.rand(2, 3, 2, 2)).shape == (2, 7)
    assert not any(module.training for module in wrapped.modules())
    own = load_model(f"{prefix}classifier")
    assert (own.name, own.label_names) == ("mine", ("a", "b", "c"))
    assert not any(module.training for module in own.modules())


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ("other", "gives no network: got 'list'; expected an advwindow.Classifier"),
        ("net?depth=3", "unexpected keyword argument 'depth'"),
        ("net?width=3&bad=1e999", "weights that are not finite"),
        ("classifier?bad=1e999", "weights that are not finite"),
        ("net?width=many", "failed: got .TypeError"),
    ],
)
def test_wrong_factories_are_told(prefix, rest, message):
    with pytest.raises(UserError, match=message):
        load_model(f"{prefix}{rest}")


@pytest.mark.parametrize("ref", ["resnet18", "", "tim:resnet18", "sample:", "hf:org/net"])
def test_wrong_references_are_told(ref):
    with pytest.raises(UserError, match="reference"):
        load_model(ref)


def test_the_list_names_every_source_once_and_plug_ins_without_importing_them(monkeypatch):
    point = importlib.metadata.EntryPoint("my-net", "no_such_module:net", "advwindow.models")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda *, group: [point])
    refs = [ref for ref, text in model_refs() if text]
    assert refs == [
        "sample:efficientnet-lite0",
        "sample:efficientnet-lite1",
        "sample:efficientnet-lite2",
        "sample:cifar10-standard",
        "sample:cifar10-robust",
        "trained:FILE",
        "timm:NAME",
        "torchvision:NAME",
        "py:PACKAGE.MODULE:FACTORY",
        "file:PATH.py:FACTORY",
        "my-net",
    ]
