"""Decisions as JUnit XML, which CI systems show as test results."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from advwindow.gates.text import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advwindow.gates.decision import Decision

_PACKAGE = "advwindow.gate"


def junit_xml(decisions: Sequence[Decision], *, run: str, created: str) -> bytes:
    """A test suite with one test case for each gate, valid by the stricter of the schemas in use (Apache Ant's).

    Times are 0, and the timestamp is that of the run, so the same run gives the same bytes.

    Args:
        decisions: of `judge`.
        run: name of the run.
        created: when it was made, ISO 8601.

    Returns:
        UTF-8 with a declaration.
    """
    root = ET.Element("testsuites")
    suite = ET.SubElement(
        root,
        "testsuite",
        name=visible(run),
        package=_PACKAGE,
        id="0",
        tests=str(len(decisions)),
        failures=str(sum(not decision.passed for decision in decisions)),
        errors="0",
        time="0",
        timestamp=created[:19],
        hostname="localhost",
    )
    ET.SubElement(suite, "properties")
    for decision in decisions:
        _add_case(suite, decision)
    ET.SubElement(suite, "system-out").text = "\n".join(_said(decision) for decision in decisions)
    ET.SubElement(suite, "system-err")
    ET.indent(root)
    told: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return told + b"\n"


def _add_case(suite: ET.Element, decision: Decision) -> None:
    classname = f"{_PACKAGE}.{decision.kind}"
    case = ET.SubElement(suite, "testcase", name=visible(decision.title), classname=classname, time="0")
    if not decision.passed:
        failed = [visible(str(finding)) for finding in decision.failed]
        ET.SubElement(case, "failure", message=failed[0], type=decision.kind).text = "\n".join(failed)


def _said(decision: Decision) -> str:
    lines = [f"{'pass' if each.passed else 'FAIL'} {visible(str(each))}" for each in decision.findings]
    return "\n".join([visible(decision.title), *(f"  {line}" for line in lines)])
