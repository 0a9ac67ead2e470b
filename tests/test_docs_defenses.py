"""What docs/defenses.md and docs/training.md name exists."""

import re
import shlex
from pathlib import Path

import pytest
import torch
import typer
from torch import nn

from advwindow.cli import app
from advwindow.defenses import defend, defense_refs, traits
from advwindow.models import Classifier
from advwindow.sweep import make_sweep, read_toml, split_parts
from advwindow.training import INNER, METHODS

DOCS = Path(__file__).parents[1] / "docs"
TEXT = (DOCS / "defenses.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (`[^|]*?`) \| [^|]* \| ([^|]*) \| ([^|]*) \|$", TEXT[TEXT.index("## By name") :], re.MULTILINE)
NAMED = {ref: row[1:] for row in ROWS for ref in re.findall(r"`([^`]*)`", row[0])}


def test_every_defence_is_named_and_no_other():
    known = {ref.partition("?")[0] for ref, _ in defense_refs() if ":" not in ref and " " not in ref}
    assert {ref.partition("?")[0] for ref in NAMED if ":" not in ref} == known


@pytest.mark.parametrize("ref", [ref for ref in NAMED if ":" not in ref and "with=" not in ref])
def test_what_is_said_of_gradient_and_draws_is_what_it_declares(ref):
    net = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 4)))
    facts = traits(defend(net, ref))
    gradient, random = NAMED[ref]
    assert gradient.startswith(facts.surrogate or "its own")
    told = "no" if not facts.random else "one draw of all copies" if facts.draws == 1 else f"{facts.draws} draws"
    assert random == told
    assert torch.isfinite(defend(net, ref)(torch.rand(2, 3, 8, 8))).all()


@pytest.mark.parametrize("file", sorted((DOCS / "defenses").glob("*.toml")), ids=lambda file: file.name)
def test_the_sweep_files_are_valid(file):
    for part in split_parts(read_toml(file)):
        assert make_sweep(part).attack


def test_every_method_of_training_is_described_with_its_steps():
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| [^|]* \| (\d+) \|", (DOCS / "training.md").read_text(), re.MULTILINE))
    assert rows == {method: str(INNER[method].steps if method in INNER else 0) for method in METHODS}


COMMANDS = [
    line.partition("  #")[0]
    for name in ("defenses.md", "training.md")
    for block in re.findall(r"^```sh\n(.*?)^```$", (DOCS / name).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
    if line.startswith("advwindow")
]


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_exist(line):
    program, name, *arguments = shlex.split(line)
    assert program == "advwindow"
    command = typer.main.get_command(app).get_command(None, name)
    command.make_context(name, arguments)
