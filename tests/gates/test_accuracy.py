from dataclasses import replace

import polars as pl
import pytest

from advwindow.errors import UserError
from advwindow.gates import judge, make_policy, paired_drop
from advwindow.runs import wilson
from tests.gates.runs import build, cell

JPEG = {"defense": "jpeg"}
BLIND = JPEG | {"access": "oblivious"}


def robust(at_least=0.0, eps="8/255", **changes):
    return gate("robust_accuracy", norm="linf", eps=eps, at_least=at_least, **changes)


def drop(at_most=1.0, **changes):
    return gate("robust_accuracy_drop", norm="linf", eps="8/255", at_most=at_most, **changes)


def gate(kind, **facts):
    return make_policy("\n".join([f"[[{kind}]]", *(f"{key} = {value!r}" for key, value in facts.items())]))


def findings(policy, run, baseline=None):
    (decision,) = judge(policy, run, baseline=baseline)
    return decision.findings


def test_the_sentence_says_which_bound_was_compared(tmp_path):
    run = build(tmp_path / "run", cell("rr" + "f" * 17 + "s"))
    (finding,) = findings(robust(0.25), run)
    low, high = (f"{100 * end:.1f}" for end in wilson(2, 20)[1:])
    assert not finding.passed
    assert str(finding) == (
        f"py:nets:make: robust accuracy 10.0 % [{low}, {high}] of 20 images under pgd linf 8/255: "
        f"lower bound {low} % < 25 %"
    )


def test_the_bound_decides_not_the_share(tmp_path):
    run = build(tmp_path / "run", cell("r" * 14 + "f" * 6))
    low = wilson(14, 20).low
    assert low < 0.5 < 14 / 20
    assert findings(robust(low - 1e-9), run)[0].passed
    assert findings(robust(low), run)[0].passed
    assert not findings(robust(low + 1e-9), run)[0].passed


def test_the_worst_of_all_attacks_per_sample_counts(tmp_path):
    run = build(
        tmp_path / "run",
        cell("rfrrrs"),
        cell("rrfrrs", attack="square"),
        cell("ffffrs", eps="4/255"),
        cell("ffffff", norm="l2", eps="1"),
        cell("rrrrrs", attack="pgd", parameters={"steps": 99}),
    )
    assert "robust accuracy 16.7 %" in str(findings(robust(), run)[0])  # what lies within 4/255 lies within 8/255
    assert "robust accuracy 66.7 %" in str(findings(robust(attack="square"), run)[0])
    assert "robust accuracy 16.7 %" in str(findings(robust(eps="4/255"), run)[0])


def test_smallest_perturbations_count_as_far_as_they_fit(tmp_path):
    eps = 8 / 255
    distances = [eps, eps * 1.001, 0.0, 0.9]
    run = build(tmp_path / "run", cell("rrrr"), cell("fffr", attack="fmn", eps="min", distances=distances))
    (finding,) = findings(robust(), run)
    assert "robust accuracy 50.0 %" in str(finding)
    assert "pgd linf 8/255, fmn linf minimal" in str(finding)
    assert "robust accuracy 25.0 %" in str(findings(robust(eps="0.032"), run)[0])


def test_a_defence_is_judged_by_the_worst_of_oblivious_and_adaptive(tmp_path):
    run = build(tmp_path / "run", cell("rrff"), cell("rrrf", **JPEG), cell("rfrr", **BLIND))
    plain, defended = findings(robust(), run)
    assert "50.0 %" in str(plain)
    assert str(defended).startswith("py:nets:make + jpeg: robust accuracy 50.0 %")
    assert "75.0 %" in str(findings(robust(access="adaptive", subject="* + jpeg"), run)[0])
    assert "75.0 %" in str(findings(robust(access="oblivious", subject="* + jpeg"), run)[0])


def test_a_defence_that_no_attack_saw_is_not_judged(tmp_path):
    run = build(tmp_path / "run", cell("rrrr", **BLIND))
    with pytest.raises(UserError, match="was attacked only without its defence"):
        findings(robust(), run)
    assert findings(robust(access="oblivious"), run)


def test_clean_accuracy(tmp_path):
    run = build(tmp_path / "run", cell("rfss"), cell("rfss", eps="4/255"))
    low = wilson(2, 4).low
    (good,) = findings(gate("clean_accuracy", at_least=low), run)
    (bad,) = findings(gate("clean_accuracy", at_least=0.5), run)
    assert good.passed
    assert not bad.passed
    assert "clean accuracy 50.0 % [15.0, 85.0] of 4 images: lower bound 15.0 % < 50 %" in str(bad)


def test_every_seed_is_judged_by_itself(tmp_path):
    run = build(tmp_path / "run", cell("r" * 20), cell("f" * 20, seed=1))
    assert [each.passed for each in findings(robust(0.5), run)] == [True, False]


