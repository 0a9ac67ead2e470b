import copy
import itertools
import random

import numpy as np
import pytest
import torch
from torch import nn

from advwindow.attacks import Status, fgsm, pgd
from advwindow.attacks.budget import Norm, size
from advwindow.errors import UserError
from advwindow.models import Classifier

from .nets import conv, images, labelled, linear, random_linear


def test_fgsm_on_a_linear_network_is_the_closed_form():
    """Two classes: the loss falls fastest along -sign(w0 - w1)."""
    model = random_linear(2, 48, seed=0, scale=0.01)
    x = 0.2 + 0.6 * images(6, side=4)
    y = labelled(model, x)
    weight = model.module[1].weight.detach()
    direction = torch.sign(weight[1 - y] - weight[y]).reshape(x.shape)
    out = fgsm(model, x, y, eps="0.1")
    assert torch.allclose(out.images, x + 0.1 * direction, atol=1e-6)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("loss", ["ce", "margin"])
def test_pgd_reaches_the_optimum_of_a_linear_network(norm, targeted, loss):
    """The best margin within the ball has a closed form: the margin minus eps times the dual norm of the difference."""
    model = random_linear(2, 48, seed=3, scale=0.02)
    x = 0.4 + 0.2 * images(8, side=4)
    y = labelled(model, x)
    target = 1 - y if targeted else None
    eps = 0.1 if norm == "linf" else 0.3
    out = pgd(model, x, y, eps=str(eps), norm=norm, steps=40, loss=loss, target=target)
    weight = model.module[1].weight.detach()
    difference = weight[y] - weight[1 - y]
    dual = difference.abs().sum(1) if norm == "linf" else difference.norm(dim=1)
    with torch.no_grad():
        logits = model(x)
    clean = logits.gather(1, y[:, None]).squeeze(1) - logits.gather(1, 1 - y[:, None]).squeeze(1)
    best = clean - eps * dual
    assert bool((out.margin <= best + 0.03 * eps * dual).all())
    assert bool((out.margin >= best - 1e-5).all())
    assert torch.equal(out.success, out.margin < 0)


class Trap(nn.Module):
    """One input direction: class 1 wins while 0.25 < x < 0.35, class 0 elsewhere; its gradient always pulls upward."""

    def forward(self, x):
        mean = x.flatten(1).mean(1)
        inside = ((mean > 0.25) & (mean < 0.35)).float()
        return torch.stack([-mean - 10 * inside, mean - 2 + 10 * inside], dim=1)


def test_the_best_iterate_is_returned_not_the_last():
    """Fooled at step 3 (x = 0.3), no longer at step 10 (x = 1.0): libraries that return the last iterate fail here."""
    x = torch.zeros(1, 1, 2, 2)
    y = torch.tensor([0])
    out = pgd(Classifier(Trap()), x, y, eps="1", steps=10, step_size="0.1", random_start=False)
    assert bool(out.success)
    assert int(out.first_success_step) == 3
    assert 0.25 < float(out.images.mean()) < 0.35


def test_a_sample_has_the_same_result_alone_in_any_batch_and_in_any_order():
    model, x = conv(), images(9)
    y = labelled(model, x)
    ids = [f"img{i}" for i in range(9)]
    whole = pgd(model, x, y, eps="4/255", steps=6, restarts=2, ids=ids, seed=5)
    order = torch.tensor([4, 8, 0, 2, 1, 7, 3, 6, 5])
    shuffled = pgd(model, x[order], y[order], eps="4/255", steps=6, restarts=2, ids=[ids[i] for i in order], seed=5)
    small = pgd(model, x, y, eps="4/255", steps=6, restarts=2, ids=ids, seed=5, batch_size=2)
    alone = pgd(model, x[4:5], y[4:5], eps="4/255", steps=6, restarts=2, ids=["img4"], seed=5)
    assert torch.allclose(shuffled.images, whole.images[order], atol=1e-6)
    assert torch.allclose(small.images, whole.images, atol=1e-6)
    assert torch.allclose(alone.images, whole.images[4:5], atol=1e-6)
    assert torch.equal(whole.success[order], shuffled.success)


