import io

from rich.console import Console

from advwindow.gates import Decision, Finding, print_decisions


def shown(*decisions):
    stream = io.StringIO()
    print_decisions(decisions, Console(file=stream, width=100, color_system=None))
    return stream.getvalue()


def test_every_finding_and_the_tally():
    good = Decision("k", "first", (Finding("net", True, "5 ≥ 4"), Finding("other", True, "5 ≥ 4")))
    bad = Decision("k", "[bold]second", (Finding("n\x1b[31met", False, "3 < 4"),))
    text = shown(good, bad)
    assert [line.split()[0] for line in text.splitlines()[2:5]] == ["pass", "pass", "FAIL"]
    assert text.count("first") == 1
    assert "[bold]second" in text
    assert "\x1b" not in text
    assert text.endswith("1 of 2 gates failed.\n")
    assert shown(good).endswith("1 gate passed.\n")
