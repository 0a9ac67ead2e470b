import pytest

from advwindow.attacks.audit import Audit, Finding
from advwindow.comparison import cards, compare_runs
from tests.comparison.runs import DEFENCE, cell, make_run, strong_looking

SQUARE = {"attack": "square", "parameters": {}, "backwards": 0}


def contrasts(path, *cells):
    run = make_run(path, [cell(each.fooled, each.wrong, backwards=each.backwards, count=each.count,
                               **{"defense": DEFENCE} | each.changes) for each in cells])  # fmt: skip
    return compare_runs([run])


def test_it_only_looks_strong(tmp_path):
    found = compare_runs([strong_looking(tmp_path / "run")])
    (sentence,) = found.callouts
    assert sentence.startswith(f"sample:plain + {DEFENCE}, linf 8/255: robust accuracy is 75.0 % under attacks that do")
    assert "15.0 % under the same attacks made on the defended network (p = 1.2e-07, 40 images)" in sentence
    assert "only looks strong" in sentence


@pytest.mark.parametrize(
    ("blind", "direct", "count", "called"),
    [
        (0, 6, 40, True),  # 15 points, p = 0.03
        (0, 5, 40, False),  # 12.5 points, p = 0.06
        (0, 10, 100, True),  # 10 points
        (0, 9, 100, False),  # significant, but 9 points
    ],
)
def test_far_above_means_significant_and_ten_points(tmp_path, blind, direct, count, called):
    found = contrasts(
        tmp_path / "run",
        cell(range(blind), access="oblivious", count=count),
        cell(range(direct), count=count),
    )
    row = found.contrasts.filter(kind="only-looks-strong").row(0, named=True)
    assert row["called_out"] is called
    assert bool(found.callouts) is called
    assert row["difference"] == (direct - blind) / count


def test_the_same_attacks_are_held_against_each_other(tmp_path):
    found = contrasts(
        tmp_path / "run",
        cell(range(20), access="oblivious"),
        cell(range(20)),
        cell(range(40), parameters={"steps": 99}),  # stronger, and not blindly made
    )
    row = found.contrasts.filter(kind="only-looks-strong").row(0, named=True)
    assert (row["first_robust"], row["second_robust"]) == (0.5, 0.5)
    assert not found.callouts


def test_other_attacks_are_named_as_such(tmp_path):
    found = contrasts(
        tmp_path / "run",
        cell(range(2), access="oblivious", attack="fgsm", parameters={}),
        cell(range(30)),
    )
    assert "other attacks made on the defended network" in found.callouts[0]


def test_gradients_that_are_masked(tmp_path):
    found = contrasts(tmp_path / "run", cell(range(10)), cell(range(5, 30), **SQUARE))
    (sentence,) = found.callouts
    assert "75.0 % under attacks that use gradients, but 37.5 % under attacks that use none" in sentence
    assert "masked" in sentence


def test_a_blind_attack_that_beats_the_adaptive_one(tmp_path):
    found = contrasts(tmp_path / "run", cell(range(20), access="oblivious"), cell(range(10)))
    (sentence,) = found.callouts
    assert "badly adapted" in sentence
    assert found.contrasts.filter(called_out=True)["kind"].to_list() == ["transfer-beats-adaptive"]


def test_nothing_to_call_out(tmp_path):
    found = contrasts(
        tmp_path / "run", cell(range(10), access="oblivious"), cell(range(12)), cell(range(4), **SQUARE)
    )  # fmt: skip
    assert found.callouts == ()
    assert found.contrasts.height == 3
    assert set(found.contrasts["sentence"]) == {""}


def test_an_undefended_network_is_asked_about_its_gradients_only(tmp_path):
    run = make_run(tmp_path / "run", [cell(range(3)), cell(range(3), **SQUARE)])
    assert compare_runs([run]).contrasts["kind"].to_list() == ["masked-gradients"]


def test_a_failed_audit_is_called_out(tmp_path):
    run = make_run(tmp_path / "run", [cell(model="sample:a"), cell(model="sample:b")])
    findings = [Finding("S1", "pass", {}, "fine"), Finding("S2", "fail", {}, "bad"), Finding("S3", "warn", {}, "so")]
    audit = Audit("sample:b", "pgd", "linf 8/255", "quick", 40, tuple(findings))
    run.save_audit(run.specs[1], audit.to_dict())
    found = compare_runs([run])
    assert found.callouts == (
        "sample:b, linf 8/255: the audit of pgd fails (S2), so robust accuracy may be lower than it seems.",
    )
    assert found.matrix["audit"].to_list() == [None, "fail"]
    assert found.cells["audit"].to_list() == [None, "fail"]
    assert [len(card["callouts"]) for card in cards(found)] == [0, 1]
    assert cards(found)[1]["audits"][0]["fired"] == ["S2", "S3"]
