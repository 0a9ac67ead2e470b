"""The audit at level quick, on networks and attacks with one known fault each, and on one without."""

import json

import pytest
import torch

from advwindow.attacks import PGD, make_attack, make_budgets
from advwindow.attacks.audit import Audit, audit, codes, explain
from advwindow.attacks.door import Candidates
from advwindow.errors import UserError
from advwindow.models import Classifier
from tests.attacks.nets import conv, images, labelled

EPS = make_budgets("24/255", "linf")[0]


def _fired(model, *, attack="pgd", labels=None, x=None):
    x = images(16) if x is None else x
    labels = labelled(model, x) if labels is None else labels
    return {each.code for each in audit(model, x, labels, attack=attack, budget=EPS).fired}


class Around(torch.nn.Module):
    def __init__(self, change):
        super().__init__()
        self.net = conv()
        self.change = change

    def forward(self, x):
        return self.change(self.net, x)


def test_on_a_plain_network_nothing_fires():
    assert _fired(conv()) == set()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda net, x: net((x * 3).round() / 3), "I1"),
        (lambda net, x: net(x.detach()), "I1"),
        (lambda net, x: net(x).softmax(1), "S11"),
        (lambda net, x: 1e4 * net(x), "S11"),
        (lambda net, x: net(x + 0.2 * torch.randn_like(x)), "S10"),
    ],
    ids=["quantised input", "detached graph", "softmax outputs", "logits times 1e4", "noise"],
)
def test_a_fault_of_the_network_is_found(change, code):
    x = images(16)
    assert code in _fired(Classifier(Around(change)), labels=labelled(conv(), x), x=x)


class Idle:
    """Returns what it was given."""

    def __call__(self, problem, budgets):
        none = torch.zeros(len(problem.images), dtype=torch.int64)
        return [Candidates.unreported(problem.images, forwards=none, backwards=none) for _ in budgets]


class Reckless:
    """Goes twice as far as it may."""

    def __call__(self, problem, budgets):
        return PGD(steps=3)(problem, make_budgets("48/255", "linf") * len(budgets))


@pytest.mark.parametrize(("attack", "code"), [(Idle(), "S15"), (Reckless(), "S14")], ids=["idle", "reckless"])
def test_a_fault_of_the_attack_is_found(attack, code):
    assert code in _fired(conv(), attack=attack)


def test_an_audit_survives_a_file():
    x = images(8)
    found = audit(conv(), x, labelled(conv(), x), attack=make_attack("fgsm", {}), budget=EPS)
    again = Audit.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again == found
    assert [each.code for each in again] == list(codes())
    assert set(found.table()["verdict"]) <= {"pass", "warn", "fail", "skipped"}


def test_every_check_explains_itself():
    assert set(codes()) == {*(f"S{n}" for n in range(1, 16)), *(f"I{n}" for n in range(1, 7))}
    for code in codes():
        assert all(vars(explain(code)).values())
    with pytest.raises(UserError, match="unknown check"):
        explain("S99")
