"""docs/gates.md says what the code says."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from advwindow.cli import app
from advwindow.gates import judge, make_policy, paired_drop
from advwindow.gates.policy import KINDS
from advwindow.runs import wilson
from advwindow.window.verdict import COLLAPSE_CONCEPTS, DRIFT_CONCEPTS
from tests.gates.runs import build, cell

TEXT = (Path(__file__).parents[2] / "docs" / "gates.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def test_the_example_is_a_policy_with_every_kind_of_gate():
    (example,) = blocks("toml")
    assert {kind for kind, _, _ in make_policy(example).gates()} == set(KINDS)


def test_the_table_of_keys_is_the_code_s():
    told = {
        kind: re.findall(r"`(\w+)`", keys) for kind, keys in re.findall(r"^\| `(\w+)` \| (.*?) \|", TEXT, re.MULTILINE)
    }
    assert list(told) == list(KINDS)
    for kind, keys in told.items():
        assert sorted(keys) == sorted(KINDS[kind].model_fields), kind


@pytest.mark.parametrize("line", [line for block in blocks("sh") for line in block.splitlines()])
def test_commands_exist(line):
    program, name, *arguments = shlex.split(line)
    assert program == "advwindow"
    group = typer.main.get_command(app)
    command = group.get_command(None, name)
    command.make_context(name, arguments)


def test_numbers_in_the_text(tmp_path):
    (quoted,) = re.findall(r"`(robust accuracy 50.*?)`", TEXT, re.DOTALL)
    policy = make_policy('[[robust_accuracy]]\nnorm = "linf"\neps = "8/255"\nat_least = 0.4')
    (decision,) = judge(policy, build(tmp_path / "run", cell("rf" * 10)))
    assert decision.findings[0].sentence == quoted
    assert wilson(10, 20).low < 0.4
    shown = [f"{100 * paired_drop(0, 0, n).high:.1f}" for n in (20, 100, 1000)]
    assert "{} points with 20 images, {} with 100, {} with 1,000".format(*shown) in TEXT
    assert f"collapse needs {COLLAPSE_CONCEPTS}, erosion {DRIFT_CONCEPTS}" in TEXT


def test_python_runs(tmp_path, capsys):
    names = {}
    (block,) = blocks("python")
    exec(compile(block, "docs/gates.md", "exec"), names)
    build(tmp_path / "run", cell("rrrf" * 5))
    assert names["is_good"](tmp_path / "run")
    assert "lower bound 53.1 % ≥ 25 %" in capsys.readouterr().out
