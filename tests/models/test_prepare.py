import sys
import threading

import pytest
import torch
from torch import nn

from advwindow.errors import UserError
from advwindow.models import Classifier, prepare
from advwindow.models.prepare import TOLERANCE, _agrees
from tests.models.nets import Net, Residual, classifier, images, seeded
from tests.vision import optional_vision


def norms(model):
    return sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())


@pytest.fixture(autouse=True)
def _equally_fast(monkeypatch):
    """No clock decides what these tests see; those of the choice itself set their own."""
    monkeypatch.setattr(sys.modules["advwindow.models.prepare"], "_seconds", lambda model, probe: 1.0)


def in_channels_last(model):
    weights = [p for p in model.parameters() if p.ndim == 4 and not p.is_contiguous()]
    return bool(weights) and all(p.is_contiguous(memory_format=torch.channels_last) for p in weights)


def gradient(model, x):
    x = x.clone().requires_grad_()
    return torch.autograd.grad(model(x).square().sum(), x)[0]


class Padded(nn.Conv2d):
    """A subclass with a forward of its own, as TensorFlow ports have."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **{**kwargs, "padding": 0})
        self.pad = nn.ZeroPad2d(1)

    def forward(self, x):
        return super().forward(self.pad(x))


class NormAct(nn.BatchNorm2d):
    """A normalisation with an activation inside, as timm has."""

    def __init__(self, width):
        super().__init__(width)
        self.act = nn.ReLU()

    def forward(self, x):
        return self.act(super().forward(x))


@pytest.mark.parametrize(
    "body",
    [
        (Residual(), Residual()),
        (Residual(conv=Padded),),
        (nn.Conv2d(6, 6, 1), NormAct(6)),
        (nn.Conv2d(6, 6, 3, groups=3, bias=False), nn.BatchNorm2d(6, affine=False), nn.ReLU(inplace=True)),
        (nn.Sequential(nn.Conv2d(6, 6, 3), nn.BatchNorm2d(6, eps=0.1)), nn.Tanh()),
    ],
)
def test_the_folded_copy_is_the_same_function_with_the_same_gradients(body):
    model = classifier(Net(*body), mean=[0.4, 0.5, 0.6], std=[0.2, 0.3, 0.4]).double()
    x = images(16).double()
    fast = prepare(model, x)
    assert norms(fast) == 0 < norms(model)
    assert in_channels_last(fast)
    assert not any(parameter.requires_grad for parameter in fast.parameters())
    assert torch.allclose(fast(x), model(x), rtol=1e-10, atol=1e-10)
    assert torch.allclose(gradient(fast, x), gradient(model, x), rtol=1e-8, atol=1e-8)


def test_folded_weights_have_the_closed_form():
    model = classifier(Net(nn.Conv2d(6, 6, 3), nn.BatchNorm2d(6))).double()
    conv, norm = model.module.body
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    folded = prepare(model, images().double()).module.body[0]
    assert torch.allclose(folded.weight, conv.weight * scale[:, None, None, None])
    assert torch.allclose(folded.bias, (conv.bias - norm.running_mean) * scale + norm.bias)


def test_the_original_is_left_as_it_was():
    model = classifier(Net(Residual(), Residual())).train()
    model.module.body[0].eval()
    model.module.stem.weight.requires_grad_(False)
    model.module.head.weight.grad = torch.ones_like(model.module.head.weight)
    modules = {name: (module, module.training) for name, module in model.named_modules()}
    tensors = {k: (v.data_ptr(), v.clone(), v.stride()) for k, v in model.state_dict(keep_vars=True).items()}
    needs = {k: (p.requires_grad, p.grad is not None) for k, p in model.named_parameters()}
    prepare(model, images())
    assert {name: (module, module.training) for name, module in model.named_modules()} == modules
    assert {k: (p.requires_grad, p.grad is not None) for k, p in model.named_parameters()} == needs
    for key, value in model.state_dict(keep_vars=True).items():
        pointer, old, stride = tensors[key]
        assert (value.data_ptr(), value.stride()) == (pointer, stride)
        assert torch.equal(value, old)
    assert not any(module._forward_hooks for module in model.modules())


def test_a_network_in_training_mode_gives_a_copy_in_evaluation_mode():
    model = classifier(Net(Residual()))
    x = images()
    expected = model(x)
    fast = prepare(model.train(), x)
    assert not any(module.training for module in fast.modules())
    assert torch.allclose(fast(x), expected, atol=1e-5)


def test_a_copy_with_another_label_is_no_copy_however_small_the_difference():
    expected = torch.tensor([[1.0, 1.0 - 1e-6]])
    assert _agrees(lambda _: expected + 1e-6, images(1), expected)
    assert not _agrees(lambda _: expected.flip(1), images(1), expected)


def test_no_hook_stays_on_the_copy():
    fast = prepare(classifier(Net(Residual())), images())
    assert not any(module._forward_hooks for module in fast.modules())


class RawReused(nn.Module):
    """The convolution feeds its normalisation and, raw, a sum."""

    def __init__(self):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(6, 6, 1), nn.BatchNorm2d(6)

    def forward(self, x):
        raw = self.conv(x)
        return self.bn(raw) + raw


class InPlace(RawReused):
    """The tensor that the normalisation receives is the convolution's, and is not what the convolution returned."""

    def forward(self, x):
        return self.bn(self.conv(x).relu_())


