import math
from dataclasses import fields

import pytest

from advwindow.attacks import CW, FGSM, NATIVE, PGD, Budget, Norm, make_budgets, perform
from advwindow.attacks.catalog import (
    attack_names,
    attack_notes,
    check_budget,
    complete_parameters,
    cost_per_sample,
    default_norm,
    make_attack,
)
from advwindow.errors import UserError

from .nets import conv, images, labelled
from .test_testing import SMALL

#: Attacks that stop where nothing is gained any more.
ENDS_EARLY = ("cw",)


@pytest.mark.parametrize(("name", "kind"), [("fgsm", FGSM), ("pgd", PGD), ("cw", CW)])
def test_our_attacks_by_name(name, kind):
    assert isinstance(make_attack(name, {}), kind)
    assert name in attack_names()


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("pdg", {}, "did you mean pgd"),
        ("nobody:PGD", {}, "unknown attack"),
        ("pgd", {"stepz": 1}, "no such parameter.*steps"),
        ("pgd", {"steps": "many"}, "steps of pgd is not usable"),
        ("pgd", {"steps": 0}, "at least one step"),
        ("pgd", {"restarts": 0}, "at least one restart"),
        ("pgd", {"step_size": "x"}, "epsilon is no number"),
        ("pgd", {"until": "dawn"}, "until of pgd"),
        ("fgsm", {"loss": "hinge"}, "unknown loss"),
        ("cw", {"kappa": -1}, "must not be negative"),
    ],
    ids=str,
)
def test_mistakes_are_found_before_anything_runs(name, parameters, message):
    with pytest.raises(UserError, match=message):
        make_attack(name, parameters)


@pytest.mark.parametrize(
    ("name", "parameters", "count"),
    [
        ("fgsm", {}, (2, 1)),
        ("bim", {"steps": 4}, (5, 4)),
        ("mi-fgsm", {"steps": 4}, (5, 4)),
        ("pgd", {"steps": 7, "restarts": 3}, (24, 21)),
        ("cw", {"steps": 10, "search_steps": 4}, (40, 40)),
        ("foolbox:LinfPGD", {"steps": 9}, (10, 9)),
        ("foolbox:LinfPGD", {}, (41, 40)),
        ("foolbox:LinfPGD", {"steps": "many"}, None),
        ("foolbox:BoundaryAttack", {"steps": math.inf}, None),
        ("foolbox:HopSkipJumpAttack", {}, None),
        ("foolbox:VirtualAdversarialAttack", {}, (12, 10)),
    ],
)
def test_the_cost_of_a_sample_is_known_beforehand(name, parameters, count):
    assert cost_per_sample(name, parameters) == count


def test_costs_that_depend_on_the_number_of_classes():
    assert cost_per_sample("foolbox:L2DeepFoolAttack", {"candidates": None}) is None
    assert cost_per_sample("foolbox:L2DeepFoolAttack", {"candidates": None}, classes=10) == (452, 450)
    assert cost_per_sample("pgd", {}, classes=10) == cost_per_sample("pgd", {})


@pytest.mark.parametrize(("name", "norm"), [(name, norm) for name, info in NATIVE.items() for norm in info.norms])
def test_no_sample_costs_more_than_its_attack_tells(name, norm):
    """At an epsilon where every sample withstands, so that nothing ends early."""
    model, x = conv(), images(3)
    told = cost_per_sample(name, SMALL[name], norm=norm)
    eps = "1" if norm == "l0" else "1e-6"
    (out,) = perform(name, make_attack(name, SMALL[name]), model, x, labelled(model, x), make_budgets(eps, norm))
    assert int(out.forwards.max()) <= told.forwards
    assert int(out.backwards.max()) <= told.backwards
    assert 2 * int(out.forwards.max()) >= told.forwards or name in ENDS_EARLY


@pytest.mark.parametrize("name", NATIVE)
def test_the_small_parameters_of_the_tests_are_those_of_the_attack(name):
    assert set(SMALL[name]) <= {field.name for field in fields(NATIVE[name].make)}


def test_notes_are_those_of_the_cascades():
    assert attack_notes("pgd", {}, classes=2, norm="linf") == ()
    assert attack_notes("foolbox:LinfPGD", {}, classes=2, norm="linf") == ()
    assert attack_notes("auto", {}, classes=1000, norm="linf") == ()
    assert attack_notes("auto", complete_parameters("auto", {}), classes=10, norm="l1") == (
        "square is left out: it has no squares in l1",
    )
    (changed,) = attack_notes("auto", {"steps": 20}, classes=10, norm="linf")
    assert changed == "not the standard protocol: steps = 20 instead of 100"


@pytest.mark.parametrize(
    ("name", "norm"),
    [("fgsm", "linf"), ("cw", "l2"), ("foolbox:L2PGD", "l2"), ("foolbox:LinfPGD", "linf"), ("foolbox:DDNAttack", "l2")],
)
def test_the_norm_that_is_meant(name, norm):
    assert default_norm(name, {}) == norm


def test_a_norm_that_cannot_be():
    check_budget("pgd", {}, Budget(Norm.L2, "1"))
    for name in ("cw", "torchattacks:PGDL2", "foolbox:L2PGD"):
        with pytest.raises(UserError, match="no such norm"):
            check_budget(name, {}, Budget(Norm.LINF, "8/255"))


@pytest.mark.parametrize("name", ["pgd", "torchattacks:PGD", "foolbox:LinfPGD"])
def test_an_attack_at_a_fixed_size_needs_one(name):
    with pytest.raises(UserError, match="needs an epsilon"):
        check_budget(name, {}, Budget(Norm.LINF, "min"))


def test_attacks_in_other_norms_are_refused_not_relabelled():
    with pytest.raises(UserError, match="no such norm"):
        check_budget("torchattacks:SparseFool", {}, Budget(Norm.LINF, "min"))