def test_the_seed_and_the_id_matter():
    model, x = conv(), images(2)
    y = labelled(model, x)
    one = pgd(model, x, y, eps="4/255", steps=1, seed=0)
    assert torch.equal(one.images, pgd(model, x, y, eps="4/255", steps=1, seed=0).images)
    assert not torch.equal(one.images, pgd(model, x, y, eps="4/255", steps=1, seed=1).images)
    assert not torch.equal(one.images, pgd(model, x, y, eps="4/255", steps=1, seed=0, ids=["a", "b"]).images)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_restarts_and_budget_never_make_the_attack_weaker(norm):
    model, x = conv(), images(12)
    y = labelled(model, x)
    eps = "4/255" if norm == "linf" else "0.2"
    one = pgd(model, x, y, eps=eps, norm=norm, steps=4)
    three = pgd(model, x, y, eps=eps, norm=norm, steps=4, restarts=3)
    assert bool((three.margin <= one.margin + 1e-6).all())
    assert bool((three.forwards == 15).all())
    assert bool((three.backwards == 12).all())


def test_several_budgets_share_work_and_close_upward():
    model, x = conv(), images(16)
    y = labelled(model, x)
    texts = ["16/255", "1/255", "64/255", "4/255"]
    outs = pgd(model, x, y, eps=texts, steps=8, until="success")
    single = [pgd(model, x, y, eps=text, steps=8, until="success") for text in texts]
    assert [out.budget.eps for out in outs] == texts
    by_size = [outs[1], outs[3], outs[0], outs[2]]
    for smaller, larger in itertools.pairwise(by_size):
        assert not bool((smaller.success & ~larger.success).any())
    for shared, own in zip(outs, single, strict=True):
        assert not bool((own.success & ~shared.success).any())
    assert sum(int(out.forwards.sum()) for out in outs) < sum(int(out.forwards.sum()) for out in single)


def test_until_success_stops_at_the_first_success():
    model, x = conv(), images(16)
    y = labelled(model, x)
    out = pgd(model, x, y, eps="64/255", steps=20, until="success")
    won = out.first_success_step >= 0
    assert bool(won.any())
    assert torch.equal(out.forwards[won], out.first_success_step[won] + 1)
    assert bool((out.forwards[~won] == 21).all())


def test_misclassified_samples_are_not_attacked_and_say_so():
    model, x = conv(), images(6)
    y = labelled(model, x)
    y[2] = (y[2] + 1) % 5
    out = pgd(model, x, y, eps="64/255", steps=3)
    assert out.status[2] is Status.SKIPPED
    assert torch.equal(out.images[2], x[2])
    assert not bool(out.success[2])
    assert float(out.distance[2]) == 0
    assert int(out.forwards[2]) == 0
    assert out.robust_accuracy() == sum(s is Status.FAILED for s in out.status) / 6


def test_all_misclassified_and_none_at_all():
    model, x = conv(), images(3)
    wrong = (labelled(model, x) + 1) % 5
    out = pgd(model, x, wrong, eps="8/255")
    assert set(out.status) == {Status.SKIPPED}
    assert torch.equal(out.images, x)
    assert pgd(model, x[:0], wrong[:0], eps="8/255").images.shape == (0, 3, 8, 8)


def test_normalisation_inside_and_outside_give_the_same_images():
    """The same function written in two ways: epsilon is in pixel units in both."""
    net = conv()
    plain = nn.Sequential(_Normalise(net.mean.clone(), net.std.clone()), copy.deepcopy(net.module))
    x = images(6)
    y = labelled(net, x)
    inside = pgd(net, x, y, eps="8/255", steps=5)
    outside = pgd(Classifier(plain), x, y, eps="8/255", steps=5)
    assert torch.allclose(inside.images, outside.images, atol=1e-6)
    assert inside.images.min() >= 0


class _Normalise(nn.Module):
    def __init__(self, mean, std):
        super().__init__()
        self.mean, self.std = nn.Parameter(mean), nn.Parameter(std)

    def forward(self, x):
        return (x - self.mean) / self.std


