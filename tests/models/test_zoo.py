import pytest
import safetensors.torch
import torch

from advwindow.errors import UserError
from advwindow.imagenet import imagenet_label_names
from advwindow.models import load_model
from tests.vision import optional_vision


@pytest.fixture
def timm():
    return optional_vision("timm")


@pytest.fixture
def torchvision():
    return optional_vision("torchvision")


def values(tensor):
    return pytest.approx(tensor.flatten().tolist(), abs=1e-6)


def test_a_network_of_timm_has_timms_preprocessing(timm):
    model = load_model("timm:resnet10t?pretrained=false")
    config = timm.get_pretrained_cfg("resnet10t")
    assert (model.name, model.input_size, model.crop) == ("resnet10t", config.input_size[1:], config.crop_pct)
    assert values(model.mean) == list(config.mean)
    assert values(model.std) == list(config.std)
    assert model.label_names == imagenet_label_names()
    assert not model.training


def test_other_options_go_to_timm(timm):
    model = load_model(
        "timm:vit_tiny_patch16_224?pretrained=False&num_classes=7&img_size=32&class_token=False&global_pool=avg"
    )
    assert model.input_size == (32, 32)
    assert model.label_names == ()
    assert model.module.cls_token is None
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 7)


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_local_weights_take_the_place_of_a_download(timm, tmp_path, suffix):
    state = timm.create_model("resnet10t", num_classes=3).state_dict()
    path = tmp_path / f"my+net.{suffix}"
    if suffix == "pth":
        torch.save({"state_dict": state}, path)
    else:
        safetensors.torch.save_file(state, path)
    model = load_model(f"timm:resnet10t?num_classes=3&weights={path}")
    assert all(torch.equal(value, state[key]) for key, value in model.module.state_dict().items())


def test_weights_that_are_not_finite_are_refused(timm, tmp_path):
    state = timm.create_model("resnet10t", num_classes=3).state_dict()
    state["fc.bias"][1] = float("nan")
    torch.save(state, tmp_path / "net.pth")
    with pytest.raises(UserError, match=r"1 NaN or infinite values in 'fc.bias'"):
        load_model(f"timm:resnet10t?num_classes=3&weights={tmp_path}/net.pth")


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("timm:resnet81?pretrained=false", "unknown timm network: got 'resnet81'.*did you mean resnet18"),
        ("timm:resnet10t?pretrained=maybe", "option pretrained.*expected true or false"),
        ("timm:resnet10t?pretrained=false&bogus=1", "cannot be built: got .*bogus"),
        ("timm:resnet10t?weights=/no/such.pth", "no such weights file"),
        ("timm:resnet10t.no_such_tag", "cannot be built: got '.*no_such_tag"),
    ],
)
def test_wrong_networks_of_timm_are_told(timm, ref, message):
    with pytest.raises(UserError, match=message):
        load_model(ref)


@pytest.mark.parametrize(
    ("package", "ref", "fix"),
    [
        ("timm", "timm:resnet10t", r"\?weights=PATH.*\?pretrained=false"),
        ("torchvision", "torchvision:resnet18", r"\?weights=PATH.*\?weights=none"),
    ],
)
def test_a_download_that_fails_names_what_works_offline(monkeypatch, package, ref, fix):
    class HubError(Exception):
        pass

    def fail(*args, **kwargs):
        raise HubError("cannot reach the hub\nand more lines")

    vision = optional_vision(package)
    home, name = (vision, "create_model") if package == "timm" else (vision.models, "get_model")
    monkeypatch.setattr(home, name, fail)
    with pytest.raises(UserError, match=f"cannot be built: got 'cannot reach the hub'. Fix: .*downloaded.*{fix}"):
        load_model(ref)


def test_a_network_of_torchvision_has_the_preprocessing_of_its_weights(torchvision):
    model = load_model("torchvision:efficientnet_b1?weights=none")
    assert (model.name, model.input_size, model.crop) == ("efficientnet_b1", (240, 240), 240 / 255)
    assert values(model.mean) == [0.485, 0.456, 0.406]
    assert values(model.std) == [0.229, 0.224, 0.225]
    assert model.label_names == imagenet_label_names()
    assert not model.training


@pytest.mark.parametrize(("entry", "crop"), [("DEFAULT", 224 / 232), ("IMAGENET1K_V1", 224 / 256)])
def test_named_weights_of_torchvision_are_asked_for_quietly(torchvision, monkeypatch, entry, crop):
    asked = {}

    def get_model(name, **settings):
        asked.update(settings, name=name)
        return torch.nn.Linear(1, 1)

    monkeypatch.setattr(torchvision.models, "get_model", get_model)
    model = load_model(f"torchvision:resnet50?weights={entry}")
    expected = torchvision.models.ResNet50_Weights[entry]
    assert asked == {"name": "resnet50", "weights": expected, "progress": False}
    assert model.crop == crop


def test_local_weights_of_torchvision(torchvision, tmp_path):
    state = torchvision.models.resnet18(num_classes=3).state_dict()
    torch.save({"model": state}, tmp_path / "net.pth")
    model = load_model(f"torchvision:resnet18?num_classes=3&weights={tmp_path}/net.pth")
    assert all(torch.equal(value, state[key]) for key, value in model.module.state_dict().items())
    assert model.label_names == ()


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("torchvision:resnet81", "unknown torchvision network: got 'resnet81'.*did you mean resnet18"),
        ("torchvision:fasterrcnn_resnet50_fpn", "unknown torchvision network"),
        ("torchvision:resnet18?weights=DEFALT", "resnet18 has no such weights: got 'DEFALT'.*did you mean DEFAULT"),
        ("torchvision:resnet18?weights=none&bogus=1", "cannot be built: got .*bogus"),
    ],
)
def test_wrong_networks_of_torchvision_are_told(torchvision, ref, message):
    with pytest.raises(UserError, match=message):
        load_model(ref)
