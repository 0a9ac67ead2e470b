import re

import pytest

from advwindow.gates import make_policy
from advwindow.gates.policy import KINDS, Policy

ROBUST = '[[robust_accuracy]]\nnorm = "linf"\neps = "8/255"\nat_least = 0.25\n'
LAYERS = '[[retention]]\nlayers = "head"\nat_least = 0.5\n'


def test_values_and_defaults():
    policy = make_policy(ROBUST + LAYERS + '[[audit]]\nno_worse_than = "warn"\nchecks = ["S1", "S2"]\n')
    (robust,), (retention,), (audit,) = policy.robust_accuracy, policy.retention, policy.audit
    assert (robust.norm, robust.eps, robust.at_least) == ("linf", "8/255", 0.25)
    assert (robust.subject, robust.attack, robust.access, robust.name) == (("*",), ("*",), "", "")
    assert (retention.layers, retention.eps) == (("head",), ())
    assert audit.checks == ("S1", "S2")
    assert not policy.compares


def test_gates_are_numbered_within_their_kind():
    policy = make_policy(LAYERS + ROBUST + ROBUST)
    assert [(kind, number) for kind, number, _ in policy.gates()] == [
        ("robust_accuracy", 1),
        ("robust_accuracy", 2),
        ("retention", 1),
    ]


def test_numbers_may_stand_for_epsilons():
    assert make_policy(ROBUST.replace('"linf"', '"l2"').replace('"8/255"', "0.5")).robust_accuracy[0].eps == "0.5"
    assert make_policy(f'{LAYERS}norm = "l2"\neps = [1, 2.5]').retention[0].eps == ("1", "2.5")


def test_every_kind_is_a_table_of_the_policy():
    assert list(Policy.model_fields) == list(KINDS)


@pytest.mark.parametrize("kind", ["robust_accuracy_drop", "alignment_drop"])
def test_gates_that_compare(kind):
    text = ROBUST if "robust" in kind else LAYERS
    text = re.sub(r"\[\[\w+", f"[[{kind}", text).replace("at_least", "at_most")
    assert make_policy(text).compares
