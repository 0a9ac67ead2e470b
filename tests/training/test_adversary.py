import pytest
import torch
from torch import nn
from torch.nn.functional import kl_div, log_softmax

from advwindow.models import Classifier
from advwindow.training import perturbed

from .parts import recipe

EPS = 8 / 255


def linear(seed=0):
    torch.manual_seed(seed)
    return Classifier(nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 4, 2)))


def drawn(count=6):
    generator = torch.Generator().manual_seed(3)
    return 0.2 + 0.6 * torch.rand(count, 3, 4, 4, generator=generator), torch.arange(count) % 2


def steepest_sign(model, labels):
    """Of a linear network with two classes the loss rises fastest along the difference of the rows of weights."""
    weight = model.module[1].weight.detach()
    return (weight[1 - labels] - weight[labels]).sign().view(-1, 3, 4, 4)


@pytest.mark.parametrize(("method", "start", "step"), [("fgsm-rs", 1.0, 1.25), ("n-fgsm", 2.0, 1.0)])
def test_one_step_on_a_linear_network_is_known_in_closed_form(method, start, step):
    model, (images, labels) = linear(), drawn()
    noise = (2 * torch.rand(images.shape, generator=torch.Generator().manual_seed(7)) - 1) * start * EPS
    expected = images + noise + step * EPS * steepest_sign(model, labels)
    if method == "fgsm-rs":
        expected = torch.minimum(torch.maximum(expected, images - EPS), images + EPS)
    found = perturbed(model, images, labels, recipe(method=method), torch.Generator().manual_seed(7))
    assert torch.allclose(found, expected.clamp(0, 1), atol=1e-6)


def test_enough_steps_reach_the_corner_of_the_ball():
    model, (images, labels) = linear(), drawn()
    found = perturbed(model, images, labels, recipe(method="pgd", steps=12), torch.Generator())
    assert torch.allclose(found, images + EPS * steepest_sign(model, labels), atol=1e-6)


def test_l2_stays_inside_and_reaches_the_edge():
    model, (images, labels) = linear(), drawn()
    found = perturbed(model, images, labels, recipe(method="pgd", norm="l2", eps="0.3"), torch.Generator())
    length = (found.double() - images.double()).flatten(1).norm(dim=1)
    assert (length <= 0.3).all()
    assert (length > 0.299).all()


def test_trades_moves_the_answer_as_far_as_the_ball_allows():
    """Of a linear network with two classes the divergence is largest in one of two opposite corners."""
    model, (images, labels) = linear(), drawn()
    found = perturbed(model, images, labels, recipe(method="trades"), torch.Generator())
    clean = log_softmax(model(images), 1)

    def divergence(moved):
        return kl_div(log_softmax(model(moved), 1), clean, reduction="none", log_target=True).sum(1).detach()

    step = EPS * steepest_sign(model, labels)
    best = torch.maximum(divergence(images + step), divergence(images - step))
    assert (divergence(found) >= 0.9 * best).all()
    assert (divergence(found) <= best * (1 + 1e-4)).all()


def test_modes_and_parameters_are_left_alone():
    model, (images, labels) = linear(), drawn()
    model.train()
    perturbed(model, images, labels, recipe(method="pgd"), torch.Generator())
    assert all(part.training for part in model.modules())
    assert all(each.grad is None for each in model.parameters())
