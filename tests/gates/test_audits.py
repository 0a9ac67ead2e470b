import pytest

from advwindow.attacks.audit import Audit, Finding
from advwindow.errors import UserError
from advwindow.gates import judge, make_policy
from tests.gates.runs import build, cell

FOUND = (
    Finding("S1", "pass", {}, "fine"),
    Finding("S2", "warn", {}, "look at it.", "do this"),
    Finding("S3", "fail", {}, "no gradient.", "do that"),
    Finding("S4", "skipped", {}, "nothing to do"),
)


def audited(path, *findings):
    run = build(path / "run", cell(), cell(eps="4/255"))
    run.save_audit(run.specs[0], Audit("net", "pgd", "linf 8/255", "quick", 4, findings or FOUND).to_dict())
    return run


def judged(run, limit="warn", more=""):
    (decision,) = judge(make_policy(f'[[audit]]\nno_worse_than = "{limit}"\n{more}'), run)
    (finding,) = decision.findings
    return finding


@pytest.mark.parametrize(
    ("limit", "checks", "passed"),
    [
        ("warn", ["*"], False),
        ("warn", ["S1", "S2"], True),
        ("pass", ["S1", "S2"], False),
        ("pass", ["S1", "S4"], True),
        ("warn", ["S?"], False),
    ],
)
def test_the_gravest_finding_of_the_chosen_checks_decides(tmp_path, limit, checks, passed):
    assert judged(audited(tmp_path), limit, f"checks = {checks}").passed is passed


def test_the_sentence_tells_what_fired(tmp_path):
    finding = judged(audited(tmp_path), "pass")
    assert finding.about == "py:nets:make, pgd linf 8/255"
    assert finding.sentence.startswith("warn S2 ")
    assert finding.sentence.endswith(": no gradient (1 skipped)")
    good = judged(audited(tmp_path / "good", FOUND[0]))
    assert good.sentence == "1 checks, none worse than warn"


def test_no_audit_and_nothing_but_skipped_checks_are_errors(tmp_path):
    with pytest.raises(UserError, match=r"was not audited. Fix: .*--audit"):
        judged(build(tmp_path / "none", cell()))
    with pytest.raises(UserError, match="skipped every check"):
        judged(audited(tmp_path), more='checks = "S4"')
    with pytest.raises(UserError, match="no check of the audit fits the pattern: got 'S99'"):
        judged(audited(tmp_path / "b"), more='checks = ["S1", "S99"]')


@pytest.mark.parametrize("first", [FOUND, FOUND[:1]])
def test_cells_of_the_same_attack_seen_in_several_ways_keep_their_audits(tmp_path, first):
    run = build(tmp_path / "run", cell(pooling="max"), cell())
    for spec, found in zip(run.specs, (first, FOUND[:1] if first is FOUND else FOUND), strict=True):
        run.save_audit(spec, Audit("net", "pgd", "linf 8/255", "quick", 4, found).to_dict())
    (decision,) = judge(make_policy('[[audit]]\nno_worse_than = "warn"'), run)
    assert [each.passed for each in decision.findings] == [first is not FOUND, first is FOUND]
    assert [each.about.partition(", ")[2] for each in decision.findings] == [
        f"pgd linf 8/255 (steps 10, pooling {pooling})" for pooling in ("max", "mean")
    ]
