"""The command line as a user meets it: in a process of its own, with real exit codes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.sweep import parts

ROOT = Path(__file__).parents[2]
SWEEP = """
name = "tiny"
models = ["file:{root}/tests/sweep/parts.py:make_model"]
images = ["{images}"]
words = ["{words}"]

[[attack]]
name = "pgd"
eps = ["2/255", "8/255"]
steps = {steps}

[window]
permutations = 199
"""


def advwindow(*arguments, cwd, **options):
    command = [sys.executable, "-m", "advwindow", *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "NO_COLOR": "1", "COLUMNS": "120"}
    return subprocess.run(
        command, check=False, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120, **options
    )


@pytest.fixture
def sweep(tmp_path):
    def make(steps=3):
        images = parts.write_images(tmp_path / "images.npz")
        words = parts.write_words(tmp_path / "words.npz")
        file = tmp_path / "tiny.toml"
        file.write_text(SWEEP.format(root=ROOT, images=images, words=words, steps=steps))
        return file

    return make


def test_attack_report_and_again(sweep, tmp_path):
    first = advwindow("attack", sweep(), "--out", "runs/x", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert first.stdout == "reports/x.pdf\n"
    assert (tmp_path / "reports" / "x.pdf").read_bytes().startswith(b"%PDF")
    assert "pgd linf 8/255" in first.stderr
    second = advwindow("attack", sweep(), "--out", "runs/x", cwd=tmp_path)
    assert second.returncode == 0
    assert "Everything is done already" in second.stderr
    third = advwindow("report", "runs/x", "-o", "again.pdf", "--figures", "figures", cwd=tmp_path)
    assert third.stdout == "again.pdf\n"
    assert (tmp_path / "figures" / "headline.svg").is_file()
    assert (tmp_path / "again.pdf").read_bytes() == (tmp_path / "reports" / "x.pdf").read_bytes()


def test_dry_run_computes_and_writes_nothing(sweep, tmp_path):
    done = advwindow("attack", sweep(), "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    shown = done.stdout + done.stderr
    assert "PGD L∞ 8/255" in shown
    assert "72" in shown  # 24 images of 3 gradients
    assert not (tmp_path / "runs").exists()
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["attack", "missing.toml"], "cannot read the sweep file"),
        (["attack", "--attack", "pdg"], "did you mean pgd"),
        (["attack", "--attack", "pgd", "--eps", "abc"], "epsilon is no number"),
        (["attack", "--attack", "pgd"], "needs an epsilon"),
        (["attack", "--model", "nowhere:x"], "unknown source"),
        (["attack", "--device", "gpu9"], "cannot use this device"),
        (["attack", "-S", "pooling"], "key=value"),
        (["report", "nothing"], "not a run directory"),
        (["list", "layers", "py:tests.none:x"], "cannot import"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_end_in_one_line_and_exit_2(arguments, message, tmp_path):
    done = advwindow(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_another_sweep_is_refused(sweep, tmp_path):
    assert advwindow("attack", sweep(), "--out", "runs/x", cwd=tmp_path).returncode == 0
    other = advwindow("attack", sweep(), "--out", "runs/x", "--seed", "7", cwd=tmp_path)
    assert other.returncode == 2
    assert "another sweep" in other.stderr


def test_ctrl_c_ends_cleanly_with_130_and_the_same_command_goes_on(sweep, tmp_path):
    file = sweep(steps=3000)
    command = [sys.executable, "-m", "advwindow", "attack", str(file), "--out", "runs/x"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    plan = tmp_path / "runs" / "x" / "plan.json"
    deadline = time.monotonic() + 60
    while not plan.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, shown = process.communicate(timeout=60)
    assert process.returncode == 130, shown
    assert "The same command goes on from here" in shown
    assert "Traceback" not in shown
    assert not list((tmp_path / "runs" / "x" / "cells").glob(".tmp-*"))


def test_lists(tmp_path):
    attacks = advwindow("list", "attacks", cwd=tmp_path)
    assert "pgd" in attacks.stdout
    assert "foolbox:LinfPGD" in attacks.stdout
    layers = advwindow("list", "layers", f"file:{ROOT}/tests/sweep/parts.py:make_model", cwd=tmp_path)
    assert layers.returncode == 0, layers.stderr
    assert any(line.startswith("*") for line in layers.stdout.splitlines())
    for what in ("models", "images", "words"):
        assert "sample:" in advwindow("list", what, cwd=tmp_path).stdout or what == "words"


def test_help_does_not_wait_for_torch():
    code = "import sys; from advwindow.cli import app; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_version():
    from advwindow import __version__

    assert advwindow("--version", cwd=".").stdout.strip() == __version__