def test_a_drop_is_paired(tmp_path):
    now = build(tmp_path / "now", cell("r" * 12 + "f" * 8))
    then = build(tmp_path / "then", cell("f" + "r" * 14 + "f" * 5))
    found = paired_drop(3, 1, 20)
    (good,), (bad,) = findings(drop(found.high), now, then), findings(drop(found.high - 1e-6), now, then)
    assert good.passed
    assert not bad.passed
    ends = f"[{100 * found.low:.1f}, {100 * found.high:.1f}]"
    assert f"60.0 % of 20 images under pgd linf 8/255, 70.0 % in the baseline: drop 10.0 points {ends}" in str(good)
    assert "3 lost and 1 gained" in str(good)
    (better,) = findings(drop(0.0), then, now)
    assert "drop -10.0 points" in str(better)


def test_images_are_paired_by_their_ids(tmp_path):
    ids = ["a", "b", "c"]
    now = build(tmp_path / "now", cell("rff", ids=ids))
    turned, found = cell("ffr", ids=ids[::-1])
    tables = dict(found.tables) | {"samples": found.tables["samples"].with_columns(label=2 - pl.col("label"))}
    then = build(tmp_path / "then", (turned, replace(found, tables=tables)))
    assert "0 lost and 0 gained" in str(findings(drop(), now, then)[0])


def test_the_subject_of_the_baseline(tmp_path):
    now = build(tmp_path / "now", cell("rrff", **JPEG))
    one = build(tmp_path / "one", cell("rrrf"))
    two = build(tmp_path / "two", cell("rrrf"), cell("rrrr", defense="median"))
    assert "75.0 % in the baseline" in str(findings(drop(), now, one)[0])
    with pytest.raises(UserError, match=r"no group of the baseline .* Fix: name the subject with baseline"):
        findings(drop(), now, two)
    assert "100.0 % in the baseline" in str(findings(drop(baseline="* + median"), now, two)[0])
    with pytest.raises(UserError, match="several groups"):
        findings(drop(baseline="*"), now, two)
    with pytest.raises(UserError, match="subject of the baseline fits the pattern: got 'mediam'"):
        findings(drop(baseline="mediam"), now, two)


@pytest.mark.parametrize(
    ("baseline", "message"),
    [
        ([cell("rrrr", seed=3)], "no group of the baseline"),
        ([cell("rrrr", images="other", images_sha256="e" * 64)], "no group of the baseline"),
        ([cell("rrrrr")], "4 images in common"),
        ([cell("rrrr", ids=["a", "b", "c", "d"])], "0 images in common"),
        ([cell("rrrr", parameters={"steps": 50})], r"not attacked as the baseline .* \(steps 50\)"),
        ([cell("rrrr"), cell("rrrr", attack="square")], "not attacked as the baseline"),
        ([cell("rrrr", draws=4)], "draws 4"),
        ([cell("rrrr", eps="4/255")], "is of the gate's budget"),
    ],
)
def test_what_cannot_be_compared_is_refused(tmp_path, baseline, message):
    now = build(tmp_path / "now", cell("rrrr"))
    with pytest.raises(UserError, match=message):
        findings(drop(), now, build(tmp_path / "then", *baseline))


def test_more_attacks_and_draws_than_the_baseline_had_may_only_harm(tmp_path):
    now = build(tmp_path / "now", cell("rrrf", draws=8), cell("rrfr", attack="square"))
    then = build(tmp_path / "then", cell("rrrr", images="renamed"))
    assert "50.0 % of 4 images" in str(findings(drop(), now, then)[0])


def test_an_attack_at_a_smaller_epsilon_alone_is_none_at_the_budget(tmp_path):
    run = build(tmp_path / "run", cell("rfff"), cell("rrrr", attack="square", eps="1/255"))
    assert "25.0 % " in str(findings(robust(), run)[0])
    with pytest.raises(UserError, match=r"of the gate's budget fits the pattern: got 'square'. Fix: Known: pgd"):
        findings(robust(attack="square"), run)


def test_a_defence_needs_an_attack_that_knows_it_at_the_very_budget(tmp_path):
    run = build(tmp_path / "run", cell("rrrr", **BLIND), cell("rrrr", eps="1/255", **JPEG))
    with pytest.raises(UserError, match=r"only without its defence.*expected an attack .* at linf 8/255"):
        findings(robust(), run)


def test_defaults_of_an_attack_count_whether_written_or_not(tmp_path):
    now = build(tmp_path / "now", cell("rrrr", parameters={"steps": 20, "restarts": 1}))
    then = build(tmp_path / "then", cell("rrrr", parameters={"steps": 20}))
    assert "0 lost and 0 gained" in str(findings(drop(), now, then)[0])
