import pytest

from advwindow.errors import UserError
from advwindow.gates import judge, make_policy
from tests.gates.runs import build, cell, layers

COLLAPSED = {"verdict": "collapsed", "upper": 0.05, "collapse_bound": 0.08}


def gate(kind, patterns, **facts):
    facts = {"layers": patterns} | facts
    return make_policy("\n".join([f"[[{kind}]]", *(f"{key} = {value}" for key, value in facts.items())]))


def verdicts(patterns="['*']", limit="'eroded'", **facts):
    return gate("verdicts", patterns, no_worse_than=limit, **facts)


def findings(policy, run):
    (decision,) = judge(policy, run)
    return decision.findings


def run_of(path, *rows, concepts=30, **changes):
    return build(path / "run", cell(table=layers(*rows, concepts=concepts), **changes))


@pytest.mark.parametrize(
    ("row", "intact", "eroded", "hijack_allowed"),
    [
        ({}, True, True, True),
        ({"verdict": "eroded"}, False, True, True),
        (COLLAPSED, False, False, False),
        ({"hijacked": True}, False, False, True),
        ({"verdict": "eroded", "hijacked": True}, False, False, True),
        (COLLAPSED | {"hijacked": True}, False, False, False),
    ],
)
def test_verdicts_from_best_to_worst(tmp_path, row, intact, eroded, hijack_allowed):
    run = run_of(tmp_path, {"layer": "a"}, {"layer": "b"} | row)
    found = [verdicts(limit="'intact'"), verdicts(), verdicts(allow_hijacked="true")]
    assert [findings(policy, run)[0].passed for policy in found] == [intact, eroded, hijack_allowed]


def test_the_sentence_names_layers_and_bounds(tmp_path):
    run = run_of(tmp_path, {"layer": "a"}, {"layer": "b"} | COLLAPSED, {"layer": "c", "hijacked": True})
    (finding,) = findings(verdicts(), run)
    assert str(finding) == (
        "py:nets:make, pgd linf 8/255: 2 of 3 layers: "
        "b collapsed (drift 0.05 [-0.02, 0.12], upper bound 0.050 < collapse bound 0.080); "
        "c intact, hijacked (drift 0.05 [-0.02, 0.12], 1 vs 2 60.0 %, p = 0.900)"
    )


def test_many_bad_layers_are_counted(tmp_path):
    run = run_of(tmp_path, *({"layer": f"l{place}"} | COLLAPSED for place in range(12)))
    (finding,) = findings(verdicts(), run)
    assert "12 of 12 layers: l0 collapsed" in str(finding)
    assert "l7" in str(finding)
    assert "l8" not in str(finding)
    assert str(finding).endswith("...")


def test_only_the_named_layers_count(tmp_path):
    run = run_of(tmp_path, {"layer": "head"} | COLLAPSED, {"layer": "block.1"}, {"layer": "block.2"})
    assert findings(verdicts("'block.*'"), run)[0].sentence == "2 layers, none worse than eroded, none hijacked"
    assert not findings(verdicts("['block.1', 'head']"), run)[0].passed
    with pytest.raises(UserError, match=r"\[\[verdicts\]\] no. 1 .* no layer of the run fits .* did you mean head"):
        findings(verdicts("['block.*', 'heat']"), run)


def test_every_attack_is_judged_by_itself(tmp_path):
    run = build(tmp_path / "run", cell(), cell(eps="4/255", table=layers({"layer": "a"} | COLLAPSED)), cell(eps="min"))
    assert [each.passed for each in findings(verdicts(), run)] == [True, False, True]
    found = findings(verdicts(norm="'linf'", eps="['8/255', 'min']"), run)
    assert [each.about for each in found] == ["py:nets:make, pgd linf 8/255", "py:nets:make, pgd linf minimal"]


def test_layers_without_meaning_are_left_out_and_told(tmp_path):
    run = run_of(tmp_path, {"layer": "a", "verdict": "unanchored"}, {"layer": "b"})
    (finding,) = findings(verdicts(), run)
    assert finding.sentence.endswith("(1 more not aligned with words even without attack)")
    with pytest.raises(UserError, match="nothing to judge"):
        findings(verdicts("'a'"), run)


@pytest.mark.parametrize(
    ("concepts", "limit", "decides"),
    [(19, "'eroded'", False), (20, "'eroded'", True), (19, "'intact'", True), (5, "'intact'", False)],
)
def test_a_gate_that_could_never_fail_is_refused(tmp_path, concepts, limit, decides):
    run = run_of(tmp_path, {"layer": "a"}, concepts=concepts)
    if decides:
        assert findings(verdicts(limit=limit), run)[0].passed
    else:
        with pytest.raises(UserError, match="it would always pass"):
            findings(verdicts(limit=limit), run)


def retention(at_least):
    return gate("retention", "['*']", at_least=at_least)


def test_retention_is_judged_by_its_lower_bound_in_the_worst_layer(tmp_path):
    low = {"retention": 0.8, "retention_low": 0.41, "retention_high": None}
    run = run_of(tmp_path, {"layer": "a"}, {"layer": "b"} | low)
    assert findings(retention(0.41), run)[0].passed
    (finding,) = findings(retention(0.5), run)
    assert not finding.passed
    assert finding.sentence == (
        "1 of 2 layers below 50 %, least in b: retention 80.0 % [41.0, ∞]: lower bound 41.0 % < 50 %"
    )


def test_retention_that_the_data_do_not_bound_fails(tmp_path):
    run = run_of(tmp_path, {"layer": "a"}, {"layer": "b", "retention_low": None})
    (finding,) = findings(retention(0.0), run)
    assert not finding.passed
    assert "b: retention 90.0 %, not bounded from below by the data" in finding.sentence


def test_a_hijacked_layer_is_told_even_where_its_geometry_is_not_aligned(tmp_path):
    run = run_of(tmp_path, {"layer": "a", "verdict": "unanchored", "hijacked": True}, {"layer": "b"})
    (finding,) = findings(verdicts(), run)
    assert not finding.passed
    assert finding.sentence.startswith("1 of 2 layers: a unanchored, hijacked (")
    (allowed,) = findings(verdicts(allow_hijacked="true"), run)
    assert allowed.passed
    assert allowed.sentence == "1 layer, none worse than eroded (1 more not aligned with words even without attack)"
