import importlib.util
import random

import numpy as np
import pytest
import torch
from torch import nn

from advwindow.attacks import fgsm, make_attack, make_budgets, perform
from advwindow.attacks.catalog import default_norm, foreign_names
from advwindow.attacks.foreign import Foolbox, TorchAttacks, class_names
from advwindow.attacks.foreign_facts import FACTS, NOT_ATTACKS
from advwindow.errors import MissingExtraError, UserError
from advwindow.models import Classifier

from .nets import conv, images, labelled

KINDS = {"torchattacks": TorchAttacks, "foolbox": Foolbox}
CLASSES = [f"{library}:{name}" for library, facts in FACTS.items() for name in facts]
#: Attacks that do not run on a small convolutional network, colour images and no more, and why.
ELSEWHERE = {
    "foolbox:BinarizationRefinementAttack": "a network that binarises its input",
    **{f"foolbox:{norm}BrendelBethgeAttack": "numba" for norm in ("L0", "L1", "L2", "Linfinity")},
}
SMALL = {
    **dict.fromkeys(("N", "m", "n_restarts", "restarts", "eot_iter", "noise_batch_size", "nb_iter"), 2),
    **dict.fromkeys(("steps", "num_iter_set", "repeats", "population", "binary_search_steps"), 3),
    **dict.fromkeys(("nb_sample", "directions", "n_queries"), 6),
    "max_batch_size": 4,
    "max_iterations": 10,
    "initial_gradient_eval_steps": 4,
    "l2_binary_search": False,
}
EPS = {"linf": "16/255", "l2": "0.7", "l1": "6", "l0": "15"}


def _made(name, **parameters):
    library, _, kind = name.partition(":")
    if library == "torchattacks":
        pytest.importorskip("torchattacks")
    return KINDS[library](kind, parameters)


def _small(name, **parameters):
    accepted = _made(name)._signature()
    return _made(name, **{key: value for key, value in SMALL.items() if key in accepted} | parameters)


def _attack(name, model, x, y, eps, *, norm=None, target=None, seed=0, **parameters):
    attack = _made(name, **parameters)
    budgets = make_budgets(eps, norm or attack.natural_norm())
    return perform(name, attack, model, x, y, budgets, target=target, seed=seed)[0]


@pytest.fixture(scope="module")
def victims():
    model, x = conv(), images(6)
    y = labelled(model, x)
    return model, x, y, (y + 1) % 5


@pytest.mark.parametrize("library", KINDS)
def test_every_class_that_a_library_ships_is_known(library):
    pytest.importorskip(library)
    shipped = {KINDS[library](name)._class().__name__ for name in class_names(library)}
    assert shipped == set(FACTS[library])


def _assert_no_more(out, told):
    spent = int(out.forwards.max()), int(out.backwards.max())
    assert told is None or all(part <= most for part, most in zip(spent, told, strict=True))


@pytest.mark.parametrize("name", [name for name in CLASSES if name not in ELSEWHERE])
def test_every_attack_runs_and_costs_no_more_than_told(name, victims):
    model, x, y, t = victims
    attack = _small(name)
    goal = {"target": t} if attack.facts.goals == "targeted" else {}
    told = attack.cost(classes=5)
    natural = attack.natural_norm()
    for norm, eps in [(natural, EPS[natural])] + ([] if attack.bounded else [(attack.norms()[-1], None)]):
        attack.check_budget(make_budgets(eps, norm)[0])
        (out,) = perform(name, attack, model, x, y, make_budgets(eps, norm), **goal)
        with torch.no_grad():
            found = model(out.images).argmax(1)
        reached = found == t if goal else found != y
        assert torch.equal(out.success, reached & (out.norms[norm] <= out.budget.value))
        assert bool(out.in_box.all())
        assert bool((out.eps_excess <= 0).all())
        assert torch.equal(out.backwards > 0, torch.full_like(out.success, attack.access == "white"))
        _assert_no_more(out, told)


#: No early stop, so every pass that was told is made.
STEADY = [
    *(f"torchattacks:{name}" for name in ("FGSM", "PGD", "EOTPGD", "VMIFGSM", "SINIFGSM", "PGDRS", "TPGD", "SPSA")),
    *(f"foolbox:{name}" for name in ("LinfPGD", "L1FMNAttack", "DDNAttack", "NewtonFoolAttack")),
    *(f"foolbox:{name}" for name in ("VirtualAdversarialAttack", "InversionAttack", "SaltAndPepperNoiseAttack")),
]


