import json

import pytest

from tests.cli.test_cli import advwindow
from tests.reports.runs import ATTACKS, Shape, make_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A finished run of two attacks and three layers."""
    path = tmp_path_factory.mktemp("lens") / "run"
    make_run(path, Shape(attacks=ATTACKS[2:4], layers=("stem", "body.1", "body.2")))
    return path


def test_words_go_to_stdout(folder, tmp_path):
    done = advwindow(
        "lens", "words", folder, "--image", "1", "--layer", "body.*", "--attack", "pgd 4/255", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "Image 1: tree frog; under PGD L∞ 4/255" in done.stdout
    assert "body.2" in done.stdout
    assert "stem" not in done.stdout


def test_json_is_one_object_per_line(folder, tmp_path):
    done = advwindow("lens", "words", folder, "--json", cwd=tmp_path)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["layer"], row["condition"]) for row in rows] == [
        (layer, condition) for layer in ("stem", "body.1", "body.2") for condition in ("clean", "noise", "attack")
    ]
    assert {row["attack"] for row in rows} == {"PGD L∞ 8/255"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--image", "77"], "no image of this number has a word trace"),
        (["--layer", "tail"], "no layer of the run matches"),
        (["--attack", "cw"], "no such attack"),
    ],
)
def test_mistakes_end_in_one_line_and_exit_2(folder, tmp_path, arguments, message):
    done = advwindow("lens", "words", folder, *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_no_run_and_no_finished_cell(tmp_path):
    done = advwindow("lens", "words", tmp_path / "nothing", cwd=tmp_path)
    assert done.returncode == 2
    assert "not a run directory" in done.stderr
    make_run(tmp_path / "run", Shape(attacks=ATTACKS[:1], layers=("a",)), missing=1)
    assert advwindow("lens", "words", tmp_path / "run", cwd=tmp_path).returncode == 3


def test_help_names_the_lens(tmp_path):
    assert "words" in advwindow("lens", "--help", cwd=tmp_path).stdout
    assert "--attack" in advwindow("lens", "words", "--help", cwd=tmp_path).stdout
