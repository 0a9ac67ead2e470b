from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import polars.testing
import pytest
import torch

from advwindow.errors import UserError
from advwindow.models.classifier import Classifier
from advwindow.window import gathering
from advwindow.window.report import LAYER_COLUMNS
from advwindow.window.window import Window
from tests.window.helpers import Planted, World, rng, word_space


@dataclass
class Lazy:
    """Images that come in batches only."""

    images: torch.Tensor
    labels: tuple[int, ...]

    def batches(self, size):
        return iter(self.images.split(size))


@pytest.fixture(scope="module")
def world() -> World:
    return World(40)


@pytest.fixture(scope="module")
def report(world):
    window = Window(world.model, world.words, layers=["early", "late"], permutations=499)
    return window.compare(world.images, world.attacked, labels=world.labels, noise=world.noise)


def row(report, layer, condition):
    return report.layers.row(by_predicate=(pl.col("layer") == layer) & (pl.col("condition") == condition), named=True)


def test_planted_collapse_is_found_in_its_layer_and_nowhere_else(report):
    late = row(report, "late", "attack")
    assert (late["verdict"], late["hijacked"], late["display"]) == ("collapsed", True, "hijacked")
    assert late["upper"] < late["collapse_bound"]
    assert late["drift_p_adjusted"] <= 0.01
    assert late["one_vs_two"] < 0.1
    assert late["one_vs_two_n"] == len(report.evidence.trials.truth)
    assert late["retention"] < 0.2
    assert late["drift_beyond_noise_low"] > 0
    early = row(report, "early", "attack")
    assert (early["verdict"], early["hijacked"]) == ("intact", False)
    assert (early["drift_p"], early["displacement"]) == (1, 0)
    assert early["drift"] == pytest.approx(0, abs=1e-12)
    assert early["one_vs_two"] > 0.9


def test_noise_of_the_same_images_changes_nothing(report):
    for layer in ("early", "late"):
        noise = row(report, layer, "noise")
        assert noise["verdict"] == "intact"
        assert noise["one_vs_two_n"] == 0
        assert noise["one_vs_two"] is None
        assert not noise["hijacked"]
        assert 0 < noise["displacement"] < 0.2


def test_the_table_has_the_promised_shape(report):
    assert tuple(report.layers.columns) == LAYER_COLUMNS
    assert report.layers["layer"].to_list() == ["early"] * 3 + ["late"] * 3
    assert report.layers["condition"].to_list() == ["clean", "noise", "attack"] * 2
    assert report.layers["depth"].to_list() == [0, 0, 0, 1, 1, 1]
    assert report.layers["images"].unique().to_list() == [80]
    clean = row(report, "late", "clean")
    assert [clean[name] for name in ("verdict", "display", "hijacked", "drift", "collapse_bound")] == [None] * 5
    assert clean["alignment"] == clean["rsa_pearson"] > 0.7
    assert clean["cka_clean"] == pytest.approx(1)
    assert not report.layers.select(pl.any_horizontal(pl.selectors.float().is_nan().any())).item()


def test_concepts_table(report):
    assert report.concepts.columns == ["layer", "condition", "concept", "word", "two_vs_two", "loss", "loss_q"]
    assert report.concepts.height == 2 * 3 * 40
    mean = report.concepts.group_by("layer", "condition").agg(pl.col("two_vs_two").mean().alias("mean"))
    joined = mean.join(report.layers, on=["layer", "condition"])
    assert np.allclose(joined["mean"], joined["two_vs_two"])


def test_observing_once_serves_every_attack(world, report):
    window = Window(world.model, world.words, layers=["early", "late"], permutations=499)
    seen = window.observe(world.images, world.labels)
    for _ in range(2):
        again = window.compare(seen, world.attacked, noise=world.noise)
        polars.testing.assert_frame_equal(again.layers, report.layers, check_exact=True)


def test_activations_too_large_to_keep_are_computed_again(world, report, monkeypatch):
    monkeypatch.setattr(gathering, "KEPT_BYTES", 6000)
    window = Window(world.model, world.words, layers=["early", "late"], permutations=499)
    seen = window.observe(world.images, world.labels)
    assert seen.kept is None
    again = window.compare(seen, world.attacked, noise=world.noise)
    polars.testing.assert_frame_equal(again.layers, report.layers, check_exact=True)


@pytest.mark.parametrize("batch_size", [1, 7, 80])
def test_batches_change_nothing_but_rounding(world, report, batch_size):
    window = Window(world.model, world.words, layers=["*"], permutations=499, batch_size=batch_size)
    found = window.compare(
        Lazy(world.images, tuple(world.labels.tolist())), Lazy(world.attacked, ()), noise=Lazy(world.noise, ())
    )
    layers = found.layers.filter(pl.col("layer") != "head")
    for name in ("alignment", "two_vs_two", "cka", "se", "drift", "displacement", "one_vs_two", "retention"):
        assert np.allclose(layers[name].to_numpy(), report.layers[name].to_numpy(), atol=1e-5, equal_nan=True), name


def test_the_order_of_images_does_not_matter(world, report):
    order = torch.from_numpy(rng(3).permutation(len(world.labels)))
    window = Window(world.model, world.words, layers=["early", "late"], permutations=499)
    found = window.compare(
        world.images[order], world.attacked[order], labels=world.labels[order], noise=world.noise[order]
    )
    for name in ("alignment", "two_vs_two", "drift", "displacement", "one_vs_two", "alignment_p"):
        assert np.allclose(found.layers[name].to_numpy(), report.layers[name].to_numpy(), atol=1e-6, equal_nan=True), (
            name
        )


