import re

import polars as pl
import pytest

from advwindow.comparison.markup import latex, latex_table, markdown, markdown_table

TABLE = pl.DataFrame({"entry": ["sample:a + py:x_y:z?k=1&q=2", "*b|c"], "clean %": ["90.0 [80.1, 95.0]", "–"]})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain words, 8/255", "plain words, 8/255"),
        ("50 % of $3 & #4_5", r"50 \% of \$3 \& \#4\_5"),
        ("{a}~^", r"\{a\}\textasciitilde{}\textasciicircum{}"),
        ("\\input{x}", r"\textbackslash{}input\{x\}"),
        ("a < b > c | d", r"a \textless{} b \textgreater{} c \textbar{} d"),
        ("black-box", "black-box"),
        ("a--b---c", "a-{}-b-{}-{}-c"),
        ("−1.5", "$-$1.5"),
        ("–", "--"),
        ("[1, 2]", "{[}1, 2]"),
        ("* a", "{*} a"),
        ("two\nlines\t more", "two lines more"),
    ],
)
def test_latex_escapes(text, expected):
    assert latex(text) == expected


def test_latex_leaves_no_active_character():
    for code in range(32, 127):
        escaped = re.sub(r"\\[a-z]+\{\}|\\[&%$#_{}]|\{[\[*]\}", "", latex(f"x{chr(code)}"))
        assert not re.search(r"[\\&%$#_{}~^]", escaped), chr(code)


def test_latex_table_has_as_many_columns_in_every_row():
    lines = latex_table(TABLE, caption="100 % of it", label="tab:x").splitlines()
    assert lines[0] == r"\begin{table}"
    assert r"\caption{100 \% of it}" in lines
    assert r"\begin{tabular}{lr}" in lines
    rows = [line for line in lines if line.endswith(r"\\")]
    assert len(rows) == 3
    assert all(len(re.findall(r"(?<!\\)&", row)) == 1 for row in rows)
    assert r"k=1\&q=2" in rows[1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a_b", r"a\_b"),
        ("a|b", r"a\|b"),
        ("[link](x)", r"\[link\](x)"),
        ("<img>", r"\<img\>"),
        ("`*x*`", r"\`\*x\*\`"),
        ("two\nlines", "two lines"),
        ("linf 8/255, 12.5 %", "linf 8/255, 12.5 %"),
    ],
)
def test_markdown_escapes(text, expected):
    assert markdown(text) == expected


def test_markdown_table_has_as_many_cells_in_every_row():
    lines = markdown_table(TABLE).splitlines()
    assert lines[0] == "| entry | clean % |"
    assert lines[1] == "| --- | --- |"
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 3 for line in lines)