class ReadsItsNorm(RawReused):
    def forward(self, x):
        return self.bn(self.conv(x)) * self.bn.eps


class Scaled(nn.Conv2d):
    """A subclass that changes its weight on the way, as weight standardisation does."""

    def forward(self, x):
        return self._conv_forward(x, self.weight / self.weight.square().sum((1, 2, 3), keepdim=True), self.bias)


@pytest.mark.parametrize("body", [RawReused(), InPlace(), ReadsItsNorm(), Residual(conv=Scaled)])
def test_where_folding_would_change_the_function_nothing_is_folded(body):
    model = classifier(Net(Residual(), body))
    x = images()
    fast = prepare(model, x)
    assert norms(fast) == norms(model)
    assert in_channels_last(fast)
    assert torch.allclose(fast(x), model(x), atol=1e-5)


class Shared(nn.Module):
    def __init__(self, reuse):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(6, 6, 1), nn.BatchNorm2d(6)
        self.other_conv, self.other_bn = nn.Conv2d(6, 6, 1), nn.BatchNorm2d(6)
        self.reuse = reuse

    def forward(self, x):
        if self.reuse == "conv":
            return self.other_bn(self.conv(self.bn(self.conv(x))))
        if self.reuse == "conv, once raw":
            return self.bn(self.conv(x)) + self.conv(self.other_bn(self.other_conv(x)))
        if self.reuse == "norm":
            return self.bn(self.other_conv(self.bn(self.conv(x))))
        raw = self.conv(x)
        return self.bn(raw) + self.other_bn(raw)


@pytest.mark.parametrize(("reuse", "left"), [("conv", 2), ("conv, once raw", 1), ("norm", 2), ("output", 2)])
def test_modules_used_twice_stay_unfolded_and_the_others_are_folded(reuse, left):
    model = classifier(Net(Residual(), Shared(reuse)))
    x = images()
    fast = prepare(model, x)
    assert norms(fast.module.body[0]) == 0
    assert norms(fast.module.body[1]) == left
    assert torch.allclose(fast(x), model(x), atol=1e-5)


def test_a_norm_with_two_names_is_folded_under_both():
    net = Net(Residual())
    net.alias = net.body[0].bn1
    fast = prepare(classifier(net), images())
    assert norms(fast) == 0


@pytest.mark.parametrize("kind", ["no statistics", "parametrised", "keyword"])
def test_pairs_that_cannot_be_folded_are_left(kind):
    class ByKeyword(RawReused):
        def forward(self, x):
            return self.bn(input=self.conv(x))

    body = ByKeyword() if kind == "keyword" else nn.Sequential(nn.Conv2d(6, 6, 1), nn.BatchNorm2d(6))
    if kind == "no statistics":
        body[1] = nn.BatchNorm2d(6, track_running_stats=False)
    model = classifier(Net(Residual(), body))
    if kind == "parametrised":
        torch.nn.utils.parametrizations.weight_norm(model.module.body[1][0])
    x = images()
    fast = prepare(model, x)
    assert [norms(part) for part in fast.module.body] == [0, 1]
    assert torch.allclose(fast(x), model(x), atol=1e-5)


