import numpy as np
import polars as pl
import polars.testing
import pytest
import torch

from advwindow.errors import UserError
from advwindow.window import Options, Window
from advwindow.window.analysis import compute
from advwindow.window.looks import LOOK_SCHEMA, changes_between, in_one_table, look, onsets
from tests.window.helpers import World, evidence_of, rng, shared_factors, word_space

QUICK = {"permutations": 199}


@pytest.fixture(scope="module")
def world():
    return World(20)


def test_a_look_says_of_clean_images_what_a_comparison_says(world):
    window = Window(world.model, world.words, **QUICK)
    seen = look(window, world.images, world.labels)
    report = window.compare(world.images, world.attacked, labels=world.labels)
    clean = report.layers.filter(pl.col("condition") == "clean")
    shared = [column for column in LOOK_SCHEMA if column in clean.columns]
    assert len(shared) > 15
    # bands and p-values are over the layers of a condition, so they are the same with and without an attack
    polars.testing.assert_frame_equal(seen.layers.select(shared), clean.select(shared))
    assert seen.layers.select(pl.col("^change.*$")).null_count().sum_horizontal().item() == 5 * len(clean)


@pytest.mark.parametrize("known", [20, 15])
def test_accuracy_is_of_the_images_that_were_looked_at(world, known):
    vectors = dict(list(world.vectors.items())[:known])
    seen = look(Window(world.model, word_space(vectors), **QUICK), world.attacked, world.labels)
    right = (world.model(world.attacked).argmax(1) == world.labels)[world.labels < known]
    assert 0 <= float(right.float().mean()) < 1
    assert seen.layers["accuracy"].unique().to_list() == [pytest.approx(float(right.float().mean()))]


def test_accuracy_counts_more_wrong_images_than_are_kept_as_trials():
    world = World(20, per_class=60)
    seen = look(Window(world.model, world.words, **QUICK), world.attacked, world.labels)
    right = world.model(world.attacked).argmax(1) == world.labels
    assert int((~right).sum()) > 500
    assert seen.layers["accuracy"][0] == pytest.approx(float(right.float().mean()))


@pytest.mark.parametrize("measure", ["pearson", "spearman"])
@pytest.mark.parametrize("folds", [1, 2])
def test_changes_are_the_drift_between_two_conditions_with_another_sign(measure, folds):
    """Two looks as two conditions of one evidence: an independent way through `compute`."""
    words, first, later = shared_factors(12)
    other = rng(5).normal(size=(12, 60))
    stacked = {name: np.vstack([part] * folds) for name, part in (("a", first), ("b", later), ("c", other))}
    befores, afters = {"x": stacked["a"], "y": stacked["c"]}, {"x": stacked["b"], "y": stacked["a"]}
    options = Options(measure=measure, **QUICK)
    one, two = (
        evidence_of(words, {name: (part,) for name, part in parts.items()}, conditions=("clean",), folds=folds)
        for parts in (befores, afters)
    )
    both = evidence_of(words, {name: (befores[name], afters[name]) for name in befores}, folds=folds)
    columns = compute(both, options).columns
    found = changes_between(one, two, options)
    for place, name in enumerate(("x", "y")):
        drift = {column: columns[column][place, 1] for column in columns if column.startswith("drift")}
        expected = {
            "change": -drift["drift"],
            "change_ci_low": -drift["drift_ci_high"],
            "change_ci_high": -drift["drift_ci_low"],
            "change_band_low": -drift["drift_band_high"],
            "change_band_high": -drift["drift_band_low"],
        }
        assert found[name] == pytest.approx(expected, abs=1e-9)


def test_nothing_changes_in_the_same_look():
    words, first, _ = shared_factors(10)
    evidence = evidence_of(words, {"x": (first,)}, conditions=("clean",))
    assert list(changes_between(evidence, evidence, Options(**QUICK))["x"].values()) == pytest.approx([0] * 5, abs=1e-7)