@pytest.mark.parametrize("name", STEADY)
def test_costs_are_exact_where_nothing_stops_early(name, victims):
    model, x, y, _ = victims
    attack = _small(name)
    norm = attack.natural_norm()
    (out,) = perform(name, attack, model, x, y, make_budgets(EPS[norm], norm))
    assert (out.forwards.tolist(), out.backwards.tolist()) == tuple([part] * 6 for part in attack.cost())


@pytest.mark.parametrize(
    ("name", "cost"),
    [
        ("torchattacks:PGD", (10, 10)),
        ("torchattacks:FAB", None),
        ("torchattacks:JSMA", None),
        ("foolbox:LinfPGD", (41, 40)),
        ("foolbox:L2CarliniWagnerAttack", (90001, 90000)),
        ("foolbox:HopSkipJumpAttack", None),
    ],
)
def test_costs_at_default_parameters(name, cost):
    assert _made(name).cost() == cost


def test_costs_that_depend_on_the_number_of_classes():
    assert _made("torchattacks:DeepFool").cost() is None
    assert _made("torchattacks:DeepFool").cost(classes=10) == (50, 500)


@pytest.mark.parametrize("name", [name for name, needs in ELSEWHERE.items() if needs != "numba"])
def test_what_an_attack_needs_is_told_when_it_fails(name, victims):
    model, x, y, _ = victims
    with pytest.raises(UserError, match=f"failed.*{ELSEWHERE[name]}"):
        perform(name, _small(name), model, x, y, make_budgets(None, "l2"))


