import pytest
import torch
from torch import nn

from advwindow.errors import UserError
from advwindow.models import Classifier
from advwindow.training import Epoch, Samples, train_epoch
from advwindow.training.fit import make_optimizer, note_on, validate

from .parts import Quiet, recipe


def subject():
    torch.manual_seed(0)
    return Classifier(nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(64, 3)))


def samples(count=48):
    labels = torch.arange(count) % 3
    images = 0.2 * torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    images[torch.arange(count), labels] += 0.7
    return Samples(images, labels)


@pytest.mark.parametrize("method", ["standard", "fgsm-rs", "n-fgsm", "pgd", "trades"])
def test_every_method_learns(method):
    model, task = subject(), recipe(method=method, epochs=6, eps="2/255", padding=0)
    optimizer = make_optimizer(model, task)
    losses = [train_epoch(model, optimizer, samples(), task, epoch, Quiet())[0] for epoch in range(1, 7)]
    assert losses[-1] < losses[0]
    assert validate(model, samples(), task)[0] > 0.9


def test_an_epoch_depends_on_seed_and_number_alone():
    def weights(epoch, seed=0):
        model = subject()
        torch.manual_seed(epoch + seed)  # global randomness must not matter
        task = recipe(method="fgsm-rs", seed=seed)
        train_epoch(model, make_optimizer(model, task), samples(), task, epoch, Quiet())
        return model.module[3].weight.detach()

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))
    assert not torch.equal(weights(1), weights(1, seed=5))


def test_a_trailing_batch_of_one_is_left_out():
    model, task = subject(), recipe(batch_size=47)
    _, accuracy = train_epoch(model, make_optimizer(model, task), samples(48), task, 1, Quiet())
    assert (accuracy * 47) == pytest.approx(round(accuracy * 47))


def test_divergence_is_told():
    model, task = subject(), recipe()
    optimizer = make_optimizer(model, task)
    with torch.no_grad():
        model.module[3].weight.fill_(float("nan"))
    with pytest.raises(UserError, match="diverged in epoch 1"):
        train_epoch(model, optimizer, samples(), task, 1, Quiet())


def record(epoch, trained, robust):
    return Epoch(epoch, 1.0, trained, 0.8, robust, 1.0)


@pytest.mark.parametrize(
    ("trained", "robust", "noticed"),
    [(0.9, 0.05, True), (0.9, 0.35, False), (0.5, 0.05, False)],
    ids=["collapsed", "still robust", "both fell: no sign of it"],
)
def test_catastrophic_overfitting_is_noticed(trained, robust, noticed):
    history = [record(1, 0.4, 0.3), record(2, 0.6, 0.4)]
    assert bool(note_on(history, trained, robust)) is noticed


def test_nothing_is_noticed_where_there_was_no_robustness():
    assert note_on([record(1, 0.4, 0.15)], 0.9, 0.0) == ""
