import itertools
import math

import pytest
import torch

from advwindow.attacks.apgd import APGD
from advwindow.attacks.auto import Auto, AutoQuick, Cascade, Stage
from advwindow.attacks.boards import Found, candidates
from advwindow.attacks.budget import Norm, make_budgets
from advwindow.attacks.door import perform
from advwindow.attacks.fab import FAB
from advwindow.attacks.lanes import JobResult
from advwindow.attacks.square import Square
from advwindow.errors import UserError

from .nets import conv, images, labelled, random_linear

SMALL = Auto(steps=8, targets=4, queries=30)
EPS = {"linf": 0.008, "l2": 0.1, "l1": 1.0}


def run(attack, model, x, y, *, eps, norm="linf", **options):
    outs = perform("auto", attack, model, x, y, make_budgets(eps, norm), **options)
    return outs if isinstance(eps, list) else outs[0]


class Only(Cascade):
    """Some stages of another cascade, or made-up ones."""

    def __init__(self, *stages):
        self._stages = stages

    def stages(self, norm=Norm.LINF):
        return self._stages


class Told:
    """An attack that claims what it is told, by ids, at every epsilon; and remembers what it was asked."""

    def __init__(self, *, claims=(), image=None, forwards=10):
        self.claims, self.image, self.forwards, self.asked = claims, image, forwards, []

    def __call__(self, problem, budgets):
        self.asked.append((problem.ids, [budget.eps for budget in budgets]))
        return [self._candidates(problem) for _ in budgets]

    def _candidates(self, problem):
        board = [Found() for _ in problem.ids]
        for found, name, image in zip(board, problem.ids, problem.images, strict=True):
            won = name in self.claims
            made = self.image[int(name)] if won and self.image is not None else image
            found.note(
                JobResult(made, won, 0.0, math.inf, 3 if won else -1, self.forwards, 2, 1, 0, False, torch.ones(2))
            )
        return candidates(board)


@pytest.mark.parametrize("norm", [Norm.LINF, Norm.L2])
def test_the_standard_protocol_is_the_published_one(norm):
    """Reference AA-1, and the order of AA-2; with 1000 classes it is still 9 targets."""
    stages = Auto().stages(norm)
    assert [stage.name for stage in stages] == ["apgd-ce", "apgd-t", "fab-t", "square"]
    first, second, third, fourth = (stage.attack for stage in stages)
    assert first == APGD(steps=100, restarts=1, loss="ce", rho=0.75, until="success")
    assert second == APGD(steps=100, restarts=1, loss="dlr-targeted", targets=9, rho=0.75, until="success")
    assert third == FAB(steps=100, restarts=1, targets=9, alpha_max=0.1, eta=1.05, beta=0.9, until="success")
    assert isinstance(fourth, Square)
    published = Square(queries=5000, p_init=0.8, restarts=1, rescale_schedule=False, until="success")
    assert vars(fourth) == vars(published)
    assert fourth.nearness < published.nearness  # in auto the boundary is near a little later
    assert Auto().notes(1000, norm) == ()
    assert stages[1].settings["targets"] == 9


def test_the_l1_protocol_has_five_starts_and_five_targets_and_says_what_is_missing():
    stages = {stage.name: stage.attack for stage in Auto().stages(Norm.L1)}
    assert list(stages) == ["apgd-ce", "apgd-t", "fab-t"]
    assert (stages["apgd-ce"].restarts, stages["apgd-t"].targets, stages["fab-t"].targets) == (5, 5, 9)
    assert Auto().notes(10, Norm.L1) == ("square is left out: it has no squares in l1",)


def test_nine_targets_are_attacked_whatever_the_number_of_classes():
    model, x = random_linear(25, 12, seed=0), images(2, side=2)
    stage = Auto(steps=5).stages()[1]
    out = run(Only(stage), model, x, labelled(model, x), eps="0.0001")
    assert bool((out.backwards == 9 * 5).all())


@pytest.mark.parametrize(
    ("classes", "left_out", "fewer"), [(2, 1, 1), (3, 1, 1), (4, 0, 2), (9, 0, 2), (10, 0, 0), (1000, 0, 0)]
)
def test_few_classes_are_noted(classes, left_out, fewer):
    """Reference AA-3."""
    notes = Auto().notes(classes)
    assert sum("left out" in note for note in notes) == left_out
    assert sum(f"{classes - 1} classes instead of 9" in note for note in notes) == fewer
    assert len(notes) == left_out + fewer


