import re
from xml.etree import ElementTree as ET

from advwindow.gates import Decision, Finding, junit_xml

GOOD = Decision("retention", "retention ≥ 50 % in *", (Finding("net", True, "fine"),))
BAD = Decision(
    "robust_accuracy",
    "worst <b> & \"all\" 'of' it",
    (
        Finding("net", True, "3 % ≥ 2 %"),
        Finding("a\x1b[31m\u202e]]>", False, "1 % < 2 %\n\x00"),
        Finding("c", False, "no"),
    ),
)


def made(*decisions):
    return ET.fromstring(junit_xml(decisions, run="quick <1>", created="2026-11-21T10:15:02+00:00"))


def test_it_has_the_form_of_ant_s_schema():
    """Elements in the sequence of JUnit.xsd, its required attributes and no others, and their types."""
    root = made(GOOD, BAD)
    assert (root.tag, root.attrib) == ("testsuites", {})
    (suite,) = root
    needed = {"name", "timestamp", "hostname", "tests", "failures", "errors", "time", "package", "id"}
    assert set(suite.attrib) == needed
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.attrib["timestamp"])
    assert all(suite.attrib[name].isdigit() for name in ("tests", "failures", "errors", "time", "id"))
    assert [each.tag for each in suite] == ["properties", "testcase", "testcase", "system-out", "system-err"]
    for case in suite.iter("testcase"):
        assert set(case.attrib) == {"name", "classname", "time"}
        assert [each.tag for each in case] in ([], ["failure"])
    for failure in suite.iter("failure"):
        assert set(failure.attrib) == {"message", "type"}
        assert not list(failure)
    tokens = [suite.attrib["name"], *(case.attrib["name"] for case in suite.iter("testcase"))]
    assert all(token == " ".join(token.split()) != "" for token in tokens)


def test_one_case_for_each_gate_with_all_that_failed():
    (suite,) = made(GOOD, BAD)
    assert (suite.attrib["tests"], suite.attrib["failures"], suite.attrib["errors"]) == ("2", "1", "0")
    good, bad = suite.iter("testcase")
    assert (good.attrib["classname"], list(good)) == ("advwindow.gate.retention", [])
    assert bad.attrib["name"] == BAD.title
    assert bad[0].attrib == {"message": "a�[31m�]]>: 1 % < 2 % �", "type": "robust_accuracy"}
    assert bad[0].text == "a�[31m�]]>: 1 % < 2 % �\nc: no"
    told = suite.find("system-out").text
    assert "  pass net: fine" in told
    assert "  FAIL c: no" in told


def test_the_same_decisions_give_the_same_bytes():
    first, again = (junit_xml([GOOD, BAD], run="r", created="2026-11-21T10:15:02+00:00") for _ in range(2))
    assert first == again
    assert first.startswith(b"<?xml")
    assert first.endswith(b"\n")
