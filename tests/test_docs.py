"""The reference in docs/ says what the code says, and what it shows runs."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import torch
import typer

from advwindow.attacks import NATIVE, cost_per_sample
from advwindow.attacks.audit import codes, explain
from advwindow.attacks.testing import CHECKS
from advwindow.cli import app
from advwindow.sweep import make_sweep

TEXT = (Path(__file__).parents[1] / "docs" / "attacks.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def table(header):
    """The cells of the table with that header, row by row."""
    lines = TEXT.splitlines()
    start = lines.index(header) + 2
    end = next(place for place in range(start, len(lines)) if not lines[place].startswith("|"))
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[start:end]]


def test_the_table_of_attacks_is_the_catalogue():
    told = table("| name | norms | access | eps | cost | source |")
    known = []
    for name, info in NATIVE.items():
        cost = cost_per_sample(name, {})
        eps = "optional" if info.minimal else "required"
        passes = f"{cost.forwards} / {cost.backwards}"
        known.append([f"`{name}`", " ".join(info.norms), info.access, eps, passes, info.source])
    assert told == known


def test_the_table_of_checks_is_the_audit_s():
    told = [row[:3] for row in table("| code | title | asks | level |")]
    assert told == [[code, explain(code).title, explain(code).question] for code in codes()]


def test_every_check_of_the_conformance_suite_is_named_in_order():
    section = TEXT[TEXT.index("## Conformance") :]
    (named,) = re.findall(r"The 13 checks: (.*?)\.\s", section, re.DOTALL)
    assert re.findall(r"`(\w+)`", named) == [str(check) for check in CHECKS]
    assert len(CHECKS) == 13


def test_python_runs(capsys):
    names = {}
    with torch.random.fork_rng():
        for block in blocks("python"):
            exec(compile(block, "docs/attacks.md", "exec"), names)
    assert "12 checks passed" in capsys.readouterr().out


def test_sweep_files_can_be_read():
    for block in blocks("toml"):
        assert make_sweep(tomllib.loads(block), source="docs").attack


@pytest.mark.parametrize("line", [line for block in blocks("sh") for line in block.splitlines()])
def test_commands_exist(line):
    """Their names and options, that is; what they do is tested elsewhere."""
    program, name, *arguments = shlex.split(line)
    assert program == "advwindow"
    group = typer.main.get_command(app)
    command = group.get_command(None, name)
    command.make_context(name, arguments)