def test_changed_settings_are_noted():
    assert Auto(steps=20, queries=9).notes(10) == (
        "not the standard protocol: steps = 20 instead of 100, queries = 9 instead of 5000",
    )


@pytest.mark.parametrize("attack", [SMALL, AutoQuick(steps=4, queries=10)], ids=["auto", "quick"])
@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
@pytest.mark.parametrize("classes", [2, 3, 4, 6])
def test_it_runs_with_few_classes(attack, norm, classes):
    model, x = random_linear(classes, 48, seed=1, scale=0.02), images(4, side=4)
    out = run(attack, model, x, labelled(model, x), eps=str(EPS[norm]), norm=norm)
    assert bool((out.eps_excess <= 0).all())
    assert torch.equal(out.claimed, out.success)


def test_stages_see_only_what_withstood_those_before():
    """Reference AA-2, with stages that are told what to claim."""
    model, x = conv(), images(6)
    y = labelled(model, x)
    fooled = run(APGD(steps=20), model, x, y, eps="0.5").images
    first, second, third = Told(claims="04", image=fooled), Told(claims="123", image=fooled), Told()
    stages = [Stage(str(place), told) for place, told in enumerate((first, second, third))]
    out = run(Only(*stages), model, x, y, eps="0.5")
    assert [told.asked for told in (first, second, third)] == [
        [(tuple("012345"), ["0.5"])],
        [(tuple("1235"), ["0.5"])],
        [(tuple("5"), ["0.5"])],
    ]
    assert out.success.tolist() == [True, True, True, True, True, False]
    assert out.forwards.tolist() == [11, 22, 22, 22, 11, 33]
    assert out.backwards.tolist() == [2, 4, 4, 4, 2, 6]
    assert out.zero_gradients.tolist() == [1, 2, 2, 2, 1, 3]
    assert out.first_success_step.tolist() == [3, 3, 3, 3, 3, -1]


def test_a_claim_that_no_forward_pass_confirms_closes_nothing():
    """Reference AA-4."""
    model, x = conv(), images(3)
    liar, honest = Told(claims="012"), Told()
    out = run(Only(Stage("liar", liar), Stage("honest", honest)), model, x, labelled(model, x), eps="0.5")
    assert honest.asked == [(("0", "1", "2"), ["0.5"])]
    assert not bool(out.success.any())
    assert not bool(out.claimed.any())


def test_budgets_go_upward_and_a_success_closes_every_larger_one():
    model, x = conv(), images(3)
    y = labelled(model, x)
    fooled = run(APGD(steps=20), model, x, y, eps="0.5").images
    told, minimal = Told(claims="1", image=fooled), Told(claims="2", image=fooled)
    outs = run(
        Only(Stage("told", told), Stage("minimal", minimal, nested=True)), model, x, y, eps=["0.6", "0.5", "0.7"]
    )
    assert told.asked == [(("0", "1", "2"), ["0.5"]), (("0",), ["0.6"]), (("0",), ["0.7"])]
    assert minimal.asked == [(("0", "2"), ["0.5", "0.6", "0.7"])]
    assert [out.success.tolist() for out in outs] == [[False, True, True]] * 3
    assert torch.equal(outs[0].images[1], outs[1].images[1])
    assert [out.forwards.tolist() for out in outs] == [[12, 0, 1], [22, 11, 22], [12, 0, 1]]


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_no_stage_raises_robust_accuracy(norm):
    """Reference AA-2, on a real network."""
    model, x = conv(1), images(24)
    y = labelled(model, x)
    stages = Auto(steps=6, targets=4, queries=60).stages(Norm(norm))
    left = [
        run(Only(*stages[: count + 1]), model, x, y, eps=str(EPS[norm]), norm=norm).success
        for count in range(len(stages))
    ]
    for fewer, more in itertools.pairwise(left):
        assert not bool((fewer & ~more).any())
    assert 0 < int(left[-1].sum()) < len(x)