def test_default_layers(world):
    window = Window(world.model, world.words, permutations=19)
    found = window.compare(world.images, world.attacked, labels=world.labels)
    assert found.layers["layer"].unique(maintain_order=True).to_list()
    assert any("No noise control" in caveat for caveat in found.caveats)
    assert found.layers["drift_beyond_noise"].is_null().all()


def test_targets_can_stand_in_for_predictions(world):
    window = Window(world.model, world.words, layers=["late"], permutations=99)
    found = window.compare(world.images, world.images, labels=world.labels, predictions=world.targets[world.labels])
    late = row(found, "late", "attack")
    assert late["one_vs_two_n"] == len(world.labels)
    assert late["one_vs_two"] > 0.9
    assert not late["hijacked"]


def test_classes_without_words_are_left_out_and_named(world):
    vectors = {name: vector for name, vector in world.vectors.items() if name not in ("thing3", "thing7")}
    window = Window(world.model, word_space(vectors), layers=["late"], permutations=19)
    found = window.compare(world.images, world.attacked, labels=world.labels)
    assert found.layers["concepts"].unique().to_list() == [38]
    assert found.layers["images"].unique().to_list() == [76]
    assert any("Classes without a word: thing3; thing7. Their images (4) are left out." in c for c in found.caveats)
    assert "Wrong predictions without a word (attack): 4" in " ".join(found.caveats)
    assert len(found.words[0].rows) == 40
    assert found.words[0].coverage == 38 / 40


@pytest.mark.parametrize("concepts", [5, 8, 19])
def test_few_concepts_are_said(concepts):
    small = World(concepts)
    window = Window(small.model, small.words, layers=["early", "late"], permutations=199)
    found = window.compare(small.images, small.attacked, labels=small.labels, noise=small.noise)
    assert "collapsed" not in found.layers["verdict"].to_list()
    assert any(f"Only {concepts} concepts: collapse is not claimed" in caveat for caveat in found.caveats)
    assert any("cannot reach significance" in caveat for caveat in found.caveats) == (concepts < 6)
    p = found.layers["drift_p"].drop_nulls()
    assert p.min() >= max(1 / 200, 0.9 * 2.0 ** (1 - concepts) if concepts < 8 else 0)


def test_a_dead_layer_is_unanchored_with_a_note(world):
    net = Planted(world.factors)
    torch.nn.init.zeros_(net.early.weight)
    model = Classifier(net, label_names=world.model.label_names)
    found = Window(model, world.words, layers=["early", "late"], permutations=99).compare(
        world.images, world.attacked, labels=world.labels
    )
    early = row(found, "early", "attack")
    assert early["verdict"] == "unanchored"
    assert early["note"].startswith("Nothing can be compared in this layer")
    assert early["alignment"] is None
    assert early["retention"] is None
    assert row(found, "late", "attack")["verdict"] == "collapsed"
    assert row(found, "early", "clean")["note"] == early["note"]


def test_nothing_of_the_model_is_left_changed(world):
    world.model.train()
    Window(world.model, world.words, layers=["late"], permutations=19).compare(
        world.images, world.attacked, labels=world.labels
    )
    assert world.model.training
    assert not any(module._forward_hooks for module in world.model.modules())
    world.model.eval()


def test_only_one_class(world):
    with pytest.raises(UserError, match=r"too few concepts: a geometry needs at least 5 classes .* got '1 of 1"):
        Window(world.model, world.words).observe(world.images[:1], world.labels[:1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pooling": "meen"}, "unknown pooling"),
        ({"similarity": "euclid"}, "unknown similarity"),
        ({"measure": "kendall"}, "unknown measure"),
        ({"ties": "some"}, "unknown tie rule"),
        ({"permutations": 5}, "too few permutations"),
        ({"batch_size": 0}, "batch size must be positive"),
    ],
)
def test_settings_that_are_refused(world, settings, message):
    with pytest.raises(UserError, match=message):
        Window(world.model, world.words, **settings)


def test_inputs_that_are_refused(world):
    window = Window(world.model, world.words, layers=["late"])
    with pytest.raises(UserError, match="carry no labels"):
        window.observe(world.images)
    with pytest.raises(UserError, match="not class indices: got 'float32"):
        window.observe(world.images, torch.rand(80))
    with pytest.raises(UserError, match="images and labels differ in number: got '80 or more images for 79 labels'"):
        window.observe(world.images, world.labels[:79])
    seen = window.observe(world.images, world.labels)
    for attacked in (world.attacked[:79], world.attacked[:16], torch.cat([world.attacked, world.attacked])):
        with pytest.raises(UserError, match="differ"):
            window.compare(seen, attacked)
    with pytest.raises(UserError, match="predictions and images differ"):
        window.compare(seen, world.attacked, predictions=[1, 2])
    with pytest.raises(UserError, match="made by another window"):
        replace(window, pooling="max").compare(seen, world.attacked)
    with pytest.raises(UserError, match="no layer"):
        replace(window, layers=["latte"]).observe(world.images, world.labels)


@pytest.mark.samples
def test_embedded_network():
    from advwindow.data import load_images, match_labels
    from advwindow.models import load_model
    from advwindow.words import load_words

    model = load_model("sample:efficientnet-lite0")
    images = load_images("sample:imagenet", size=model.input_size, crop=model.crop)
    pixels = images.pixels()
    labels = match_labels(images, model.label_names, 1000)
    window = Window(model, load_words("glove-6b-50d"), permutations=199)
    found = window.compare(pixels, pixels.flip(3), labels=labels)
    attack = found.layers.filter(pl.col("condition") == "attack")
    clean = found.layers.filter(pl.col("condition") == "clean")
    assert clean["two_vs_two"].max() > 0.75
    assert clean["two_vs_two"].arg_max() > 8
    assert attack["drift_p_adjusted"].min() > 0.05
