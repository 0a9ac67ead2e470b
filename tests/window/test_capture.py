import re

import pytest
import torch
from torch import nn

from advwindow.errors import UserError
from advwindow.models.classifier import Classifier
from advwindow.window.capture import POOLINGS, capture, recording


class Net(nn.Module):
    """In-place activation, a module used twice, a tuple, a dict, tokens, and a module that is never called."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.again = nn.Conv2d(4, 4, 1)
        self.pair = Pair()
        self.named = Named()
        self.tokens = Tokens()
        self.none = Nothing()
        self.mixer = Mixer()
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(4, 5)
        self.spare = nn.Linear(1, 1)
        self.fail = False

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.relu(self.norm(self.conv(images)))
        maps = self.relu(self.again(maps))
        maps, _ = self.pair(maps)
        maps = self.named(maps)["maps"]
        self.none(maps)
        self.mixer(maps)
        tokens = self.tokens(maps)
        if self.fail:
            raise RuntimeError("planted")
        logits: torch.Tensor = self.fc(self.drop(tokens.mean(1)))
        return logits


class Pair(nn.Module):
    def forward(self, maps):
        return maps + 1, None


class Named(nn.Module):
    def forward(self, maps):
        return {"maps": maps, "extra": maps * 0}


class Tokens(nn.Module):
    def forward(self, maps):
        return maps.flatten(2).transpose(1, 2)


class Nothing(nn.Module):
    def forward(self, maps):
        return None


class Mixer(nn.Module):
    """Moves the batch into another dimension, as windowed attention does."""

    def forward(self, maps):
        return maps.flatten(0, 1)


@pytest.fixture
def model() -> Classifier:
    return Classifier(Net().train())


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(6, 3, 4, 4, generator=torch.Generator().manual_seed(1))


def hooks_of(module: nn.Module) -> int:
    return sum(len(part._forward_hooks) for part in module.modules())


@pytest.mark.parametrize("pooling", ["mean", "max", "grid2", "flatten"])
def test_in_place_relu_does_not_reach_the_record(model, images, pooling):
    net = model.module.eval()
    with torch.no_grad():
        maps = net.norm(net.conv(images)).clone()
    found = capture(model, images, ["norm"], pooling=pooling)["norm"]
    assert torch.allclose(found, pool(maps, pooling), atol=1e-6)
    if pooling == "flatten":
        assert (found < 0).any()


def pool(maps: torch.Tensor, pooling: str) -> torch.Tensor:
    n, c, h, w = maps.shape
    if pooling == "grid2":
        quarters = maps.reshape(n, c, 2, h // 2, 2, w // 2).mean((3, 5))
        return quarters.flatten(1)
    return {"mean": maps.mean((2, 3)), "max": maps.amax((2, 3)), "flatten": maps.flatten(1)}[pooling]


def test_in_place_op_after_a_two_dimensional_layer():
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 7), nn.ReLU(inplace=True), nn.Linear(7, 2))
    x = torch.rand(5, 3, 2, 2)
    found = capture(Classifier(net), x, ["1"])["1"]
    assert (found < 0).any()
    assert torch.allclose(found, net[1](x.flatten(1)).detach(), atol=1e-6)


def test_a_reused_module_is_captured_at_each_call(model, images):
    found = capture(model, images, ["relu", "again"])
    assert list(found) == ["relu", "relu#2", "again"]
    net = model.module.eval()
    with torch.no_grad():
        first = torch.relu(net.norm(net.conv(images)))
        second = torch.relu(net.again(first))
    assert torch.allclose(found["relu"], first.mean((2, 3)), atol=1e-6)
    assert torch.allclose(found["relu#2"], second.mean((2, 3)), atol=1e-6)


def test_tuples_and_dicts_give_their_first_tensor(model, images):
    found = capture(model, images, ["relu", "pair", "named"])
    assert torch.allclose(found["pair"], found["relu#2"] + 1, atol=1e-6)
    assert torch.equal(found["named"], found["pair"])


@pytest.mark.parametrize(("pooling", "of"), [("mean", "mean"), ("max", "amax"), ("cls", "first"), ("flatten", "flat")])
def test_tokens(model, images, pooling, of):
    flat = capture(model, images, ["tokens"], pooling="flatten")["tokens"]
    tokens = flat.reshape(6, 16, 4)
    expected = {"mean": tokens.mean(1), "amax": tokens.amax(1), "first": tokens[:, 0], "flat": flat}[of]
    assert torch.allclose(capture(model, images, ["tokens"], pooling=pooling)["tokens"], expected, atol=1e-6)


def test_training_flags_are_left_as_found_and_evaluation_mode_is_used(model, images):
    model.module.drop.eval()
    modes = [part.training for part in model.modules()]
    statistics = model.module.norm.running_mean.clone()
    first, second = (capture(model, images, ["drop", "norm"]) for _ in range(2))
    assert [part.training for part in model.modules()] == modes
    assert torch.equal(model.module.norm.running_mean, statistics)
    assert torch.equal(first["norm"], second["norm"])


def test_batch_size_does_not_matter(model, images):
    whole = capture(model, images, ["again", "fc"])
    halves = [capture(model, part, ["again", "fc"]) for part in images.split(4)]
    for layer in whole:
        assert torch.allclose(whole[layer], torch.cat([half[layer] for half in halves]), atol=1e-6)


def test_results_are_ordinary_float32_tensors_without_a_graph(model, images):
    found = capture(model.bfloat16(), images.bfloat16(), ["again"])["again"]
    assert found.dtype == torch.float32
    assert not found.requires_grad
    assert found.grad_fn is None
    (found * torch.ones(4, requires_grad=True)).sum().backward()


def test_hooks_are_removed_also_after_exceptions(model, images):
    capture(model, images, ["conv", "relu"])
    assert hooks_of(model) == 0
    model.module.fail = True
    with pytest.raises(RuntimeError, match="planted"):
        capture(model, images, ["conv", "relu"])
    with pytest.raises(UserError, match="no such layer"):
        capture(model, images, ["conv", "rleu"])
    assert hooks_of(model) == 0
    assert model.module.training


def test_foreign_hooks_stay(model, images):
    handle = model.module.conv.register_forward_hook(lambda *_: None)
    capture(model, images, ["conv"])
    assert hooks_of(model) == 1
    handle.remove()


def test_recording_counts_calls_over_passes(model, images):
    with recording(model.module, ["conv"]) as calls:
        model(images)
        model(images)
    assert list(calls) == ["conv", "conv#2"]


@pytest.mark.parametrize(
    ("layer", "pooling", "message"),
    [
        ("rleu", "mean", "no such layer: got 'rleu'. Fix: did you mean relu"),
        ("", "mean", "no such layer"),
        ("spare", "mean", "never called: got 'spare'"),
        ("none", "mean", "'none' returns no activations"),
        ("mixer", "mean", "'mixer' does not keep one row per image: got '24 rows for 6 images'"),
        ("conv", "cls", "'cls' does not suit layer 'conv'"),
        ("tokens", "grid2", "'grid2' does not suit layer 'tokens'"),
        ("conv", "meen", "unknown pooling: got 'meen'. Fix: did you mean mean"),
    ],
)
def test_what_cannot_be_captured_is_told(model, images, layer, pooling, message):
    with pytest.raises(UserError, match=re.escape(message)):
        capture(model, images, [layer], pooling=pooling)
    assert hooks_of(model) == 0


def test_activations_that_are_not_finite_name_their_layer(model, images):
    images[2, 0, 0, 0] = torch.nan
    with pytest.raises(UserError, match=r"layer 'conv' are not finite: got '4 NaN"):
        capture(model, images, ["conv"])


def test_every_pooling_returns_memory_of_its_own():
    for pooling in POOLINGS.values():
        tensor = torch.rand(2, 3, 4) if pooling is POOLINGS["cls"] else torch.rand(2, 3, 4, 4)
        before = pooling(tensor, "layer")
        copy = before.clone()
        tensor.zero_()
        assert torch.equal(before, copy)


class Reordered(nn.Module):
    def __init__(self, *order):
        super().__init__()
        self.order = order

    def forward(self, maps):
        return maps.permute(self.order)


class SwinBlock(nn.Module):
    """A residual block on ``(N, H, W, C)``."""

    def __init__(self, channels):
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.widen = nn.Linear(channels, 2 * channels)
        self.act = nn.GELU()
        self.narrow = nn.Linear(2 * channels, channels)

    def forward(self, maps):
        return maps + self.narrow(self.act(self.widen(self.norm(maps))))


class ConvNextBlock(nn.Module):
    """A residual block on ``(N, C, H, W)`` that works on the last dimension inside."""

    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.out = nn.Sequential(
            Reordered(0, 2, 3, 1), nn.LayerNorm(channels), nn.Linear(channels, channels), Reordered(0, 3, 1, 2)
        )

    def forward(self, maps):
        return maps + self.out(self.conv(maps))


class Swin(nn.Module):
    def __init__(self, channels=6, *, norm=nn.LayerNorm):
        super().__init__()
        torch.manual_seed(0)
        self.patches = nn.Conv2d(3, channels, 2, 2)
        self.before = ConvNextBlock(channels)
        self.last = Reordered(0, 2, 3, 1)
        self.norm = norm(channels)
        self.block = SwinBlock(channels)
        self.drop = nn.Dropout()
        self.first = Reordered(0, 3, 1, 2)
        self.act = nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(channels, 4)

    def forward(self, images):
        maps = self.last(self.before(self.patches(images)))
        maps = self.act(self.first(self.drop(self.block(self.norm(maps)))))
        return self.head(self.pool(maps).flatten(1))


CHANNELS_FIRST = ("patches", "before", "before.conv", "first", "act", "pool")
CHANNELS_LAST = ("last", "norm", "block", "block.widen", "block.act", "drop")


def outputs(net, images, layers):
    found = {}
    handles = [
        net.get_submodule(layer).register_forward_hook(lambda *args, key=layer: found.update({key: args[2].clone()}))
        for layer in layers
    ]
    with torch.no_grad():
        net.eval()(images)
    for handle in handles:
        handle.remove()
    return found


@pytest.mark.parametrize("size", [(16, 16), (12, 20), (32, 24)])
@pytest.mark.parametrize("pooling", ["mean", "max", "grid2"])
def test_channels_last_maps_are_pooled_over_their_positions(size, pooling):
    net = Swin()
    images = torch.rand(3, 3, *size)
    maps = outputs(net, images, [*CHANNELS_FIRST, *CHANNELS_LAST])
    found = capture(Classifier(net), images, list(maps), pooling=pooling)
    for layer, raw in maps.items():
        first = raw.permute(0, 3, 1, 2) if layer in CHANNELS_LAST else raw
        if pooling == "grid2":
            expected = nn.functional.adaptive_avg_pool2d(first, 2).flatten(1)
        else:
            expected = first.mean((2, 3)) if pooling == "mean" else first.amax((2, 3))
        assert found[layer].shape == expected.shape, layer
        assert torch.allclose(found[layer], expected, atol=1e-6), layer


def test_flattening_keeps_the_layout():
    net, images = Swin(), torch.rand(3, 3, 16, 16)
    raw = outputs(net, images, ["block"])["block"]
    assert torch.equal(capture(Classifier(net), images, ["block"], pooling="flatten")["block"], raw.flatten(1))


def test_as_many_channels_as_positions_a_side():
    """Kind, order in memory, or else an error; 8 channels on 8 x 8 positions."""
    net, images = Swin(8), torch.rand(3, 3, 16, 16)
    first, last = ("patches", "before.conv", "first"), ("norm", "block.narrow", "last")
    maps = outputs(net, images, [*first, *last])
    found = capture(Classifier(net), images, [*first, *last])
    for layer, raw in maps.items():
        expected = raw.mean((2, 3)) if layer in first else raw.mean((1, 2))
        assert torch.allclose(found[layer], expected, atol=1e-6), layer
    with pytest.raises(UserError, match="channels and positions of layer 'block' cannot be told apart"):
        capture(Classifier(net), images, ["block"])
    assert hooks_of(net) == 0
    assert not any(part._forward_pre_hooks for part in net.modules())
    assert capture(Classifier(net), images, ["block"], pooling="flatten")["block"].shape == (3, 512)


def test_weights_decide_where_proportions_do_not():
    """Maps 10 x 11 of images 20 x 22 with 11 channels: (10, 11, 11) has the images' proportions at both ends."""
    net, images = Swin(11), torch.rand(3, 3, 20, 22)
    raw = outputs(net, images, ["block"])["block"]
    assert raw.shape == (3, 10, 11, 11)
    assert torch.allclose(capture(Classifier(net), images, ["block"])["block"], raw.mean((1, 2)), atol=1e-6)


def test_a_linear_layer_on_maps_is_evidence_enough():
    net = nn.Sequential(
        Reordered(0, 2, 3, 1), nn.Linear(3, 5), nn.GELU(), Reordered(0, 3, 1, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    images = torch.rand(2, 3, 4, 4)
    found = capture(Classifier(net), images, ["1", "2", "3"])
    assert [rows.shape[1] for rows in found.values()] == [5, 5, 5]
    assert torch.allclose(found["2"], found["3"], atol=1e-6)


def test_a_convolutional_network_is_never_doubted():
    net = nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, (1, 3)), nn.ReLU(), nn.Flatten(), nn.Linear(32, 3)
    )
    images = torch.rand(2, 3, 4, 4)
    maps = outputs(net, images, ["1", "3"])  # (4, 4, 4) and (4, 4, 2), which looks like channels last
    found = capture(Classifier(net), images, ["1", "3"])
    for layer, raw in maps.items():
        assert torch.allclose(found[layer], raw.mean((2, 3)), atol=1e-6)
