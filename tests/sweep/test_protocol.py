"""The protocol of Words as a Window on a tiny study, several word spaces in a run, and the window's settings."""

import numpy as np
import polars as pl
import pytest
import torch
import typer

import advwindow as aw
from advwindow.cli.attack import attack as attack_command
from advwindow.errors import IncompleteError, UserError
from advwindow.sweep import Library, embedded, make_plan, make_sweep, read_toml, run_sweep
from advwindow.window import Evidence, Options, analyse

from . import parts

RANKS = ("0", "0.2", "0.4", "0.6", "0.8", "1")


@pytest.fixture(scope="module")
def references(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    return {
        "models": ["py:tests.sweep.parts:make_model"],
        "images": [parts.write_images(folder / "images.npz")],
        "words": [parts.write_words(folder / "words.npz")],
    }


def other_words(path, *, seed=5):
    vectors = np.random.default_rng(seed).normal(size=(parts.CLASSES, 9))
    np.savez(path, words=np.array(parts.NAMES), vectors=vectors)
    return f"npz:{path}"


def protocol(references, **window):
    content = read_toml(embedded("words-as-a-window")) | references
    content["attack"][0] |= {"eps": ["32/255"], "steps": 10}
    content["window"] |= {"permutations": 99} | window
    return make_sweep(content)


@pytest.fixture(scope="module")
def run(references, tmp_path_factory):
    return run_sweep(protocol(references), out=tmp_path_factory.mktemp("runs") / "protocol")


def test_one_cell_for_each_rank(run):
    assert run.cells["condition"].to_list() == [f"pgd linf 32/255 to word-rank:{rank}" for rank in RANKS]
    assert run.cells["target"].to_list() == [f"word-rank:{rank}" for rank in RANKS]
    assert run.cells["image_sets"].all()
    assert set(run.cells["ties"]) == {"fail"}


def test_image_sets_are_scored_and_tested(run):
    layers = run.layers
    assert layers.select("two_vs_two_sets", "two_vs_two_sets_p", "two_vs_two_sets_p_adjusted").null_count().row(0) == (
        (0,) * 3
    )
    scores = layers["two_vs_two_sets"]
    assert scores.is_between(0, 1).all()
    assert not np.allclose(scores, layers["two_vs_two"])
    clean = layers.filter(pl.col("condition") == "clean")
    each = clean.group_by("layer").agg(pl.col("two_vs_two_sets").n_unique().alias("different"))
    assert each["different"].to_list() == [1] * len(each), "the clean images are the same whatever the target"


def test_the_number_of_image_sets_is_told(run):
    for spec in run.directory.done():
        told = [each for each in run.directory.summary(spec)["caveats"] if "image sets of one image" in each]
        assert len(told) == 1
        assert told[0].startswith("2 image sets of one image of every concept each")


def test_images_beyond_the_image_sets_are_left_out_and_told(references, tmp_path):
    with np.load(references["images"][0].removeprefix("npz:")) as stored:
        images, labels, names = (stored[name] for name in ("images", "labels", "label_names"))
    more = np.concatenate([images, images[labels < 3]]), np.concatenate([labels, labels[labels < 3]])
    np.savez(tmp_path / "more.npz", images=more[0], labels=more[1], label_names=names)
    content = references | {
        "images": [f"npz:{tmp_path / 'more.npz'}"],
        "attack": [{"name": "fgsm", "eps": ["1/255"]}],
        "window": {"permutations": 99, "image_sets": True},
    }
    run = run_sweep(make_sweep(content), out=tmp_path / "run")
    (spec,) = run.directory.done()
    evidence = Evidence.from_arrays(*run.directory.arrays(spec, "grams"))
    assert (evidence.counts == 1).all()
    left = len(run.directory.table(spec, "samples")) - evidence.counts.size
    assert left > 0
    said = f"{left} images beyond the first {len(evidence.counts)} of their concept are left out."
    assert any(said in caveat for caveat in run.directory.summary(spec)["caveats"])


def expected_targets(references, fraction):
    """By the loop: all other classes from the nearest word to the farthest."""
    vectors = np.load(references["words"][0].removeprefix("npz:"))["vectors"]
    near = np.corrcoef(vectors)
    order = [sorted(set(range(12)) - {c}, key=lambda other, c=c: -near[c, other]) for c in range(12)]
    return [row[round(float(fraction) * 10)] for row in order]


@pytest.mark.parametrize("rank", RANKS)
def test_targets_are_those_of_the_rank_and_are_reached(run, references, rank):
    samples = run.samples.filter(pl.col("attack").str.ends_with(f"word-rank:{rank}"))
    assert samples["target"].to_list() == [expected_targets(references, rank)[label] for label in samples["label"]]
    assert (samples["target"] != samples["label"]).all()
    won = samples.filter("success")
    assert len(won) >= 2
    assert won["prediction"].to_list() == won["target"].to_list()


def test_one_vs_two_holds_the_targets_against_the_truth(run, references):
    """Recomputed from what is stored: there is a trial for each target that was reached, and no other."""
    for spec in run.directory.done():
        evidence = Evidence.from_arrays(*run.directory.arrays(spec, "grams"))
        rows = evidence.trials.condition == evidence.conditions.index("attack")
        samples = run.directory.table(spec, "samples").filter("success")
        assert 2 <= rows.sum() == len(samples)
        assert evidence.trials.wrong[rows].tolist() == samples["target"].to_list()
        assert evidence.trials.truth[rows].tolist() == samples["label"].to_list()
        table = run.directory.table(spec, "layers").filter(condition="attack")
        assert table["one_vs_two_n"].to_list() == [len(samples)] * len(table)
        assert table["one_vs_two"].null_count() == 0


def test_the_stored_grams_give_the_same_table(run):
    spec = run.directory.done()[2]
    evidence = Evidence.from_arrays(*run.directory.arrays(spec, "grams"))
    options = Options(
        measure="pearson", ties="fail", permutations=99, two_vs_two_permutations=99, image_sets=True, correction="bh"
    )
    again = analyse(evidence, options).layers
    for name in ("alignment", "two_vs_two_sets", "two_vs_two_sets_p_adjusted", "one_vs_two", "drift_p_adjusted"):
        stored = run.directory.table(spec, "layers")[name]
        assert again[name].to_list() == pytest.approx(stored.to_list()), name


def test_a_protocol_and_a_file_are_one_too_many(tmp_path):
    with pytest.raises(UserError, match=r"a sweep file and a protocol: got '.*, words-as-a-window'; expected one of"):
        attack_command(tmp_path / "x.toml", protocol="words-as-a-window")


def test_an_unknown_protocol_is_refused_by_the_command_line():
    from advwindow.cli import app

    command = typer.main.get_command(app).get_command(None, "attack")
    with pytest.raises(Exception, match="words-as-a-window"):
        command.make_context("attack", ["--protocol", "words-as-a-windov"])


def test_several_word_spaces_make_one_cell(references, tmp_path):
    words = [*references["words"], other_words(tmp_path / "other.npz")]
    run = aw.attack(
        model=references["models"],
        images=references["images"],
        words=words,
        attacks="fgsm",
        eps="8/255",
        window={"permutations": 99},
        audit="off",
        out=tmp_path / "run",
    )
    assert len(run.cells) == 1
    found = run.references["reference"].unique(maintain_order=True).to_list()
    assert len(found) == 4
    assert found[2:] == ["mean of word spaces", "pixels"]
    spec = run.directory.done()[0]
    agreement = run.directory.table(spec, "agreement").row(0, named=True)
    geometry = [np.corrcoef(np.load(each.removeprefix("npz:"))["vectors"])[np.triu_indices(12, 1)] for each in words]
    assert agreement["correlation"] == pytest.approx(np.corrcoef(geometry)[0, 1])
    assert set(run.directory.table(spec, "words")["space"]) == set(found[:2])


def ids(content):
    cells = make_plan(Library(torch.device("cpu")), make_sweep(content))
    return [cell.spec.cell_id for cell in cells]


def test_the_second_space_is_part_of_the_identity(references, tmp_path):
    attack = {"attack": [{"name": "fgsm", "eps": ["8/255"]}], "window": {"permutations": 99}}
    one = other_words(tmp_path / "second.npz")
    base = references | attack
    alone, two = ids(base), ids(base | {"words": [*references["words"], one]})
    swapped = ids(base | {"words": [one, *references["words"]]})
    other_words(tmp_path / "second.npz", seed=6)
    changed = ids(base | {"words": [*references["words"], one]})
    assert len({*alone, *two, *swapped, *changed}) == 4


@pytest.mark.parametrize(
    "change",
    [
        {"folds": 1},
        {"ties": "fail"},
        {"image_sets": True},
        {"correction": "bh"},
        {"measure": "spearman"},
        {"pooling": "flatten"},
        {"similarity": "cosine"},
        {"layers": ["0.*"]},
        {"permutations": 199},
    ],
    ids=str,
)
def test_every_setting_of_the_window_is_part_of_the_identity(references, change):
    base = references | {"attack": [{"name": "fgsm", "eps": ["8/255"]}]}
    assert ids(base | {"window": {"permutations": 99}}) != ids(base | {"window": {"permutations": 99} | change})


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"folds": 0}, "window.folds is not usable: got '0'"),
        ({"folds": "many"}, "window.folds is not usable: got 'many'"),
        ({"folds": 1.5}, "window.folds is not usable: got '1.5'"),
        ({"ties": "hafl"}, "unknown ties: got 'hafl'.*half"),
        ({"correction": "bonferroni"}, "unknown correction"),
        ({"correction": "max_t"}, "max-t"),
        ({"image_sets": "perhaps"}, "window.image_sets is not usable"),
        ({"similarity": "euclid"}, "window.similarity is not usable"),
        ({"measure": "kendall"}, "window.measure is not usable"),
        ({"permutations": 98}, "window.permutations is not usable"),
        ({"foldz": 2}, "unknown key.*folds"),
        ({"image_set": True}, "unknown key.*image_sets"),
        ({"layers": "block*"}, "window.layers is not usable"),
    ],
    ids=str,
)
def test_settings_that_are_refused(setting, message):
    with pytest.raises(UserError, match=message):
        make_sweep({"attack": [{"name": "fgsm", "eps": ["8/255"]}], "window": setting})


def test_more_folds_than_images_are_told(references, tmp_path):
    content = references | {"attack": [{"name": "fgsm", "eps": ["8/255"]}], "window": {"folds": 3, "permutations": 99}}
    with pytest.raises((UserError, IncompleteError)):
        run_sweep(make_sweep(content), out=tmp_path / "run")
    events = (tmp_path / "run" / "events.jsonl").read_text(encoding="utf-8")
    assert "too few images for these folds" in events


@pytest.mark.parametrize("same", ["reference", "name"])
def test_words_that_are_named_alike_are_refused_before_anything_runs(references, tmp_path, same):
    words = references["words"][0]
    if same == "name":
        (tmp_path / "elsewhere").mkdir()
        words = other_words(tmp_path / "elsewhere" / "words.npz")
    content = references | {
        "words": [*references["words"], words],
        "attack": [{"name": "fgsm", "eps": ["8/255"]}],
        "window": {"permutations": 99},
    }
    with pytest.raises(UserError, match="two word spaces of the same name"):
        make_plan(Library(torch.device("cpu")), make_sweep(content))
