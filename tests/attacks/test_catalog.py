import pytest

from advwindow.attacks import CW, FGSM, PGD, Budget, Norm
from advwindow.attacks.catalog import attack_names, check_budget, cost_per_sample, default_norm, make_attack
from advwindow.errors import UserError


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
        ("foolbox:LinfPGD", {"steps": 9}, (9, 9)),
        ("foolbox:LinfPGD", {}, None),
    ],
)
def test_the_cost_of_a_sample_is_known_beforehand(name, parameters, count):
    assert cost_per_sample(name, parameters) == count


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