class Binarised(nn.Module):
    """Looks only at which pixels are bright."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model((x >= 0.5).float())


def test_binarization_refinement_on_a_network_that_binarises(victims):
    _, x, _, _ = victims
    model = Classifier(Binarised(conv()))
    name = "foolbox:BinarizationRefinementAttack"
    (out,) = perform(name, _made(name), model, x, labelled(model, x), make_budgets(None, "l2"))
    assert bool(out.success.any())


@pytest.mark.parametrize("name", [name for name, needs in ELSEWHERE.items() if needs == "numba"])
def test_brendel_bethge_names_the_package_it_needs(name, victims):
    if importlib.util.find_spec("numba"):
        pytest.skip("numba is installed: see the next test")
    model, x, y, _ = victims
    with pytest.raises(MissingExtraError, match="pip install numba"):
        perform(name, _small(name), model, x, y, make_budgets(None, _made(name).natural_norm()))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, needs in ELSEWHERE.items() if needs == "numba"])
def test_brendel_bethge_runs_with_it(name, victims):
    pytest.importorskip("numba")
    model, x, y, _ = victims
    attack = _small(name)
    (out,) = perform(name, attack, model, x, y, make_budgets(None, attack.natural_norm()))
    assert bool(out.success.all())
    _assert_no_more(out, attack.cost())


@pytest.mark.parametrize(
    ("name", "norms", "access"),
    [
        ("torchattacks:PGD", ("linf",), "white"),
        ("torchattacks:Square", ("linf", "l2"), "score"),
        ("torchattacks:EADL1", ("l1",), "white"),
        ("torchattacks:OnePixel", ("l0",), "score"),
        ("torchattacks:Pixle", ("l0",), "score"),
        ("torchattacks:JSMA", ("l0",), "white"),
        ("torchattacks:SparseFool", ("l0",), "white"),
        ("torchattacks:FAB", ("linf", "l2"), "white"),
        ("foolbox:LinfPGD", ("linf",), "white"),
        ("foolbox:L0FMNAttack", ("l0",), "white"),
        ("foolbox:L1BrendelBethgeAttack", ("l1",), "white"),
        ("foolbox:EADAttack", ("l1",), "white"),
        ("foolbox:SparseL1DescentAttack", ("l1",), "white"),
        ("foolbox:GenAttack", ("linf",), "score"),
        ("foolbox:BoundaryAttack", ("l2",), "decision"),
        ("foolbox:HopSkipJumpAttack", ("l2", "linf"), "decision"),
        ("foolbox:GaussianBlurAttack", ("l2", "linf", "l1", "l0"), "decision"),
        ("foolbox:L2AdditiveGaussianNoiseAttack", ("l2",), "decision"),
        ("foolbox:LinfRepeatedAdditiveUniformNoiseAttack", ("linf",), "decision"),
    ],
)
def test_norms_and_access(name, norms, access):
    attack = _made(name)
    assert attack.norms() == norms
    assert attack.access == access
    assert default_norm(name, {}) == norms[0]


def test_hop_skip_jump_minimises_the_norm_of_the_budget(victims):
    model, x, y, _ = victims
    name, parameters = "foolbox:HopSkipJumpAttack", {"steps": 8, "initial_gradient_eval_steps": 50}
    flat, round_ = (_attack(name, model, x, y, None, norm=norm, **parameters) for norm in ("linf", "l2"))
    assert float(flat.norms["linf"].mean()) < float(round_.norms["linf"].mean())
    assert float(round_.norms["l2"].mean()) < float(flat.norms["l2"].mean())


@pytest.mark.parametrize(("eps", "pixels"), [("3", 1), ("12", 4)])
def test_one_pixel_gets_as_many_pixels_as_the_budget_holds(eps, pixels, victims):
    model, x, y, _ = victims
    out = _attack("torchattacks:OnePixel", model, x, y, eps, steps=2)
    assert int(out.norms["l0_pixels"].max()) == pixels


def test_jsma_heads_for_the_next_class_of_this_network(victims):
    """On its own it heads for the next of ten classes, which a network with five does not have."""
    model, x, y, t = victims
    out = _attack("torchattacks:JSMA", model, x, y, None)
    assert int((out.prediction == t).sum()) >= 2


@pytest.mark.parametrize("name", ["torchattacks:AutoAttack", "torchattacks:Square"])
def test_a_library_that_seeds_itself_gets_our_seed(name, victims):
    """AutoAttack takes the time for a seed; APGD, FAB and Square seed with 0 whatever the user's seed."""
    model, x, y, _ = victims
    one, same, other = (_attack(name, model, x, y, "4", norm="l2", seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one.images, same.images)
    assert not torch.equal(one.images, other.images)


def test_a_sample_without_a_start_does_not_take_the_others_with_it(victims):
    """Left alone, foolbox raises for the whole batch: three of these targets cannot be reached by noise."""
    model, x, y, t = victims
    out = _attack("foolbox:BoundaryAttack", model, x, y, None, target=t, steps=5)
    assert 0 < int(out.success.sum()) < 6
    assert torch.equal(out.images[~out.success], x[~out.success])
    assert bool((out.distance[out.success] < 10).all())


def test_targeted_walks_may_start_from_an_image_of_the_target_class():
    model, x = conv(), images(32)
    y = labelled(model, x)
    rare = int(torch.bincount(y[y != y[0]]).argmax())
    x = torch.stack([x[0], x[(y == rare).nonzero()[0, 0]]])
    out = _attack(
        "foolbox:BoundaryAttack", model, x, labelled(model, x), None, target=torch.tensor([rare, int(y[0])]), steps=3
    )
    assert bool(out.success.all())


@pytest.mark.parametrize("name", ["torchattacks:FAB", "torchattacks:TPGD", "foolbox:L2DeepFoolAttack"])
def test_attacks_that_know_no_targets_refuse_them(name, victims):
    model, x, y, t = victims
    with pytest.raises(UserError, match="cannot head for a target"):
        perform(name, _small(name), model, x, y, make_budgets("0.1", _made(name).natural_norm()), target=t)


def test_an_attack_that_must_have_a_target_says_so(victims):
    model, x, y, _ = victims
    with pytest.raises(UserError, match="needs a target"):
        _attack("foolbox:GenAttack", model, x, y, "8/255")


@pytest.mark.parametrize(
    ("name", "eps", "norm", "message"),
    [
        ("torchattacks:PGD", None, "linf", "needs an epsilon"),
        ("torchattacks:PGD", "1", "l2", "no such norm"),
        ("torchattacks:Square", "1", "l1", "no such norm"),
        ("foolbox:L1PGD", None, "l1", "needs an epsilon"),
        ("foolbox:L0FMNAttack", "2", "l1", "no such norm"),
    ],
)
def test_budgets_that_an_attack_would_not_keep_to(name, eps, norm, message):
    with pytest.raises(UserError, match=message):
        _made(name).check_budget(make_budgets(eps, norm)[0])


@pytest.mark.parametrize("name", NOT_ATTACKS["torchattacks"])
def test_classes_that_are_no_attacks_by_themselves(name):
    pytest.importorskip("torchattacks")
    with pytest.raises(UserError, match="cannot run by itself"):
        make_attack(f"torchattacks:{name}", {})
    assert f"torchattacks:{name}" not in foreign_names("torchattacks")


@pytest.mark.parametrize("name", ["torchattacks:FGSM", "foolbox:LinfFastGradientAttack"])
def test_fgsm_of_three_libraries_is_the_same(name):
    model, x = conv(), images(8)
    y = labelled(model, x)
    parameters = {"random_start": False} if name.startswith("foolbox") else {}
    theirs = _attack(name, model, x, y, "4/255", **parameters)
    ours = fgsm(model, x, y, eps="4/255")
    assert torch.allclose(theirs.images, ours.images, atol=1e-6)
    assert torch.equal(theirs.success, ours.success)
    assert bool((theirs.backwards == 1).all())


def test_global_random_state_is_left_alone_and_does_not_matter():
    model, x = conv(), images(4)
    y = labelled(model, x)
    torch.manual_seed(1)
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    one = _attack("torchattacks:PGD", model, x, y, "8/255", steps=2)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert np.random.get_state()[1].tolist() == before[2]
    torch.manual_seed(2)
    assert torch.equal(_attack("torchattacks:PGD", model, x, y, "8/255", steps=2).images, one.images)


def test_targeted_mode_reaches_the_target():
    model, x = conv(), images(6)
    y = labelled(model, x)
    target = (y + 1) % 5
    for name in ("torchattacks:PGD", "foolbox:LinfPGD"):
        out = _attack(name, model, x, y, "64/255", target=target, steps=10)
        assert torch.equal(out.success, out.prediction == target)


def test_a_failed_foolbox_search_is_no_black_image():
    """Its C&W returns black images where it found nothing, and calls them a success."""
    model, x = conv(), images(6)
    y = labelled(model, x)
    out = _attack(
        "foolbox:L2CarliniWagnerAttack", model, x, y, None, steps=1, binary_search_steps=1, initial_const=1e-9
    )
    assert not bool(out.success.any())
    assert torch.equal(out.images, x)


def test_unknown_names_and_parameters_are_refused_with_suggestions():
    pytest.importorskip("torchattacks")
    with pytest.raises(UserError, match="did you mean PGD"):
        make_attack("torchattacks:PDG", {})
    with pytest.raises(UserError, match="steps"):
        make_attack("torchattacks:PGD", {"stepps": 3})
    with pytest.raises(UserError, match="did you mean"):
        make_attack("foolbox:LinfPDG", {})
    with pytest.raises(UserError, match="no such parameter"):
        make_attack("foolbox:BoundaryAttack", {"init_attack": "LinfPGD"})


def test_an_attack_that_breaks_names_itself():
    model, x = conv(), images(2)
    with pytest.raises(UserError, match=r"foolbox:LinfPGD failed.*TypeError"):
        _attack("foolbox:LinfPGD", model, x, labelled(model, x), "8/255", steps="many")


def test_a_missing_library_names_the_extra(monkeypatch):
    import importlib

    def missing(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(MissingExtraError, match=r"advwindow\[torchattacks\]"):
        make_attack("torchattacks:PGD", {})


def test_all_attacks_of_a_library_are_listed_under_all_their_names():
    names = foreign_names("foolbox")
    assert {"foolbox:LinfPGD", "foolbox:LinfProjectedGradientDescentAttack"} <= set(names)
    assert "foolbox:Attack" not in names
    assert _made("foolbox:LinfPGD").source == "is LinfProjectedGradientDescentAttack"
    assert _made("foolbox:BoundaryAttack").source == "arXiv 1712.04248"
    assert _made("foolbox:LinfMomentumIterativeFastGradientMethod").source == "arXiv 1710.06081"
    assert _made("foolbox:L1MomentumIterativeFastGradientMethod").source == "arXiv 1710.06081"
    assert _made("foolbox:InversionAttack").source == "arXiv 1607.02533"
    assert _made("foolbox:GaussianBlurAttack").source == ""


def test_an_attack_says_what_it_asks_of_its_user():
    assert _made("foolbox:LinfPGD").remark == ""
    assert _made("foolbox:GenAttack").remark == "targeted only"
    assert _made("foolbox:L2BrendelBethgeAttack").remark == "needs numba"
    assert _made("torchattacks:APGDT").remark == "untargeted only; needs at least four classes"


def test_costs_of_parameters_of_no_use_are_not_told():
    assert _made("foolbox:LinfPGD", steps="many").cost() is None
    assert _made("foolbox:BoundaryAttack", steps=float("inf")).cost() is None


@pytest.mark.parametrize("name", ["foolbox:LinfPGD", "torchattacks:PGD", "torchattacks:Square"])
def test_the_batch_size_does_not_change_what_another_library_finds(name):
    model, x = conv(), images(9)
    y = labelled(model, x)
    attack = _made(name, **({"n_queries": 20} if name.endswith("Square") else {"steps": 2}))
    found = [
        perform(name, attack, model, x, y, make_budgets("8/255", "linf"), batch_size=size)[0] for size in (1, 4, 64)
    ]
    assert all(torch.equal(found[0].images, other.images) for other in found)
