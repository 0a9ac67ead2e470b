import random

import numpy as np
import pytest
import torch

from advwindow.attacks import fgsm, make_attack, make_budgets, perform
from advwindow.attacks.catalog import default_norm, foreign_names
from advwindow.errors import MissingExtraError, UserError

from .nets import conv, images, labelled


def _attack(name, model, x, y, eps, *, norm=None, target=None, **parameters):
    if name.startswith("torchattacks"):
        pytest.importorskip("torchattacks")
    norm = norm or default_norm(name, parameters)
    attack = make_attack(name, parameters)
    return perform(name, attack, model, x, y, make_budgets(eps, norm), target=target)[0]


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


@pytest.mark.parametrize(
    ("name", "eps", "parameters"),
    [
        ("torchattacks:PGD", "8/255", {"steps": 3}),
        ("torchattacks:PGDL2", "0.3", {"steps": 3}),
        ("torchattacks:APGD", "8/255", {"steps": 3}),
        ("torchattacks:APGDT", "8/255", {"steps": 3}),
        ("torchattacks:CW", None, {"steps": 20}),
        ("torchattacks:DeepFool", None, {}),
        ("foolbox:LinfPGD", "8/255", {"steps": 3}),
        ("foolbox:L2PGD", "0.3", {"steps": 3}),
        ("foolbox:L2CarliniWagnerAttack", None, {"steps": 20, "binary_search_steps": 2}),
        ("foolbox:LInfFMNAttack", None, {"steps": 20}),
        ("foolbox:DDNAttack", "0.3", {"steps": 10}),
    ],
    ids=str,
)
def test_other_libraries_come_through_the_same_door(name, eps, parameters):
    model, x = conv(), images(6)
    y = labelled(model, x)
    out = _attack(name, model, x, y, eps, **parameters)
    with torch.no_grad():
        wrong = model(out.images).argmax(1) != y
    assert torch.equal(out.success, wrong & (out.distance <= out.budget.value) & torch.isfinite(out.distance))
    assert bool((out.norms[out.budget.norm] <= out.budget.value).all())
    assert int(out.forwards.min()) > 0


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


def test_an_attack_that_breaks_names_itself():
    model, x = conv(), images(2)
    with pytest.raises(UserError, match="foolbox:LinfPGD failed"):
        _attack("foolbox:LinfPGD", model, x, labelled(model, x), None, norm="linf")


def test_a_missing_library_names_the_extra(monkeypatch):
    import importlib

    def missing(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(MissingExtraError, match=r"advwindow\[torchattacks\]"):
        make_attack("torchattacks:PGD", {})


def test_all_attacks_of_a_library_are_listed():
    names = foreign_names("foolbox")
    assert "foolbox:LinfPGD" in names
    assert "foolbox:Attack" not in names