class Poisoned(nn.Module):
    """A linear network whose gradient has a NaN in one place."""

    class Poison(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            gradient = gradient.clone()
            gradient[:, 0] = float("nan")
            return gradient

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(12, 2)

    def forward(self, x):
        return self.layer(self.Poison.apply(x.flatten(1)))


def test_nan_gradients_are_counted_and_survived():
    model = Classifier(Poisoned())
    x = images(3, side=2)
    out = pgd(model, x, labelled(model, x), eps="8/255", steps=5)
    assert bool((out.nonfinite_gradients == 5).all())
    assert bool(torch.isfinite(out.images).all())
    assert bool((out.zero_gradients == 0).all())


def test_vanished_gradients_are_counted():
    model = Classifier(nn.Sequential(nn.Flatten(), _Quantise(), nn.Linear(12, 2)))
    x = images(3, side=2)
    out = pgd(model, x, labelled(model, x), eps="8/255", steps=5)
    assert bool((out.zero_gradients == 5).all())


class _Quantise(nn.Module):
    def forward(self, x):
        return torch.round(x * 4).detach() / 4


def _state(model):
    return (
        [m.training for m in model.modules()],
        [p.requires_grad for p in model.parameters()],
        [p.grad for p in model.parameters()],
        [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()],
        torch.get_rng_state().tolist(),
        random.getstate(),
        np.random.get_state()[1].tolist(),
    )


@pytest.mark.parametrize("attack", [fgsm, pgd])
def test_nothing_outside_is_touched(attack):
    model, x = conv(), images(4)
    y = labelled(model, x)
    model.module.train()
    model.module[1].eval()
    next(model.parameters()).requires_grad_(requires_grad=False)
    before, pixels, weights = _state(model), x.clone(), copy.deepcopy(model.state_dict())
    attack(model, x, y, eps="8/255")
    assert _state(model) == before
    assert torch.equal(x, pixels)
    assert all(torch.equal(weights[key], value) for key, value in model.state_dict().items())


class Explosive(nn.Module):
    """Fails once it is asked for a gradient."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(12, 2)

    def forward(self, x):
        if x.requires_grad:
            message = "boom"
            raise RuntimeError(message)
        return self.layer(x.flatten(1))


def test_state_is_restored_after_an_exception():
    model = Classifier(Explosive().train())
    x = images(2, side=2)
    y = labelled(model, x)
    before = _state(model)
    with pytest.raises(RuntimeError, match="boom"):
        pgd(model, x, y, eps="8/255")
    assert _state(model) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"eps": "x"}, "epsilon is no number"),
        ({"eps": "8"}, "exceeds the pixel range"),
        ({"norm": "l3"}, "unknown norm"),
        ({"steps": 0}, "at least one step"),
        ({"restarts": 0}, "at least one restart"),
        ({"loss": "dlr?"}, "unknown loss"),
        ({"until": "never"}, "until of pgd"),
        ({"ids": ["a", "a", "b"]}, "unique"),
        ({"target": torch.tensor([0, 1])}, "targets do not fit"),
        ({"target": torch.tensor([77, 77, 77])}, "names no output"),
        ({"eps": []}, "no epsilon"),
        ({"batch_size": 0}, "batch size"),
    ],
    ids=str,
)
def test_bad_arguments_are_refused(change, message):
    model, x = conv(), images(3)
    with pytest.raises(UserError, match=message):
        pgd(model, x, labelled(model, x), **({"eps": "8/255"} | change))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x: x * 255, "leave the pixel range"),
        (lambda x: x.index_fill(0, torch.tensor([1]), float("nan")), "not finite"),
        (lambda x: (x * 255).to(torch.uint8), "float tensor"),
    ],
)
def test_bad_images_are_refused(spoil, message):
    model, x = conv(), images(3)
    with pytest.raises(UserError, match=message):
        pgd(model, spoil(x), torch.zeros(3, dtype=torch.int64), eps="8/255")


def test_a_target_that_is_the_true_class_is_refused():
    model, x = conv(), images(3)
    y = labelled(model, x)
    with pytest.raises(UserError, match="true class"):
        pgd(model, x, y, eps="8/255", target=y)


def test_outcome_norms_are_those_of_the_returned_images():
    model, x = conv(), images(4)
    out = pgd(model, x, labelled(model, x), eps="0.2", norm="l2", steps=3)
    delta = (out.images.double() - x.double()).flatten(1)
    assert torch.allclose(out.distance, delta.norm(dim=1))
    assert torch.allclose(out.norms["linf"], delta.abs().amax(1))
    assert torch.allclose(out.norms["l1"], delta.abs().sum(1))
    assert bool((out.distance <= 0.2).all())
    assert torch.equal(out.norms["l2"], size(out.images.double() - x.double(), Norm.L2))


def test_one_output_networks_are_refused():
    model = linear(torch.randn(1, 12))
    with pytest.raises(UserError, match="at least two logits"):
        pgd(model, images(2, side=2), torch.zeros(2, dtype=torch.int64), eps="8/255")


def test_confident_networks_are_no_more_robust():
    """Logits times 1e4 saturate the softmax: a plain cross-entropy loses most of its gradients there."""
    model, x = conv(), images(24)
    y = labelled(model, x)
    scaled = Classifier(
        nn.Sequential(copy.deepcopy(model.module), _Times(1e4)), mean=[0.4, 0.5, 0.6], std=[0.2, 0.3, 0.25]
    )
    plain, certain = (pgd(net, x, y, eps="8/255") for net in (model, scaled))
    assert int(certain.success.sum()) >= int(plain.success.sum()) > 0
    assert int(certain.zero_gradients.sum()) == 0


class _Times(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return self.factor * x
