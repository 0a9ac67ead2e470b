import pytest
import torch
from torch import nn

from advwindow.attacks import RANDOM_DRAWS, Candidates, Status, cw, make_attack, make_budgets, perform, pgd
from advwindow.attacks.judge import BATCH, Jury
from advwindow.errors import UserError
from advwindow.models import Classifier

from .nets import conv, images, labelled


def test_missing_the_target_does_not_make_a_sample_robust():
    model, x = conv(seed=1), images(32)
    y = labelled(model, x)
    with torch.no_grad():
        least = model(x).argmin(1)
    out = pgd(model, x, y, eps="24/255", target=least)
    with torch.no_grad():
        still_right = model(out.images).argmax(1) == y
    assert out.robust_accuracy() == pytest.approx(float(still_right.float().mean()))
    assert out.robust_accuracy() < 1 - float(out.success.float().mean())


def test_a_success_without_the_confidence_asked_for_is_none():
    model, x = conv(), images(6)
    assert not bool(cw(model, x, labelled(model, x), kappa=1000.0, steps=30, search_steps=3).success.any())


class Wild:
    """An attack of somebody's that returns no images."""

    def __call__(self, problem, budgets):
        wild = problem.images.clone()
        wild[0], wild[1] = float("nan"), 2.0
        none = torch.zeros(len(wild), dtype=torch.int64)
        return [Candidates.unreported(wild, forwards=none, backwards=none) for _ in budgets]


def test_what_is_no_image_never_leaves_the_door():
    model, x = conv(), images(3)
    (out,) = perform("wild", Wild(), model, x, labelled(model, x), make_budgets("8/255", "linf"))
    assert torch.equal(out.images, x)
    assert set(out.status) == {Status.FAILED}
    assert out.in_box.tolist() == [False, False, True]
    assert out.checks[:2] == ("outside the box",) * 2


@pytest.mark.parametrize("eps", [1, 1.0, "1"])
def test_one_epsilon_gives_one_outcome(eps):
    model, x = conv(), images(2)
    assert pgd(model, x, labelled(model, x), eps=eps, norm="l2", steps=1).images.shape == x.shape


def test_labels_may_be_any_sequence_of_whole_numbers():
    model, x = conv(), images(3)
    y = labelled(model, x)
    plain = pgd(model, x, tuple(y.tolist()), eps="8/255", steps=2)
    assert torch.equal(plain.images, pgd(model, x, y, eps="8/255", steps=2).images)
    with pytest.raises(UserError, match="whole numbers"):
        pgd(model, x, y + 0.5, eps="8/255")


def test_a_bare_module_is_refused_with_the_fix():
    with pytest.raises(UserError, match=r"aw\.Classifier"):
        pgd(conv().module, images(2), torch.tensor([0, 1]), eps="8/255")


class Noisy(nn.Module):
    """Draws noise whenever it is asked."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(12, 2)

    def forward(self, x):
        return self.layer(x.flatten(1)) + 0.01 * torch.randn(len(x), 2)


def test_a_network_that_draws_leaves_the_global_state_alone_and_is_repeatable():
    model, x = Classifier(Noisy()), images(4, side=2)
    y = torch.zeros(4, dtype=torch.int64)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one = pgd(model, x, y, eps="8/255")
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(pgd(model, x, y, eps="8/255").images, one.images)


class Caching(nn.Module):
    """Keeps a tensor of its first forward pass, as position tables do."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(12, 2)
        self.table = None

    def forward(self, x):
        if self.table is None:
            self.table = x.new_ones(1, 12)
        return self.layer(x.flatten(1) * self.table)


def test_a_network_that_caches_can_be_trained_afterwards():
    model, x = Classifier(Caching()), images(4, side=2)
    pgd(model, x, torch.zeros(4, dtype=torch.int64), eps="8/255")
    model(x).sum().backward()
    assert next(model.parameters()).grad is not None


@pytest.mark.parametrize("name", ["foolbox:LinfPGD", "torchattacks:PGD", "torchattacks:Square"])
def test_the_batch_size_does_not_change_what_another_library_finds(name):
    if name.startswith("torchattacks"):
        pytest.importorskip("torchattacks")
    model, x = conv(), images(9)
    y = labelled(model, x)
    parameters = {"n_queries": 20} if name.endswith("Square") else {"steps": 2}
    found = [
        perform(name, make_attack(name, parameters), model, x, y, make_budgets("8/255", "linf"), batch_size=size)[0]
        for size in (1, 4, 64)
    ]
    assert all(torch.equal(found[0].images, other.images) for other in found)


class Rotten(torch.nn.Module):
    """Subtracts the mean of the batch, as batch norm in training mode does."""

    def forward(self, x):
        flat = x.flatten(1)
        return (flat - flat.mean(0))[:, :3]


class Dice(torch.nn.Module):
    """Adds noise to the image before it looks."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x + 0.02 * torch.randn_like(x))


def test_a_network_whose_images_influence_each_other_is_refused():
    x = images(4)
    with pytest.raises(UserError, match="in other company"):
        pgd(Classifier(Rotten()), x, torch.zeros(4, dtype=torch.int64), eps="8/255")


def test_a_random_network_is_attacked_through_its_mean_and_judged_by_a_majority():
    sober = conv(seed=3)
    x = images(12)
    y = labelled(sober, x)
    dizzy = Classifier(Dice(sober))
    state = torch.get_rng_state()
    out = pgd(dizzy, x, y, eps="24/255", steps=4)
    assert torch.equal(torch.get_rng_state(), state)
    tried = torch.tensor([status is not Status.SKIPPED for status in out.status])
    assert bool(out.success.any())
    votes = Jury(dizzy, passes=200).votes(out.images).argmax(2) != y
    assert float(votes[:, out.success].float().mean(0).min()) > 0.4
    assert torch.equal(out.images, pgd(dizzy, x, y, eps="24/255", steps=4).images)
    assert bool((out.forwards[tried] == 5 * RANDOM_DRAWS).all())


def test_an_image_found_for_two_budgets_is_judged_once():
    model, x = conv(), images(6)
    y = labelled(model, x)
    shown = []
    model.register_forward_hook(lambda module, args, output: shown.append(len(args[0])))
    few = pgd(model, x, y, eps=["64/255"], steps=8, until="success")
    once = shown.count(BATCH)
    many = pgd(model, x, y, eps=["64/255", "65/255", "66/255"], steps=8, until="success")
    assert bool(few[0].success.all())
    assert torch.equal(many[2].images, few[0].images)
    assert shown.count(BATCH) == 2 * once


def test_the_record_tells_what_a_claim_did_not_stand_up_to():
    model, x = conv(), images(2)
    y = labelled(model, x)

    class Boaster:
        def __call__(self, problem, budgets):
            none = torch.zeros(2, dtype=torch.int64)
            claims = Candidates.unreported(problem.images, forwards=none, backwards=none)
            return [claims._replace(first_success_step=none) for _ in budgets]

    (out,) = perform("boaster", Boaster(), model, x, y, make_budgets("8/255", "linf"))
    assert out.claimed.tolist() == [True, True]
    assert out.checks == ("unverified",) * 2
    assert torch.allclose(out.eps_excess, torch.full((2,), -8 / 255).double())