@pytest.mark.parametrize(("norm", "order"), [("linf", 1), ("l2", 2)])
def test_robust_accuracy_of_a_linear_network_is_the_exact_one(norm, order):
    """Away from the box a sample falls if epsilon times the dual norm exceeds the margin to any other class."""
    model = random_linear(5, 48, seed=3, scale=0.02)
    x = 0.3 + 0.4 * images(40, side=4)
    y = labelled(model, x)
    weight = model.module[1].weight.detach()
    with torch.no_grad():
        logits = model(x)
    gaps = logits.gather(1, y[:, None]) - logits
    lengths = (weight[y][:, None] - weight[None]).norm(p=order, dim=2)
    needed = (gaps / lengths.clamp_min(1e-9)).scatter(1, y[:, None], math.inf).amin(1)
    eps = float(needed.median()) * 1.001
    clear = (needed - eps).abs() > 1e-2 * eps
    assert int(clear.sum()) > 30
    out = run(Auto(steps=30, queries=20), model, x, y, eps=repr(eps), norm=norm)
    assert torch.equal(out.success[clear], (needed < eps)[clear])


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_sample_has_the_same_result_alone_and_in_any_batch(norm):
    model, x = conv(), images(5)
    y = labelled(model, x)
    ids = [f"img{place}" for place in range(5)]
    settings = {"eps": str(EPS[norm]), "norm": norm, "seed": 3}
    whole = run(SMALL, model, x, y, ids=ids, **settings)
    small = run(SMALL, model, x, y, ids=ids, batch_size=2, **settings)
    alone = run(SMALL, model, x[3:4], y[3:4], ids=["img3"], **settings)
    assert torch.allclose(small.images, whole.images, atol=1e-5)
    assert torch.allclose(alone.images, whole.images[3:4], atol=1e-5)


def test_several_budgets_are_cheaper_together_and_never_weaker():
    model, x = conv(), images(10)
    y = labelled(model, x)
    texts = ["0.016", "0.004", "0.008"]
    outs = run(SMALL, model, x, y, eps=texts)
    single = [run(SMALL, model, x, y, eps=text) for text in texts]
    for shared, own in zip(outs, single, strict=True):
        assert not bool((own.success & ~shared.success).any())
        assert bool((shared.eps_excess <= 0).all())
    assert sum(int(out.forwards.sum()) for out in outs) < sum(int(out.forwards.sum()) for out in single)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_sample_that_withstands_everything_costs_what_its_stages_cost(norm):
    model, x = conv(), images(4)
    out = run(SMALL, model, x, labelled(model, x), eps="1e-5", norm=norm)
    costs = [stage.attack.cost() for stage in SMALL.stages(Norm(norm))]
    most = sum(cost.forwards + 1 for cost in costs)
    assert out.withstood() == 4
    assert bool((out.backwards == sum(cost.backwards for cost in costs)).all())
    assert bool((out.forwards <= most).all())
    second_looks = sum(max(stage.targets, 1) for stage in SMALL.stages(Norm(norm)))
    assert bool((out.forwards >= most - 5 - second_looks).all()), "only the end of fab may cost less besides"
    assert out.trace.shape[1] >= 9


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
@pytest.mark.parametrize("attack", [SMALL, Auto(), AutoQuick()], ids=["small", "auto", "quick"])
def test_cost_covers_the_stages_of_every_norm(attack, norm):
    costs = [stage.attack.cost() for stage in attack.stages(Norm(norm))]
    assert attack.cost(Norm(norm)).backwards >= sum(cost.backwards for cost in costs)
    assert attack.cost(Norm(norm)).forwards >= sum(cost.forwards for cost in costs) + len(costs)


def test_costs_of_the_defaults():
    assert AutoQuick().cost().backwards == 80
    assert Auto().cost().backwards == 1900
    assert 7700 < Auto().cost().forwards < 7900


def test_a_class_can_be_reached():
    model, x = conv(), images(8)
    y = labelled(model, x)
    target = (y + 1) % 5
    out = run(SMALL, model, x, y, eps="0.1", target=target)
    assert bool(out.success.any())
    assert torch.equal(out.prediction[out.success], target[out.success])


@pytest.mark.parametrize(
    ("change", "message"),
    [({"norm": "l0", "eps": "5"}, "no stage has such a norm"), ({"eps": None}, "needs an epsilon")],
    ids=str,
)
def test_bad_budgets_are_refused(change, message):
    model, x = conv(), images(2)
    with pytest.raises(UserError, match=message):
        run(SMALL, model, x, labelled(model, x), **({"eps": "8/255"} | change))


@pytest.mark.parametrize("setting", ["steps", "targets", "queries"])
@pytest.mark.parametrize("kind", [Auto, AutoQuick])
def test_settings_are_checked_at_once(kind, setting):
    with pytest.raises(UserError, match="at least"):
        kind(**{setting: 0})
