import pytest
import torch
from torch import nn

from advwindow.errors import UserError
from advwindow.models import LayerInfo, default_layers, first_tensor, select_layers, trace_layers
from tests.models.nets import Net, Residual, classifier, images

X = images()


@pytest.mark.parametrize(
    ("output", "found"),
    [
        (torch.zeros(2), True),
        ((torch.zeros(2), None), True),
        ([torch.zeros(2)], True),
        ({"last_hidden_state": torch.zeros(2), "more": 1}, True),
        ((None, torch.zeros(2)), False),
        ((), False),
        ({}, False),
        (None, False),
        (torch.zeros(2, dtype=torch.int64), False),
        ("text", False),
    ],
)
def test_the_tensor_that_stands_for_an_output(output, found):
    assert (first_tensor(output) is not None) == found


def test_the_trace_has_every_call_in_order_with_shapes():
    relu = nn.ReLU()
    net = nn.Sequential(nn.Conv2d(3, 4, 3), relu, nn.Conv2d(4, 2, 3), relu, nn.Flatten(), nn.Linear(128, 5))
    assert trace_layers(classifier(net), X) == (
        LayerInfo("0", "Conv2d", (4, 10, 10), 1),
        LayerInfo("1", "ReLU", (4, 10, 10), 2),
        LayerInfo("2", "Conv2d", (2, 8, 8), 1),
        LayerInfo("4", "Flatten", (128,), 1),
        LayerInfo("5", "Linear", (5,), 1),
    )


class Odd(nn.Module):
    """Answers with tuples, dictionaries, nothing, and a tensor that is not per image."""

    def __init__(self):
        super().__init__()
        self.pair, self.mapping, self.nothing, self.position = Pair(), Mapped(), Nothing(), Position()
        self.length = Length()
        self.unused = nn.Linear(2, 2)
        self.head = nn.Linear(432, 5)

    def forward(self, x):
        x = self.mapping(self.pair(x)[0])["hidden"]
        self.nothing(x)
        self.length(x)
        return self.head((x + self.position(x)).flatten(1))


class Pair(nn.Module):
    def forward(self, x):
        return x * 2, None


class Mapped(nn.Module):
    def forward(self, x):
        return {"hidden": x + 1}


class Nothing(nn.Module):
    def forward(self, x):
        return None


class Length(nn.Module):
    def forward(self, x):
        return x.flatten(1).norm(dim=1)


class Position(nn.Module):
    def forward(self, x):
        return torch.ones(1, *x.shape[1:])


@pytest.mark.parametrize("count", [1, 2, 5])
def test_only_modules_that_answer_per_image_are_layers(count):
    names = [layer.name for layer in trace_layers(classifier(Odd()), images(count))]
    assert names == ["pair", "mapping", "head"]


@pytest.mark.parametrize("look", [trace_layers, default_layers, lambda m, x: select_layers(m, x, ["*"])])
def test_modes_and_hooks_are_restored_also_after_an_exception(look):
    class Fragile(nn.Module):
        broken = False

        def forward(self, x):
            assert not self.training
            assert not torch.is_grad_enabled()
            if self.broken:
                raise ZeroDivisionError
            return x

    model = classifier(Net(Residual(), Fragile(), Residual())).train()
    model.module.body[0].eval()
    before = [module.training for module in model.modules()]
    look(model, X)
    model.module.body[1].broken = True
    with pytest.raises(ZeroDivisionError):
        look(model, X)
    assert [module.training for module in model.modules()] == before
    assert not any(module._forward_hooks for module in model.modules())


def test_default_layers_come_in_the_order_of_the_forward_pass():
    class Backwards(Net):
        def forward(self, x):
            for block in reversed(self.body):
                x = block(self.stem(x) if block is self.body[-1] else x)
            return self.head(self.pool(x).flatten(1))

    assert default_layers(classifier(Backwards(Residual(), Residual())), X) == ("body.1", "body.0", "pool")


def test_a_network_without_inner_layers_is_told():
    with pytest.raises(UserError, match="has no inner layer"):
        default_layers(classifier(nn.Sequential(nn.Flatten(), nn.Linear(432, 5))), X)


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (["pool"], ["pool"]),
        (["pool", "stem", "stem"], ["stem", "pool"]),
        (["body.?"], ["body.0", "body.1"]),
        (["body.*.conv1"], ["body.0.conv1", "body.1.conv1"]),
        (["body.[1-9]", "he*"], ["body.1", "head"]),
        (["*.bn2", "body.0.bn2"], ["body.0.bn2", "body.1.bn2"]),
    ],
)
def test_patterns_select_in_the_order_of_the_network(patterns, names):
    assert select_layers(classifier(Net(Residual(), Residual())), X, patterns) == tuple(names)


@pytest.mark.parametrize(
    ("pattern", "near"), [("body.0.con1", "body.0.conv1"), ("POOL", "near names"), ("bdy.*", "body"), ("drops", "drop")]
)
def test_a_pattern_without_a_match_is_told_with_near_names(pattern, near):
    with pytest.raises(UserError, match=f"no layer of 'Net' matches: got '.*{near}.*shows all"):
        select_layers(classifier(Net(Residual(), Residual())), X, ["pool", pattern])
