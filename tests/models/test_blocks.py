"""Which layers stand for a network, for many networks (`default_layers` is `blocks` seen from outside)."""

import pytest
import torch
from torch import nn

from advwindow.models import default_layers
from tests.models.nets import Net, Residual, classifier, images
from tests.vision import optional_vision

X = images(2)


def layers(module, x=X):
    return list(default_layers(classifier(module), x))


class Stage(nn.Module):
    """Runs blocks and returns what the last one returned."""

    def __init__(self, *blocks):
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x


class Squeezed(nn.Module):
    """A block that holds a composite inside a Sequential, as MobileNet-v3's do, and adds nothing after it."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(Excite(), nn.Sequential(nn.Conv2d(6, 6, 1), nn.BatchNorm2d(6)))

    def forward(self, x):
        return self.layers(x)


class Excite(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(6, 6, 1)

    def forward(self, x):
        return x * self.conv(x.mean((2, 3), keepdim=True)).sigmoid()


class Branches(nn.Module):
    """An inception block: composites in Sequentials, side by side."""

    def __init__(self):
        super().__init__()
        self.one = nn.Sequential(Excite(), Excite())
        self.two = Excite()

    def forward(self, x):
        return self.one(x) + self.two(x)


class Attributes(nn.Module):
    """Blocks as attributes of the network."""

    def __init__(self, *kinds):
        super().__init__()
        for index, kind in enumerate(kinds):
            self.add_module(f"mixed{index}", kind())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(6, 5)

    def forward(self, x):
        x = x.repeat(1, 2, 1, 1)
        for name, module in self.named_children():
            x = module(x) if name.startswith("mixed") else x
        return self.head(self.pool(x).flatten(1))


class Wrapped(nn.Module):
    def __init__(self, backbone):
        super().__init__()
        self.backbone, self.head = backbone, nn.Linear(5, 7)

    def forward(self, x):
        return self.head(self.backbone(x).relu())


def pooled_in_a_row():
    net = Net(Residual(), Residual())
    net.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return net


class Prelude(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix = nn.Conv2d(3, 3, 1)

    def forward(self, x):
        return x + self.mix(x)


@pytest.mark.parametrize(
    ("module", "names"),
    [
        (pooled_in_a_row(), ["body.0", "body.1", "pool.0"]),
        (nn.Sequential(Prelude(), Net(Residual(), Residual())), ["0", "1.body.0", "1.body.1", "1.pool"]),
        (Net(Residual(), Residual(), Residual()), ["body.0", "body.1", "body.2", "pool"]),
        (Net(nn.ReLU(), Residual(), nn.MaxPool2d(2), Residual()), ["body.1", "body.3", "pool"]),
        (
            Net(nn.Sequential(Residual(), Residual()), nn.Sequential(Residual())),
            ["body.0.0", "body.0.1", "body.1.0", "pool"],
        ),
        (
            Net(Stage(Residual(), Residual()), Stage(Residual())),
            ["body.0.blocks.0", "body.0.blocks.1", "body.1.blocks.0", "pool"],
        ),
        (Net(Squeezed(), Squeezed()), ["body.0", "body.1", "pool"]),
        (Net(Branches(), Branches()), ["body.0", "body.1", "pool"]),
        (Attributes(Branches, Branches, Residual), ["mixed0", "mixed1", "mixed2", "pool"]),
        (nn.Sequential(nn.Identity(), Net(Residual(), Residual())), ["1.body.0", "1.body.1", "1.pool"]),
        (nn.Sequential(Net(Residual(), Residual()), nn.ReLU(), nn.Linear(5, 7)), ["0.body.0", "0.body.1", "1"]),
        (Wrapped(Net(Residual(), Residual())), ["backbone.body.0", "backbone.body.1", "backbone.head"]),
        (
            Wrapped(nn.Sequential(Net(Residual(), Residual()))),
            ["backbone.0.body.0", "backbone.0.body.1", "backbone.0.head"],
        ),
    ],
)
def test_networks_of_blocks(module, names):
    assert layers(module) == names


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)
        self.bn, self.fc1, self.fc2 = nn.BatchNorm2d(4), nn.Linear(256, 9), nn.Linear(9, 5)

    def forward(self, x):
        x = torch.relu(self.conv2(self.bn(self.conv1(x)).relu()))
        return self.fc2(self.fc1(x.flatten(1)).relu())


class Attends(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention, self.act, self.head = (
            nn.MultiheadAttention(12, 2, batch_first=True),
            nn.Tanh(),
            nn.Linear(12, 5),
        )

    def forward(self, x):
        tokens = x.flatten(1, 2)
        return self.head(self.act(self.attention(tokens, tokens, tokens)[0]).mean(1))


RELU = nn.ReLU()


@pytest.mark.parametrize(
    ("module", "names"),
    [
        (
            nn.Sequential(nn.Flatten(), nn.Linear(432, 8), nn.GELU(), nn.Linear(8, 8), nn.PReLU(), nn.Linear(8, 5)),
            ["2", "4"],
        ),
        (
            nn.Sequential(nn.Flatten(), nn.Linear(432, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 5), nn.LogSoftmax(1)),
            ["2"],
        ),
        (nn.Sequential(nn.Conv2d(3, 4, 3), RELU, nn.Conv2d(4, 4, 3), RELU, nn.Flatten(), nn.Linear(256, 5)), ["1"]),
        (
            nn.Sequential(
                nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
                nn.Sequential(nn.Flatten(), nn.Linear(100, 8), nn.Tanh(), nn.Linear(8, 5)),
            ),
            ["0.2", "1.2"],
        ),
        (Functional(), ["conv1", "conv2", "fc1"]),
        (Attends(), ["act"]),
        (Net(), ["stem", "pool"]),
        (Net(nn.ReLU()), ["body.0", "pool"]),
        (Net(Residual()), ["stem", "body.0.conv1", "body.0.conv2", "pool"]),
        (
            nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 5, 1), nn.Flatten()),
            ["1", "2"],
        ),
        (
            nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
            ["1"],
        ),
    ],
)
def test_plain_networks(module, names):
    assert layers(module) == names


def numbered(prefix, count, start=0):
    return [f"{prefix}{index}" for index in range(start, start + count)]


@pytest.mark.parametrize(
    ("name", "settings", "side", "names"),
    [
        ("resnet18", {}, 32, [f"layer{stage}.{block}" for stage in (1, 2, 3, 4) for block in (0, 1)] + ["global_pool"]),
        ("vit_tiny_patch16_224", {"img_size": 32}, 32, [*numbered("blocks.", 12), "norm"]),
        (
            "convnext_atto",
            {},
            32,
            [f"stages.{stage}.blocks.{block}" for stage, depth in enumerate((2, 2, 6, 2)) for block in range(depth)]
            + ["head.norm"],
        ),
        (
            "rexnet_100",  # its blocks return the output of a composite when they have no shortcut
            {},
            32,
            [*numbered("features.", 17), "head.global_pool"],
        ),
        (
            "resnetv2_18",  # its classifier is a convolution
            {},
            32,
            [f"stages.{stage}.blocks.{block}" for stage in range(4) for block in (0, 1)] + ["head.global_pool"],
        ),
    ],
)
def test_networks_of_timm(name, settings, side, names):
    module = optional_vision("timm").create_model(name, pretrained=False, **settings)
    assert layers(module, images(2, side=side)) == names


@pytest.mark.parametrize(
    ("name", "settings", "side", "names"),
    [
        ("resnet18", {}, 32, [f"layer{stage}.{block}" for stage in (1, 2, 3, 4) for block in (0, 1)] + ["avgpool"]),
        ("mobilenet_v3_small", {}, 32, [*numbered("features.", 11, 1), "classifier.1"]),
        ("densenet121", {}, 32, [*numbered("features.denseblock", 4, 1), "features.norm5"]),
        ("squeezenet1_1", {}, 64, [f"features.{index}" for index in (3, 4, 6, 7, 9, 10, 11, 12)]),
        (
            "googlenet",
            {"init_weights": False},
            64,
            [
                *numbered("conv", 3, 1),
                *(f"inception{name}" for name in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")),
                "avgpool",
            ],
        ),
    ],
)
def test_networks_of_torchvision(name, settings, side, names):
    module = optional_vision("torchvision").models.get_model(name, **settings)
    assert layers(module, images(2, side=side)) == names


def test_vgg_of_torchvision():
    vgg = optional_vision("torchvision").models.vgg.VGG
    features = [nn.Conv2d(3, 8, 3), nn.ReLU(True), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3), nn.ReLU(True)]
    with torch.device("meta"):  # its linear layers hold a hundred million numbers
        module = vgg(nn.Sequential(*features), num_classes=5)
    module.avgpool = nn.AdaptiveAvgPool2d(1)
    for index, (wide, out) in {0: (8, 9), 3: (9, 9), 6: (9, 5)}.items():
        module.classifier[index] = nn.Linear(wide, out)
    assert layers(module.to_empty(device="cpu")) == ["features.1", "features.4", "classifier.1", "classifier.4"]


def test_vision_transformer_of_torchvision():
    transformer = optional_vision("torchvision").models.VisionTransformer
    module = transformer(image_size=8, patch_size=4, num_layers=3, num_heads=2, hidden_dim=8, mlp_dim=8, num_classes=5)
    torch.nn.init.ones_(module.heads.head.weight)
    expected = [*numbered("encoder.layers.encoder_layer_", 3), "encoder.ln"]
    assert layers(module, images(2, side=8)) == expected


@pytest.mark.samples
def test_the_sample_network():
    from advwindow.models import load_model

    found = default_layers(load_model("sample:efficientnet-lite0"), images(1, side=224))
    assert list(found) == [*numbered("_blocks.", 16), "_avg_pooling"]