def test_a_network_that_needs_contiguous_tensors_is_folded_in_its_own_layout():
    class Flat(nn.Module):
        def forward(self, x):
            return x.view(len(x), -1)

    net = nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), Flat(), nn.Linear(6 * 10 * 10, 5))
    model = classifier(net)
    fast = prepare(model, images())
    assert norms(fast) == 0
    assert not in_channels_last(fast)
    assert torch.allclose(fast(images()), model(images()), atol=1e-5)


def test_a_network_that_answers_by_chance_is_folded_and_answers_by_the_same_chance():
    class Noisy(nn.Module):
        def forward(self, x):
            return x + torch.randn_like(x)

    model = classifier(Net(Residual(), Noisy()))
    state = torch.get_rng_state()
    fast = prepare(model, images())
    assert torch.equal(torch.get_rng_state(), state)
    assert norms(fast) == 0
    with torch.random.fork_rng():
        torch.manual_seed(5)
        expected = model(images())
        torch.manual_seed(5)
        assert torch.allclose(fast(images()), expected, atol=1e-5)


@pytest.mark.parametrize("secret", [threading.Lock(), torch.ones(1, requires_grad=True) * 2])
def test_a_network_that_cannot_be_copied_is_told(secret):
    model = classifier(Net(Residual()))
    model.module.secret = secret
    with pytest.raises(UserError, match="network 'Net' cannot be copied"):
        prepare(model, images())


def test_one_image_is_enough_and_the_choice_is_the_same_every_time():
    model = classifier(Net(Residual(), Residual()))
    states = [prepare(model, images(1)).state_dict() for _ in range(2)]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


@pytest.mark.parametrize(
    ("package", "name"), [("timm", "resnet18"), ("timm", "efficientnet_b0"), ("torchvision", "mobilenet_v3_small")]
)
def test_networks_of_other_packages_are_folded_wholly(package, name):
    vision = optional_vision(package)
    make = vision.create_model if package == "timm" else vision.models.get_model
    model = classifier(make(name))
    x = images(4, side=32)
    fast = prepare(model, x)
    assert norms(fast) == 0
    assert (fast(x) - model(x)).abs().max() <= TOLERANCE * model(x).abs().max()


@pytest.mark.samples
def test_the_sample_network_is_folded_wholly():
    from advwindow.models import load_model

    model = load_model("sample:efficientnet-lite0")
    x = images(2, side=224)
    fast = prepare(model, x)
    assert norms(fast) == 0
    assert in_channels_last(fast)
    assert (fast(x) - model(x)).abs().max() <= 1e-5 * model(x).abs().max()


def test_vision_transformers_have_nothing_to_fold():
    net = nn.Sequential(nn.Conv2d(3, 8, 4, stride=4), nn.Flatten(2), nn.Linear(9, 4), nn.Flatten(), nn.Linear(32, 5))
    model = classifier(seeded(net))
    fast = prepare(model, images())
    assert in_channels_last(fast)
    assert torch.allclose(fast(images()), model(images()), atol=1e-6)


@pytest.mark.parametrize(("plain", "other", "channels_last"), [(1.0, 1.0, True), (1.0, 1.2, True), (1.0, 2.0, False)])
def test_the_plain_format_is_taken_where_it_is_clearly_faster_and_timed_once(monkeypatch, plain, other, channels_last):
    asked = []

    def seconds(model, probe):
        asked.append(model)
        return other if in_channels_last(model) else plain

    monkeypatch.setattr(sys.modules["advwindow.models.prepare"], "_seconds", seconds)
    monkeypatch.setattr(sys.modules["advwindow.models.prepare"], "_faster_plain", {})
    body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))
    for _ in range(2):  # another network of the same structure takes the same format, so results do not differ
        model = Classifier(seeded(body))
        assert in_channels_last(prepare(model, images())) is channels_last
    assert len(asked) == 2


class Jitter(nn.Module):
    """A defence that draws at random."""

    def forward(self, images):
        return images + 0.1 * torch.rand_like(images)


def test_a_defence_that_draws_at_random_does_not_keep_the_network_from_being_folded():
    net = seeded(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten()))
    model = Classifier(net, defense=Jitter())
    x = torch.rand(2, 3, 8, 8)
    prepared = prepare(model, x)
    assert norms(prepared) == 0
    assert isinstance(prepared.defense, Jitter)
    assert norms(model) == 1
    with torch.random.fork_rng():
        torch.manual_seed(0)
        expected = model(x)
        torch.manual_seed(0)
        assert torch.allclose(prepared(x), expected, atol=1e-5)
