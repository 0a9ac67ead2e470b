import random
from types import SimpleNamespace

import numpy as np
import polars as pl
import polars.testing
import pytest
import torch
from torch import nn

import advwindow
from advwindow.errors import UserError
from advwindow.models import Classifier
from advwindow.window import Window, WindowCallback
from tests.sweep import parts
from tests.window.helpers import rng, word_space


class Net(nn.Module):
    """A little of everything that a look could disturb."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU())
        self.deep = nn.Sequential(nn.Conv2d(16, 24, 3, 2, 1), nn.BatchNorm2d(24), nn.ReLU())
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(24, parts.CLASSES)

    def forward(self, x):
        return self.head(self.drop(self.deep(self.body(x)).mean((2, 3))))


@pytest.fixture(scope="module")
def words():
    return word_space({name: rng(place).normal(size=20) for place, name in enumerate(parts.NAMES)})


def net(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Net()


def window_of(words, module, **options):
    model = Classifier(module, mean=[0.4, 0.5, 0.6], std=[0.2, 0.3, 0.4], label_names=parts.NAMES)
    return Window(model, words, layers=["body", "deep"], permutations=99, **options)


def callback(words, module, **options):
    return WindowCallback(window_of(words, module), *parts.pictures(), **options)


def fit(module, look, epochs=3):
    x, y = parts.pictures()
    with torch.random.fork_rng():
        torch.manual_seed(7)
        optimizer = torch.optim.SGD(module.parameters(), 0.1, momentum=0.9)
        for epoch in range(1, epochs + 1):
            module.train()
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(x), y).backward()
            optimizer.step()
            look(module, epoch)
    return module


def test_training_is_the_same_with_and_without(words):
    plain = fit(net(), lambda *_: None)
    watched = net()
    look = callback(words, watched)
    fit(watched, look)
    for one, other in zip(plain.state_dict().values(), watched.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    assert look.table["epoch"].unique().to_list() == [1, 2, 3]
    assert look.table.filter(pl.col("epoch") == 3)["change"].null_count() == 0


@pytest.mark.parametrize("copyable", [True, False])
def test_nothing_of_the_network_changes(words, copyable):
    module = net()
    module.train()
    module.body[1].eval()  # a frozen batch normalisation
    module.head.requires_grad_(False)
    x, y = parts.pictures()
    nn.functional.cross_entropy(module(x), y).backward()
    if not copyable:
        module.kept = module(x).sum()  # torch refuses to copy a tensor that has a history
    module.deep.register_forward_hook(lambda *_: None)
    look = callback(words, module)
    module.train()
    module.body[1].eval()
    before = state_of(module)
    look(module, 1)
    after = state_of(module)
    for one, other in zip(before, after, strict=True):
        np.testing.assert_equal(one, other)


def state_of(module):
    """Modes, gradients, what learns, values, hooks, and the random state."""
    return [
        [part.training for part in module.modules()],
        [None if each.grad is None else each.grad.numpy().copy() for each in module.parameters()],
        [each.requires_grad for each in module.parameters()],
        [value.numpy().copy() for value in module.state_dict().values()],
        [
            (len(part._forward_hooks), len(part._forward_pre_hooks), len(part._backward_hooks))
            for part in module.modules()
        ],
        torch.get_rng_state().numpy().copy(),
        np.random.get_state()[1].copy(),
        random.getstate(),
        torch.is_grad_enabled(),
    ]


def test_a_look_is_that_of_a_window_with_the_same_network(words):
    """The window may hold another network: only how it takes images, and the names, are used."""
    module = net(1)
    look = callback(words, net(0))
    report = look(module, 5)
    own = window_of(words, module)
    x, y = parts.pictures()
    expected = own.conclude(own.gather(x, {}, labels=y))
    polars.testing.assert_frame_equal(report.layers, expected.layers)
    polars.testing.assert_frame_equal(callback(words, net(0))(own.model, 5).layers, expected.layers)
    assert look.table["alignment"].to_list() == expected.layers["alignment"].to_list()


def test_changes_count_from_the_first_call(words):
    look = callback(words, net())
    for epoch, seed in ((2, 0), (4, 1)):
        look(net(seed), epoch)
    first, last = (look.table.filter(pl.col("epoch") == epoch) for epoch in (2, 4))
    assert first["change"].null_count() == len(first)
    change = last["alignment"] - first["alignment"]
    assert last["change"].to_list() == pytest.approx(change.to_list())
    assert (last["change_band_low"] <= last["change_ci_low"]).all()
    assert look.onsets["change"].to_list() == pytest.approx(change.to_list())


def test_a_later_look_of_the_same_number_replaces_the_earlier_one(words):
    look, fresh = callback(words, net()), callback(words, net())
    for seed in (3, 0):
        look(net(seed), 1)
    for each in (look, fresh):
        each(net(0), 1)
        each(net(1), 2)
    polars.testing.assert_frame_equal(look.table, fresh.table)


def test_the_network_may_hide_in_what_is_handed_over(words):
    module = net()
    whole = nn.ModuleDict({"net": module})
    look = callback(words, net(), network=lambda each: each["net"])
    look(whole, 1)
    plain = callback(words, net())
    plain(module, 1)
    polars.testing.assert_frame_equal(look.table, plain.table)


def trainer(epoch, **facts):
    return SimpleNamespace(current_epoch=epoch, **facts)


def test_hooks_count_finished_epochs_and_look_every_so_often(words):
    look = callback(words, net(), every=2)
    for epoch in range(5):
        look.on_train_epoch_end(trainer(epoch, is_global_zero=True), net())
    assert look.table["epoch"].unique().to_list() == [2, 4]


def test_hooks_leave_sanity_checks_and_other_processes_out(words):
    look = callback(words, net())
    look.on_validation_epoch_end(trainer(0, sanity_checking=True), net())
    look.on_train_epoch_end(trainer(0, is_global_zero=False), net())
    assert look.table.is_empty()
    with torch.inference_mode():
        look.on_validation_epoch_end(trainer(0, sanity_checking=False), net())
    assert look.table["epoch"].unique().to_list() == [1]


@pytest.mark.parametrize("every", [0, -1])
def test_looks_must_be_apart(words, every):
    with pytest.raises(UserError, match="some epochs apart"):
        callback(words, net(), every=every)


def test_diverged_weights_are_told(words):
    module = net()
    with torch.no_grad():
        module.head.weight.fill_(float("nan"))
    with pytest.raises(UserError, match="finite"):
        callback(words, net())(module, 1)


def test_it_is_public():
    assert advwindow.WindowCallback is WindowCallback
