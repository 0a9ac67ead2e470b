import pytest

from advwindow.errors import IncompleteError, UserError
from advwindow.gates import judge, make_policy
from tests.gates.runs import build, cell

ALL = """
[[clean_accuracy]]
at_least = 0.125

[[robust_accuracy]]
norm = "linf"
eps = "8/255"
at_least = 0
subject = ["py:*", "*make"]

[[robust_accuracy_drop]]
norm = "linf"
eps = "8/255"
at_most = 0.05

[[verdicts]]
layers = ["a", "b"]
no_worse_than = "eroded"

[[retention]]
layers = "*"
at_least = 0.5

[[alignment_drop]]
layers = "*"
at_most = 0.1
condition = "clean"

[[audit]]
name = "can it be believed?"
no_worse_than = "warn"
"""


def audited(run):
    from advwindow.attacks.audit import Audit, Finding

    findings = (Finding("S1", "pass", {}, "fine"),)
    run.save_audit(run.specs[0], Audit("net", "pgd", "linf 8/255", "quick", 4, findings).to_dict())
    return run


def test_each_gate_has_its_decision_and_title(tmp_path):
    run = audited(build(tmp_path / "a", cell("r" * 20)))
    decisions = judge(make_policy(ALL), run, baseline=build(tmp_path / "b", cell("r" * 20)))
    assert [(each.kind, each.title) for each in decisions] == [
        ("clean_accuracy", "clean accuracy ≥ 12.5 %"),
        ("robust_accuracy", "robust accuracy at linf 8/255 ≥ 0 %, py:*, *make"),
        ("robust_accuracy_drop", "drop of robust accuracy at linf 8/255 ≤ 5 points"),
        ("verdicts", "verdicts no worse than eroded in a, b"),
        ("retention", "retention ≥ 50 % in *"),
        ("alignment_drop", "drop of clean alignment ≤ 0.1 in *"),
        ("audit", "can it be believed?"),
    ]
    assert [each.passed for each in decisions] == [True, True, False, True, True, True, True]


def test_unfinished_runs_are_not_judged(tmp_path):
    policy = make_policy(ALL)
    whole, part = build(tmp_path / "a", cell()), build(tmp_path / "b", cell(), cell(seed=1), missing=1)
    for run, baseline in ((part, whole), (whole, part)):
        with pytest.raises(IncompleteError, match="1 of 2 cells missing") as caught:
            judge(policy, run, baseline=baseline)
        assert caught.value.exit_code == 3


def test_a_baseline_is_needed_or_not(tmp_path):
    run = build(tmp_path / "a", cell())
    with pytest.raises(UserError, match="add --baseline"):
        judge(make_policy(ALL), run)
    with pytest.raises(UserError, match="no gate of the policy compares"):
        judge(make_policy("[[clean_accuracy]]\nat_least = 0"), run, baseline=run)


def test_errors_tell_their_gate(tmp_path):
    text = "[[clean_accuracy]]\nat_least = 0\n" * 2 + 'subject = "nobody"'
    with pytest.raises(UserError, match=r"\[\[clean_accuracy\]\] no. 2 cannot be decided: .*'nobody'.* Fix: "):
        judge(make_policy(text), build(tmp_path / "a", cell()))
