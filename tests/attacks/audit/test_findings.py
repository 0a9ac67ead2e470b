"""Findings survive a run directory, and the worst one shows."""

from __future__ import annotations

import json

import pytest

from advwindow.attacks.audit import Audit, Finding
from advwindow.attacks.audit.findings import found, skipped
from advwindow.errors import UserError


def made(*findings):
    return Audit("net", "pgd", "linf 8/255", "quick", 12, findings)


PASS = found("S8", "pass", "Nothing.", lost=0)
WARN = found("S11", "warn", "Large.", one_hot=0.5)
FAIL = found("I1", "fail", "None.", name="x", value=float("inf"))
SKIPPED = skipped("S5", "Quick.")


@pytest.mark.parametrize(
    ("findings", "worst"),
    [
        ((PASS, WARN, FAIL, SKIPPED), "fail"),
        ((SKIPPED, WARN, PASS), "warn"),
        ((SKIPPED, PASS), "pass"),
        ((SKIPPED,), "skipped"),
    ],
)
def test_worst(findings, worst):
    assert made(*findings).worst == worst


def test_fired_findings_come_gravest_first_and_bear_a_remedy():
    audit = made(PASS, WARN, FAIL)
    assert [finding.code for finding in audit.fired] == ["I1", "S11"]
    assert all(finding.remedy for finding in audit.fired)
    assert PASS.remedy == ""
    assert audit["i1"] is FAIL
    with pytest.raises(UserError, match="no such check"):
        audit["S5"]


def test_json_round_trip():
    audit = made(PASS, WARN, SKIPPED)
    assert Audit.from_dict(json.loads(json.dumps(audit.to_dict()))) == audit


def test_numbers_that_json_does_not_know_become_text():
    text = json.dumps(made(FAIL).to_dict(), allow_nan=False)
    assert Audit.from_dict(json.loads(text))["I1"].numbers == {"name": "x", "value": "inf"}


@pytest.mark.parametrize(
    "plain",
    [{}, {"findings": []}, {"findings": [{"code": "S1"}]}, made(PASS).to_dict() | {"level": "deep"}],
)
def test_what_is_no_audit_is_refused(plain):
    with pytest.raises(UserError):
        Audit.from_dict(plain)


def test_table_has_a_row_for_each_check():
    table = made(PASS, WARN).table()
    assert table["code"].to_list() == ["S8", "S11"]
    assert table["verdict"].to_list() == ["pass", "warn"]
    assert table.columns == ["code", "title", "verdict", "summary", "remedy"]


def test_unknown_codes_and_verdicts_are_refused():
    with pytest.raises(UserError):
        Finding("S99", "pass", {}, "")
    with pytest.raises(UserError):
        Finding("S1", "maybe", {}, "")
