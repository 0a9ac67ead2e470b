import numpy as np
import pytest

from advwindow.errors import UserError
from advwindow.gates import judge, make_policy
from advwindow.gates.alignment import paired_alignment
from advwindow.window import Options, analyse
from tests.gates.runs import build, cell, layers, noise_evidence
from tests.window.helpers import evidence_of, shared_factors


def world(concepts=24, *, order=None):
    """Words, and the activations of two networks for the same concepts."""
    words, one, other = shared_factors(concepts, seed=3)
    kept = np.arange(concepts) if order is None else np.asarray(order)
    names = tuple(f"concept {i}" for i in kept)
    return kept, names, words[kept], one[kept], other[kept]


def evidence(words, now, names, *, condition="attack"):
    made = evidence_of(words, {"a": [now, now]}, conditions=("clean", condition))
    return type(made)(**(vars(made) | {"concepts": names}))


@pytest.mark.parametrize("measure", ["pearson", "spearman"])
def test_two_runs_are_compared_as_two_conditions_of_one_run_are(measure):
    _, names, words, one, other = world()
    found = paired_alignment(
        evidence(words, other, names), evidence(words, one, names), "a", condition="attack", measure=measure
    )
    both = evidence_of(words, {"a": [one, other]})
    row = analyse(both, Options(measure=measure, permutations=19)).layers.row(1, named=True)
    assert found.before - found.now == pytest.approx(row["drift"])
    assert (found.low, found.high) == pytest.approx((row["drift_ci_low"], row["drift_ci_high"]))


def test_the_order_of_concepts_does_not_matter_and_common_ones_count():
    kept, names, words, one, other = world()
    turned = world(order=kept[::-1])
    plain = paired_alignment(
        evidence(words, other, names), evidence(words, one, names), "a", condition="clean", measure="pearson"
    )
    again = paired_alignment(
        evidence(turned[2], turned[4], turned[1]),
        evidence(words, one, names),
        "a",
        condition="clean",
        measure="pearson",
    )
    assert again[1:] == pytest.approx(plain[1:])
    few, most = world(order=range(16)), world(order=range(4, 24))
    found = paired_alignment(
        evidence(few[2], few[4], few[1]), evidence(most[2], most[3], most[1]), "a", condition="clean", measure="pearson"
    )
    both = evidence_of(words[4:16], {"a": [one[4:16], other[4:16]]})
    row = analyse(both, Options(permutations=19)).layers.row(1, named=True)
    assert (found.low, found.high) == pytest.approx((row["drift_ci_low"], row["drift_ci_high"]))


def test_what_two_runs_have_in_common_does_not_widen_the_interval():
    _, names, words, one, other = world()
    same = evidence(words, one, names)
    found = paired_alignment(same, same, "a", condition="attack", measure="pearson")
    assert (found.low, found.high) == pytest.approx((0, 0), abs=1e-6)
    near = evidence(words, one + 0.05 * other, names)
    assert paired_alignment(near, same, "a", condition="attack", measure="pearson").high < 0.02


def test_other_words_and_too_few_concepts_are_refused():
    _, names, words, one, _ = world()
    mine, other = evidence(words, one, names), evidence(words[::-1], one, names)
    with pytest.raises(UserError, match="other words"):
        paired_alignment(mine, other, "a", condition="clean", measure="pearson")
    few = world(order=range(4))
    with pytest.raises(UserError, match="too few concepts that both runs have: got 4"):
        paired_alignment(mine, evidence(few[2], few[3], few[1]), "a", condition="clean", measure="pearson")


def gate(at_most=1.0, patterns='["*"]', more=""):
    return make_policy(f"[[alignment_drop]]\nlayers = {patterns}\nat_most = {at_most}\n{more}")


def findings(policy, run, baseline):
    (decision,) = judge(policy, run, baseline=baseline)
    return decision.findings


@pytest.fixture
def runs(tmp_path):
    """The same words, other activations."""
    now, then = noise_evidence(concepts=24), noise_evidence(concepts=24)
    shuffled = {name: noise_evidence(5, 24).layers[name] for name in now.layers}
    now = type(now)(**(vars(now) | {"layers": shuffled}))
    return build(tmp_path / "now", cell(evidence=now)), build(tmp_path / "then", cell(evidence=then)), (now, then)


@pytest.mark.parametrize("condition", ["attack", "clean"])
def test_the_worst_layer_decides_by_its_upper_bound(runs, condition):
    run, baseline, both = runs
    changes = [paired_alignment(*both, name, condition=condition, measure="spearman") for name in ("a", "b")]
    worst = max(changes, key=lambda each: each.high)
    more = f'condition = "{condition}"'
    (good,) = findings(gate(worst.high + 1e-9, more=more), run, baseline)
    (bad,) = findings(gate(worst.high - 1e-4, more=more), run, baseline)
    assert good.passed
    assert not bad.passed
    assert f"most in {worst.layer}: alignment {worst.now:.3f}, {worst.before:.3f} in the baseline" in str(bad)
    assert f"[{worst.low:.3f}, {worst.high:.3f}]: upper bound" in str(bad)


def test_no_change_is_shown_with_certainty(tmp_path):
    run, baseline = build(tmp_path / "a", cell()), build(tmp_path / "b", cell())
    (finding,) = findings(gate(0.001), run, baseline)
    assert finding.passed
    assert finding.sentence.startswith("2 layers, most in ")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"eps": "4/255"}, r"lacks an attack of the run: got 'pgd linf 8/255 \(steps 10\)'"),
        ({"measure": "pearson"}, "another measure: got 'pearson'; expected spearman"),
        ({"pooling": "max"}, "another pooling"),
        ({"ids": ["x", "y", "z", "w"]}, "other images"),
        ({"table": layers({"layer": "c"})}, "lacks layers of its baseline: got 'c'"),
        ({"evidence": noise_evidence(8)}, "other words"),
        ({"table": layers({"layer": "a", "verdict": "unanchored"})}, "nothing to judge"),
    ],
)
def test_what_cannot_be_compared_is_refused(tmp_path, changed, message):
    run, baseline = build(tmp_path / "a", cell()), build(tmp_path / "b", cell(**changed))
    with pytest.raises(UserError, match=message):
        findings(gate(), run, baseline)


def test_a_layer_that_lost_its_anchor_since_the_baseline_is_judged(tmp_path):
    lost = layers({"layer": "a", "verdict": "unanchored"}, {"layer": "b"})
    run, baseline = build(tmp_path / "a", cell(table=lost)), build(tmp_path / "b", cell())
    assert findings(gate(), run, baseline)[0].sentence.startswith("2 layers")


def test_of_several_windows_of_the_baseline_the_same_one_is_taken(tmp_path):
    now, other = noise_evidence(0), noise_evidence(1)
    run = build(tmp_path / "now", cell(evidence=now))
    base = build(tmp_path / "then", cell(evidence=other, pooling="max"), cell(evidence=now))
    (finding,) = findings(gate(), run, base)
    assert "drop 0.000 [" in str(finding)
