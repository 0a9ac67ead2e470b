"""What docs/training.md shows runs, and its table of columns is that of the code."""

import re
import shlex
from pathlib import Path

import polars as pl
import pytest
import torch
import typer

from advwindow.cli import app
from advwindow.window.looks import LOOK_SCHEMA

TEXT = (Path(__file__).parents[1] / "docs" / "training.md").read_text(encoding="utf-8")


@pytest.mark.samples
def test_python_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {}
    with torch.random.fork_rng():
        for block in re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE):
            exec(compile(block, "docs/training.md", "exec"), names)
    assert names["look"].table["epoch"].unique().to_list() == [1, 2, 3]
    assert pl.read_parquet("reports/training.parquet").equals(names["look"].table)
    assert (tmp_path / "reports" / "training.pdf").exists()
    assert "significant_from" in capsys.readouterr().out


def test_every_column_is_explained():
    section = TEXT[TEXT.index("## What the table says") :]
    told = re.findall(r"`(\w+)`", "\n".join(line for line in section.splitlines() if line.startswith("| `")))
    counts = {"concepts", "images", "note"}
    assert set(LOOK_SCHEMA) - counts == set(told) - {"epoch", "trace", "clean_accuracy", "robust_accuracy"}


@pytest.mark.parametrize("line", re.findall(r"^advwindow trace .*$", TEXT, re.MULTILINE))
def test_commands_exist(line):
    _, name, *arguments = shlex.split(line)
    typer.main.get_command(app).get_command(None, name).make_context(name, arguments)
