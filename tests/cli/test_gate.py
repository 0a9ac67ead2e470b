"""``advwindow gate``: its exit codes, in a process of its own where they end well and through `main` elsewhere."""

from xml.etree import ElementTree as ET

import pytest

from advwindow.cli import main
from tests.cli.test_cli import advwindow
from tests.gates.runs import build, cell

POLICY = '[[robust_accuracy]]\nnorm = "linf"\neps = "8/255"\nat_least = {}\n'
DROP = '[[robust_accuracy_drop]]\nnorm = "linf"\neps = "8/255"\nat_most = 0.5\n'


@pytest.fixture(autouse=True)
def _no_summary(monkeypatch):
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


@pytest.fixture
def call(monkeypatch, capsys):
    """The entry point, in this process: exit code, stdout and stderr."""

    def run(*arguments, cwd):
        monkeypatch.chdir(cwd)
        monkeypatch.setattr("sys.argv", ["advwindow", "gate", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        return caught.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def folder(tmp_path):
    build(tmp_path / "run", cell("rrrf" * 5))
    (tmp_path / "lax.toml").write_text(POLICY.format(0.5))
    (tmp_path / "strict.toml").write_text(POLICY.format(0.75) + POLICY.format(0.1))
    (tmp_path / "drop.toml").write_text(DROP)
    return tmp_path


def test_passing_gates_exit_with_0_and_write_nothing(folder):
    before = set(folder.iterdir())
    done = advwindow("gate", "run", "--policy", "lax.toml", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "pass" in done.stdout
    assert done.stdout.endswith("1 gate passed.\n")
    assert set(folder.iterdir()) == before


def test_a_failing_gate_exits_with_1_and_is_written_down(folder, monkeypatch):
    page = folder / "summary.md"
    page.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    done = advwindow("gate", "run", "--policy", "strict.toml", "--junit", "out/gates.xml", cwd=folder)
    assert done.returncode == 1
    assert done.stderr == ""
    assert "1 of 2 gates failed." in done.stdout
    assert " ".join(done.stdout.split()).count("lower bound 53.1 % < 75 %") == 1
    (suite,) = ET.parse(folder / "out" / "gates.xml").getroot()
    assert suite.attrib["name"] == "run"
    assert suite.attrib["failures"] == "1"
    assert page.read_text().startswith("before\n## run: 1 of 2 gates failed\n")


def test_a_summary_file_goes_before_the_environment(folder, monkeypatch, call):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "other.md"))
    for _ in range(2):
        assert call("run", "--policy", "lax.toml", "--summary", "mine.md", cwd=folder)[0] == 0
    assert (folder / "mine.md").read_text().count("## run") == 2
    assert not (folder / "other.md").exists()


def test_against_a_baseline(folder, call):
    build(folder / "old", cell("r" * 20))
    code, stdout, stderr = call("run", "--policy", "drop.toml", "--baseline", "old", cwd=folder)
    assert code == 0, stderr
    assert "5 lost and 0 gained" in " ".join(stdout.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--policy", "none.toml"], "cannot read the policy"),
        (["nothing", "--policy", "lax.toml"], "not a run directory"),
        (["run", "--policy", "drop.toml"], "add --baseline RUN"),
        (["run", "--policy", "drop.toml", "--baseline", "nothing"], "not a run directory"),
        (["run"], "--policy"),
    ],
)
def test_mistakes_exit_with_2(folder, arguments, message, call):
    code, stdout, stderr = call(*arguments, cwd=folder)
    assert code == 2
    assert message in stderr
    assert "Traceback" not in stderr
    assert stdout == ""


def test_a_gate_about_nothing_is_a_mistake_and_no_pass(folder, call):
    (folder / "lax.toml").write_text(POLICY.format(0).replace("8/255", "9/255"))
    code, _, stderr = call("run", "--policy", "lax.toml", cwd=folder)
    assert code == 2
    assert "no cell of py:nets:make is of the gate's budget: got 'linf 9/255'" in stderr


@pytest.mark.parametrize("name", ["part", "nothing"])
def test_an_earlier_verdict_does_not_stay_where_there_is_none(folder, call, name):
    build(folder / "part", cell(), cell(seed=1), missing=1)
    (folder / "gates.xml").write_text("all passed")
    assert call(name, "--policy", "lax.toml", "--junit", "gates.xml", cwd=folder)[0] in {2, 3}
    assert not (folder / "gates.xml").exists()


def test_an_unfinished_run_exits_with_3(folder, call):
    build(folder / "part", cell(), cell(seed=1), missing=1)
    code, stdout, stderr = call("part", "--policy", "lax.toml", cwd=folder)
    assert code == 3
    assert "1 of 2 cells missing" in stderr
    assert stdout == ""


@pytest.mark.parametrize("option", ["--junit", "--summary"])
def test_what_was_found_is_told_even_where_no_file_can_be_written(folder, call, option):
    (folder / "file").touch()
    code, out, err = call("run", "--policy", "strict.toml", option, "file/gates", cwd=folder)
    assert code == 2
    assert "1 of 2 gates failed." in out
    assert "cannot write" in err
    assert "Fix: " in err
