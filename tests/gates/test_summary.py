import re

import pytest

from advwindow.gates import Decision, Finding, markdown

HOSTILE = "a|b <script>x</script> [link](http://x) `code` **bold** @user\n# head \\ $x$ \x1b[1m"


def test_a_row_for_each_finding():
    good = Decision("k", "first", (Finding("net", True, "5 ≥ 4"), Finding("other", True, "5 ≥ 4")))
    bad = Decision("k", "second", (Finding("net", False, "3 < 4"),))
    page = markdown([good, bad], run="quick")
    assert page.splitlines() == [
        "## quick: 1 of 2 gates failed",
        "",
        "|  | gate | found |",
        "|---|---|---|",
        "| ✅ | first | net: 5 ≥ 4 |",
        "| ✅ | first | other: 5 ≥ 4 |",
        "| ❌ | second | net: 3 &lt; 4 |",
        "",
    ]
    assert markdown([good], run="quick").startswith("## quick: 1 gate passed\n")
    assert page.endswith("\n\n")


@pytest.mark.parametrize("where", ["title", "finding", "run"])
def test_nothing_from_outside_is_markup(where):
    told = {"title": "t", "finding": "f", "run": "r"} | {where: HOSTILE}
    decision = Decision("k", told["title"], (Finding("net", True, told["finding"]),))
    page = markdown([decision], run=told["run"])
    assert len(page.splitlines()) == 6
    assert "<" not in page
    assert "\x1b" not in page
    (line,) = [each for each in page.splitlines() if "link" in each]
    bare = line.replace("\\\\", "").removeprefix("## ")
    assert not re.search(r"(?<!\\)[\[\]`*@$#]", bare)
    assert len(re.findall(r"(?<!\\)\|", bare)) == (0 if where == "run" else 4)
