import copy

import pytest
import torch
from torch import nn

from advwindow.errors import UserError
from advwindow.models import Classifier, evaluating
from tests.models.nets import Net, Residual, classifier, images, seeded


def test_images_are_normalised_per_channel_before_the_network():
    class Echo(nn.Module):
        def forward(self, x):
            return x.flatten(1)

    model = Classifier(Echo(), mean=[0.1, 0.2, 0.3], std=[0.5, 0.25, 2.0])
    x = images(2, side=2)
    expected = torch.stack([(x[:, c] - m) / s for c, (m, s) in enumerate([(0.1, 0.5), (0.2, 0.25), (0.3, 2.0)])], 1)
    assert torch.allclose(model(x), expected.flatten(1))


@pytest.mark.parametrize(("mean", "channels"), [([0.5] * 3, 1), ([0.5], 1), ([0.5] * 3, 3), (None, 1)])
def test_grey_images_are_not_broadcast_into_coloured_ones(mean, channels):
    model = Classifier(nn.Flatten(), mean=mean)
    x = images(2, side=2, channels=channels)
    if mean and len(mean) > channels:
        with pytest.raises(UserError, match="3 channels: got '1 channels'"):
            model(x)
    else:
        assert model(x).shape == (2, channels * 4)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"std": [0.0, 1, 1]}, "std must be positive"),
        ({"std": [-1.0]}, "std must be positive"),
        ({"std": [float("nan")]}, "std must be finite"),
        ({"mean": [float("inf")]}, "mean must be finite"),
    ],
)
def test_impossible_normalisation_is_refused(facts, message):
    with pytest.raises(UserError, match=message):
        Classifier(nn.Flatten(), **facts)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("where", ["stem.weight", "body.0.bn1.running_mean"])
def test_weights_and_statistics_that_are_not_finite_are_refused(value, where):
    net = Net(Residual())
    net.state_dict()[where].view(-1)[0] = value
    with pytest.raises(UserError, match=f"1 NaN or infinite values in '{where}'"):
        Classifier(net)


@pytest.mark.parametrize(("output", "shown"), [((1, 2), "tuple"), (torch.zeros(2), r"\(2,\)"), ({"logits": 1}, "dict")])
def test_networks_without_logits_are_told(output, shown):
    class Odd(nn.Module):
        def forward(self, x):
            return output

    with pytest.raises(UserError, match=f"does not return logits: got '{shown}'"):
        Classifier(Odd())(images(2))


def test_evaluating_restores_every_mode_also_after_an_exception():
    model = classifier(Net(Residual(), Residual()))
    model.train()
    model.module.body[1].eval()
    before = {name: module.training for name, module in model.named_modules()}
    inside = []

    def fail():
        with evaluating(model):
            inside.extend(module.training for module in model.modules())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert inside
    assert not any(inside)
    assert {name: module.training for name, module in model.named_modules()} == before


def test_a_classifier_takes_over_the_mode_and_name_of_its_network():
    assert Classifier(nn.Flatten()).training
    assert not Classifier(nn.Flatten().eval()).training
    assert Classifier(nn.Flatten()).name == "Flatten"


def test_equal_classifiers_have_equal_hashes_and_others_do_not():
    def make(**facts):
        return classifier(Net(Residual()), **facts)

    base = make()
    assert base.sha256() == make().sha256() == copy.deepcopy(base).sha256()
    changed = make()
    changed.module.head.bias.data[0] += 1e-6
    statistics = make()
    statistics.module.body[0].bn1.running_mean[0] += 1e-3
    strided = make()
    strided.module.stem = seeded(nn.Conv2d(3, 6, 3, stride=1))
    strided.module.stem.load_state_dict(base.module.stem.state_dict())
    hashes = {m.sha256() for m in (base, changed, statistics, strided, make(mean=[0.5]), make(std=[0.5]))}
    assert len(hashes) == 6


def test_the_hash_sees_an_activation_without_weights():
    assert len({classifier(nn.Sequential(nn.Flatten(), act)).sha256() for act in (nn.ReLU(), nn.Tanh())}) == 2


def test_the_hash_does_not_depend_on_where_objects_lie_in_memory():
    class WithFunction(nn.Module):
        def __init__(self):
            super().__init__()
            self.thing = object()

        def extra_repr(self):
            return repr(self.thing)

    one, other = WithFunction(), WithFunction()
    assert repr(one) != repr(other)
    assert Classifier(one).sha256() == Classifier(other).sha256()


class Darker(nn.Module):
    """A defence."""

    def __init__(self, by=0.5):
        super().__init__()
        self.by = by

    def forward(self, images):
        return self.by * images

    def extra_repr(self):
        return f"by={self.by}"


def test_a_defence_sees_pixels_before_they_are_normalised():
    plain = Classifier(nn.Flatten(), mean=[0.5], std=[0.25])
    defended = Classifier(nn.Flatten(), mean=[0.5], std=[0.25], defense=Darker())
    x = torch.rand(3, 1, 2, 2)
    assert torch.equal(defended(x), plain(0.5 * x))


def test_the_hash_sees_a_defence_and_its_settings():
    hashes = [
        Classifier(nn.Flatten(), defense=defense).sha256() for defense in (None, Darker(), Darker(0.25), Darker(0.25))
    ]
    assert len(set(hashes)) == 3
    assert hashes[2] == hashes[3]
