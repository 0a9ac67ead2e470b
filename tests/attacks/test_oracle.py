import pytest
import torch

from advwindow.attacks import pgd
from advwindow.attacks.goal import Goal
from advwindow.attacks.oracle import Oracle, out_of_memory, slope_at
from advwindow.models import Classifier

from .nets import conv, images, labelled


class Cramped(torch.nn.Module):
    """Has memory for so many images and no more."""

    def __init__(self, net, room):
        super().__init__()
        self.net = net
        self.room = room
        self.asked = []

    def forward(self, x):
        self.asked.append(len(x))
        if len(x) > self.room:
            raise torch.OutOfMemoryError("no memory left")
        return self.net(x)


def _own(logits, classes):
    return logits.gather(1, classes[:, None]).squeeze(1)


@pytest.mark.parametrize(("room", "asked"), [(8, [7]), (4, [7, 3, 3, 1]), (1, [7, 3, 1, 1, 1, 1, 1, 1, 1])])
def test_where_memory_runs_out_the_batch_is_halved_and_the_answer_is_the_same(room, asked):
    net, x = conv(), images(7)
    classes = labelled(net, x)
    cramped = Cramped(net, room)
    slope = Oracle(cramped).slope(x, _own, classes)
    expected = slope_at(net, x, _own, classes)
    assert cramped.asked == asked
    for got, wanted in zip(slope, expected, strict=True):
        assert torch.allclose(got, wanted, atol=1e-6)


def test_the_smaller_batch_stays():
    cramped = Cramped(conv(), 4)
    oracle = Oracle(cramped)
    oracle.logits(images(8))
    cramped.asked.clear()
    oracle.logits(images(8))
    assert cramped.asked == [4, 4]


def test_one_image_that_does_not_fit_is_an_error():
    with pytest.raises(torch.OutOfMemoryError):
        Oracle(Cramped(conv(), 0)).logits(images(4))


def test_other_errors_pass_through():
    class Broken(torch.nn.Module):
        def forward(self, x):
            raise RuntimeError("shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="multiplied"):
        Oracle(Broken()).logits(images(4))


def test_what_counts_as_out_of_memory():
    with pytest.raises(RuntimeError) as cpu:
        torch.empty(2**60, dtype=torch.uint8)
    assert out_of_memory(cpu.value)
    assert out_of_memory(MemoryError())
    assert not out_of_memory(RuntimeError("a bug"))


def test_an_attack_goes_on_with_a_smaller_batch():
    net, x = conv(), images(9)
    y = labelled(net, x)
    roomy = pgd(Classifier(Cramped(net, 1000)), x, y, eps="16/255", steps=3)
    tight = pgd(Classifier(Cramped(net, 8)), x, y, eps="16/255", steps=3, batch_size=9)  # 8: the judge's own batch
    assert torch.allclose(tight.images, roomy.images, atol=1e-5)
    assert torch.equal(tight.success, roomy.success)


def test_gradients_of_a_random_network_are_averaged():
    class Doubled(torch.nn.Module):
        """Scales its only logit by 0 or 2, in turn."""

        def __init__(self):
            super().__init__()
            self.turn = 0

        def forward(self, x):
            self.turn += 1
            return 2 * (self.turn % 2) * x.flatten(1).sum(1, keepdim=True)

    slope = Oracle(Doubled(), draws=4).slope(torch.ones(2, 1, 1, 3), lambda logits: logits[:, 0])
    assert torch.equal(slope.gradient, torch.ones(2, 1, 1, 3))
    assert slope.logits.tolist() == [[3.0], [3.0]]
    assert not bool(slope.zero.any())


def test_accidents_are_counted_and_mended():
    class Spiked(torch.nn.Module):
        def forward(self, x):
            flat = x.flatten(1)
            return torch.stack([flat[:, 0].sqrt(), flat[:, 1]], 1)

    x = torch.zeros(2, 1, 1, 3)
    x[1] = 1
    slope = slope_at(Spiked(), x, lambda logits: logits[:, 0])
    assert slope.nonfinite.tolist() == [True, False]
    assert slope.zero.tolist() == [True, False]
    assert bool(slope.gradient.isfinite().all())


def test_the_gradient_is_that_of_the_loss():
    net, x = conv(), images(5).double()
    net = net.double()
    goal = Goal(labelled(net, x))
    slope = slope_at(net, x, lambda logits: goal.loss(logits, "ce"))
    direction = torch.randn(x.shape, generator=torch.Generator().manual_seed(0)).double()
    step = 1e-6
    difference = (goal.loss(net(x + step * direction), "ce") - goal.loss(net(x - step * direction), "ce")) / (2 * step)
    assert torch.allclose((slope.gradient * direction).flatten(1).sum(1), difference, rtol=1e-5)