def test_a_layer_without_geometry_has_no_change():
    words, first, later = shared_factors(10)
    flat = np.ones_like(first)
    before = evidence_of(words, {"x": (first,), "y": (flat,)}, conditions=("clean",))
    after = evidence_of(words, {"x": (later,), "y": (later,)}, conditions=("clean",))
    assert list(changes_between(before, after, Options(**QUICK))) == ["x"]
    assert changes_between(evidence_of(words, {"y": (flat,)}, conditions=("clean",)), after, Options(**QUICK)) == {}


def test_looks_at_other_concepts_cannot_be_compared():
    one, two = (
        evidence_of(words, {"x": (first,)}, conditions=("clean",))
        for words, first, _ in (shared_factors(10), shared_factors(11))
    )
    with pytest.raises(UserError, match="differ in their concepts"):
        changes_between(one, two, Options(**QUICK))


def course(p, alignment=None, layer="x", epochs=None):
    epochs = epochs or list(range(1, len(p) + 1))
    look_columns = {name: [None] * len(p) for name in ("change", "change_ci_low", "change_ci_high")}
    return pl.DataFrame(
        {"epoch": epochs, "layer": layer, "depth": 0, "alignment": alignment or [0.1] * len(p), **look_columns}
        | {"alignment_p_adjusted": p},
        schema_overrides=dict.fromkeys(("alignment", "alignment_p_adjusted", *look_columns), pl.Float64)
        | {"depth": pl.Int64},
    )


@pytest.mark.parametrize(
    ("p", "since"),
    [
        ([0.5, 0.04, 0.01], 2),
        ([0.01, 0.2, 0.05, 0.01], 3),
        ([0.01, 0.01], 1),
        ([0.01, 0.01, 0.06], None),
        ([0.01, None, 0.01], 3),
        ([0.01, None], None),
    ],
)
def test_significance_counts_back_from_the_last_look(p, since):
    assert onsets(course(p))["significant_from"].item() == since


def test_onsets_tell_the_course_of_each_layer_by_epoch_and_depth():
    late = course([0.01, 0.5], [0.5, 0.4], epochs=[10, 2]).with_columns(change=pl.Series([0.1, None]))
    early = course([0.5, 0.5], [None, None], layer="none").with_columns(depth=pl.lit(-1, pl.Int64))
    found = onsets(pl.concat([late, early]))
    assert found["layer"].to_list() == ["none", "x"]
    row = found.row(1, named=True)
    assert (row["first"], row["last"], row["change"], row["best"], row["best_epoch"]) == (0.4, 0.5, 0.1, 0.5, 10)
    assert row["significant_from"] == 10
    assert found.row(0, named=True)["best_epoch"] is None


def test_the_epoch_is_too_early_in_at_most_one_training_of_twenty():
    """A layer that is aligned from look 8 of 20 on; before, its p-values are uniform and, at worst, all the same."""
    draw = rng(3).uniform(size=400)
    trainings = [course([float(p)] * 7 + [0.001] * 13, layer=str(place)) for place, p in enumerate(draw)]
    since = onsets(pl.concat(trainings))["significant_from"]
    early = int((since < 8).sum())
    assert 0 < early / 400 < 0.05 + 3 * (0.05 * 0.95 / 400) ** 0.5
    assert set(since) == {1, 8}


def test_tables_come_in_the_order_of_epochs(world):
    layers = look(Window(world.model, world.words, **QUICK), world.images, world.labels).layers
    assert in_one_table({3: layers, 1: layers})["epoch"].to_list() == [1] * len(layers) + [3] * len(layers)
    assert in_one_table({}).columns == ["epoch", *LOOK_SCHEMA]


def test_looks_do_not_depend_on_inference_mode(world):
    window = Window(world.model, world.words, **QUICK)
    plain = look(window, world.images, world.labels)
    with torch.inference_mode():
        other = look(window, world.images, world.labels)
    polars.testing.assert_frame_equal(plain.layers, other.layers)
