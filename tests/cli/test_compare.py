"""``advwindow bench`` and ``advwindow compare`` as a user meets them."""

import json

import pytest

from tests.sweep import parts

from .test_cli import ROOT, advwindow

BENCH = """
name = "small"
words = ["{words}"]
window = {{ permutations = 99 }}
models = ["file:{root}/tests/sweep/parts.py:make_model"]
images = ["{images}"]
defenses = ["", "gaussian-blur?sigma=1", "smoothing?sigma=0.05&copies=2"]

[[attack]]
name = "pgd"
eps = ["{eps}"]
steps = 10
draws = 2
access = ["oblivious", "adaptive"]

[[attack]]
name = "square"
eps = ["{eps}"]
queries = 10
draws = 1
"""


def bench_file(folder, name="bench.toml", eps="32/255"):
    images, words = parts.write_images(folder / "images.npz"), parts.write_words(folder / "words.npz")
    file = folder / name
    file.write_text(BENCH.format(root=ROOT, images=images, words=words, eps=eps))
    return file


@pytest.fixture(scope="module")
def benched(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    file = bench_file(folder)
    done = advwindow("bench", file, "--out", "runs/a", "--audit", "off", "--certify", "150", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, file, done


@pytest.mark.slow
def test_bench_ends_in_tables_cards_and_figures(benched):
    folder, _, done = benched
    assert done.stdout.endswith("reports/a\n")
    told = " ".join(done.stdout.split())
    assert "gaussian-blur?sigma=1, linf 32/255: robust accuracy is" in told
    assert "The defence only looks strong" in told
    assert "Certified accuracy of" in done.stdout
    report = folder / "reports" / "a"
    for name in (
        "comparison.md", "matrix.csv", "pairs.parquet", "robust-accuracy.tex", "pareto.svg", "survival.pdf",
        "comparison.pdf", "comparison.html",
    ):  # fmt: skip
        assert (report / name).stat().st_size > 300
    cards = [json.loads(file.read_text()) for file in sorted((report / "cards").iterdir())]
    assert [bool(card["certificate"]) for card in cards] == [False, False, True]
    assert cards[2]["certificate"]["n"] == 150


@pytest.mark.slow
def test_bench_goes_on_and_compare_says_the_same(benched):
    folder, file, done = benched
    again = advwindow("bench", file, "--out", "runs/a", "--audit", "off", "--certify", "150", cwd=folder)
    assert "Everything is done already" in again.stderr
    assert again.stdout == done.stdout
    compared = advwindow("compare", "runs/a", cwd=folder)
    assert compared.returncode == 0
    lines = compared.stdout.splitlines()
    assert done.stdout.splitlines()[: len(lines)] == lines
    assert any(line.startswith("Robust accuracy") for line in lines)


def test_targeted_attacks_alone_are_nothing_to_compare(tmp_path):
    file = bench_file(tmp_path)
    text = file.read_text()
    for setting in ("steps = 10", "queries = 10"):
        text = text.replace(setting, 'target = "least-likely"')
    file.write_text(text)
    failed = advwindow("bench", file, cwd=tmp_path)
    assert failed.returncode == 2
    assert "nothing to compare" in failed.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_compare_refuses_what_is_not_comparable(benched):
    folder, _, _ = benched
    other = bench_file(folder, "other.toml", eps="16/255")
    assert advwindow("bench", other, "--out", "runs/b", "--audit", "off", "--certify", "0", cwd=folder).returncode == 0
    failed = advwindow("compare", "runs/a", "runs/b", cwd=folder)
    assert failed.returncode == 2
    assert "within other budgets" in " ".join(failed.stderr.split())
    unknown = advwindow("compare", "runs/a", "--images", "sample:mnist", cwd=folder)
    assert unknown.returncode == 2
    assert "no run has these images" in unknown.stderr


def test_a_dry_run_computes_nothing(tmp_path):
    shown = advwindow("bench", bench_file(tmp_path), "--dry-run", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "8 cells to compute" in " ".join(shown.stderr.split())
    assert not (tmp_path / "runs").exists()
