import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from advwindow.errors import UserError
from advwindow.models.classifier import Classifier
from advwindow.window import observation
from advwindow.window.capture import capture
from advwindow.window.folds import Dealing, draw_lots, in_order
from advwindow.window.grams import gram_of
from advwindow.window.observation import PIXELS
from advwindow.window.sketch import LIMIT, WIDTH
from advwindow.window.window import Window
from advwindow.words import similarity_space
from tests.window.helpers import World, rng, word_space

CLASSES = 8


@pytest.fixture(scope="module")
def world() -> World:
    """Four images of each class, class by class within each of four rounds."""
    return World(CLASSES, per_class=4)


def window_of(world, **settings):
    return Window(world.model, world.words, **({"layers": ["early", "late"], "permutations": 19} | settings))


def gathered(world, rows=slice(None), *, classes=None, before=None, **settings):
    return window_of(world, **settings).gather(
        world.images[rows],
        world.attacked[rows],
        labels=world.labels[rows],
        noise=world.noise[rows],
        classes=classes,
        before=before,
    )


def arrays_of(part):
    return part.evidence().arrays()


def dealt(concepts, wanted, *, count, **how):
    order, seen = in_order(concepts, np.zeros(count, np.int64))
    return Dealing(wanted, **how).deal(concepts, order, seen=seen)


def in_shards(world, cuts, **how):
    both = None
    for start, end in zip((0, *cuts), (*cuts, len(world.labels)), strict=True):
        part = gathered(world, slice(start, end), before=both, **how)
        both = part if both is None else both + part
    return both


def assert_same(one, other):
    """The same evidence but for the images that are looked at one by one: every shard chooses its own."""
    (arrays, told), (others, told_too) = one, other
    assert told == told_too
    assert arrays.keys() == others.keys()
    for name, array in arrays.items():
        if "examples" not in name:
            scale = max(1.0, float(np.abs(np.nan_to_num(array)).max(initial=0)))
            assert np.allclose(array, others[name], rtol=0, atol=1e-6 * scale, equal_nan=True), name


@pytest.mark.parametrize(("cut", "folds"), [(8, 1), (16, 1), (24, 1), (16, 2), (16, None)])
def test_halves_add_up_to_the_whole(world, cut, folds):
    first, second = gathered(world, slice(0, cut), folds=folds), gathered(world, slice(cut, 32), folds=folds)
    whole = gathered(world, folds=first.folds)
    assert_same(arrays_of(first + second), arrays_of(whole))


def test_a_half_may_lack_classes(world):
    order = torch.argsort(world.labels, stable=True)
    first, second = order[:13], order[13:]
    every = list(range(CLASSES))
    both = gathered(world, first, classes=every, folds=1) + gathered(world, second, classes=every, folds=1)
    whole = gathered(world, order, folds=1)
    assert_same(arrays_of(both), arrays_of(whole))
    with pytest.raises(UserError, match="concepts without an image: got 'thing4, thing5, thing6, thing7'"):
        gathered(world, first, classes=every, folds=1).evidence()


def test_a_shard_with_few_images_of_a_class_still_adds_up(world):
    """Two folds, and a shard of which each class has one image only: what is missing comes with the other shard."""
    every = list(range(CLASSES))
    parts = [gathered(world, rows, folds=2, classes=every) for rows in (slice(0, 8), slice(8, 32))]
    assert (parts[0] + parts[1]).evidence().counts.min() > 0


def test_examples_of_shards_are_at_their_places_in_the_whole(world):
    parts = [gathered(world, rows, folds=1, classes=range(CLASSES)) for rows in (slice(0, 8), slice(8, 32))]
    found = (parts[0] + parts[1]).evidence().examples
    assert found.place.tolist() == np.linspace(0, 31, 16).round().astype(int).tolist()
    assert found.truth.tolist() == world.labels[found.place].tolist()


def brute_stack(world, layer, folds):
    """Products of the mean patterns by loops over classes and folds."""
    conditions = []
    for images in (world.images, world.noise, world.attacked):
        rows = capture(world.model, images, [layer])[layer].double().numpy()
        means = [
            rows[np.flatnonzero(world.labels.numpy() == concept)[fold::folds]].mean(0)
            for fold in range(folds)
            for concept in range(CLASSES)
        ]
        conditions.append(np.stack(means))
    centred = [rows - rows.mean(1, keepdims=True) for rows in conditions]
    own = np.stack([rows @ rows.T for rows in centred])
    return own, np.stack([centred[0] @ rows.T for rows in centred]), np.stack([rows.mean(1) for rows in conditions])


@pytest.mark.parametrize("folds", [1, 2, 3, 4])
@pytest.mark.parametrize("layer", ["early", "late"])
def test_stacks_are_the_products_of_fold_means(world, layer, folds):
    stack = gathered(world, folds=folds).evidence().layers[layer].stack
    own, cross, mean = brute_stack(world, layer, folds)
    assert np.allclose(stack.own, own, atol=1e-5 * own.max())
    assert np.allclose(stack.cross, cross, atol=1e-5 * own.max())
    assert np.allclose(stack.mean, mean, atol=1e-6)


def test_closeness_displacement_examples_and_trials_by_brute_force(world):
    part = gathered(world, folds=2)
    evidence, layer = part.evidence(), part.evidence().layers["late"]
    clean, moved = (capture(world.model, x, ["late"])["late"].double().numpy() for x in (world.images, world.attacked))
    labels = world.labels.numpy()
    means = np.stack([clean[labels == concept].mean(0) for concept in range(CLASSES)])
    moved_by = np.linalg.norm(moved - clean, axis=1) / np.linalg.norm(clean, axis=1)
    assert layer.displacement[2] == pytest.approx(moved_by.mean(), rel=1e-5)
    assert layer.displacement[0] == 0
    said = world.model(world.attacked).argmax(1).numpy()
    wrong = np.flatnonzero(said != labels)
    rows = evidence.trials.condition == 2
    assert evidence.trials.truth[rows].tolist() == labels[wrong].tolist()
    assert evidence.trials.wrong[rows].tolist() == said[wrong].tolist()
    near = np.corrcoef(np.vstack([moved[wrong], means]))[: len(wrong), len(wrong) :]
    assert np.allclose(layer.closeness[rows], near, atol=1e-5)
    vectors = np.stack([world.vectors[f"thing{concept}"] for concept in range(CLASSES)])
    assert np.allclose(evidence.trials.profile[rows], np.corrcoef(vectors)[said[wrong]], atol=1e-12)
    shown = np.linspace(0, 31, 16).round().astype(int)
    assert evidence.examples.place.tolist() == shown.tolist()
    assert np.allclose(layer.examples[2], moved[shown] @ means.T, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("kind", ["pearson", "cosine"])
def test_identification_is_of_every_image_among_all(world, kind):
    mixed = 0.75 * world.images + 0.25 * world.images.roll(5, 0)
    window = Window(world.model, world.words, layers=["late"], similarity=kind)
    found = window.gather(world.images, mixed, labels=world.labels).evidence().layers["late"].identification
    clean, moved = (capture(world.model, x, ["late"])["late"].double().numpy() for x in (world.images, mixed))
    if kind == "pearson":
        clean, moved = (rows - rows.mean(1, keepdims=True) for rows in (clean, moved))
    near = moved @ clean.T / np.outer(np.linalg.norm(moved, axis=1), np.linalg.norm(clean, axis=1))
    expected = (near.argmax(1) == np.arange(32)).mean()
    assert 0 < expected < 1
    assert found.tolist() == [1, pytest.approx(expected)]


def test_pixels_are_those_of_the_clean_images(world):
    pixels = gathered(world, folds=2).evidence().pixels
    flat = world.images.flatten(1).double().numpy()
    expected = gram_of(np.stack([flat[world.labels.numpy() == concept].mean(0) for concept in range(CLASSES)]))
    assert np.allclose(pixels.raw, expected.raw, atol=1e-5)
    assert np.allclose(pixels.centred, expected.centred, atol=1e-5)


@pytest.mark.parametrize("wanted", [1, 2, 3])
def test_the_kth_image_of_a_class_goes_to_fold_k_modulo_folds(wanted):
    concepts = rng(4).permutation(np.concatenate([np.repeat(np.arange(5), [3, 4, 5, 6, 7]), [-1, -1]]))
    folds, patterns = dealt(concepts, wanted, count=5)
    assert folds == wanted
    for concept in range(5):
        mine = patterns[concepts == concept]
        assert mine.tolist() == [(k % wanted) * 5 + concept for k in range(len(mine))]
    assert (patterns[concepts == -1] == -1).all()


@pytest.mark.parametrize(
    ("images", "count", "folds"),
    [([1, 9], 2, 1), ([2, 9], 2, 2), ([3, 3], 2, 3), ([9, 9], 2, 4), ([9], 601, 1), ([9], 600, 2), ([9], 2000, 1)],
)
def test_folds_by_themselves(images, count, folds):
    """As many as the rarest class has images, at most four, and at most 1,200 patterns."""
    each = [*images, *([9] * (count - len(images)))]
    assert dealt(np.repeat(np.arange(count), each), None, count=count)[0] == folds


def test_folds_that_the_images_do_not_fill():
    with pytest.raises(
        UserError, match=r"too few images for these folds: got '2 of a class'; expected at least 3.*at most 2 folds"
    ):
        dealt(np.array([0, 0, 1, 1, 1]), 3, count=2)


@pytest.mark.parametrize("batch_size", [1, 5, 32])
def test_batches_change_nothing_but_rounding(world, batch_size):
    assert_same(arrays_of(gathered(world, batch_size=batch_size)), arrays_of(gathered(world, batch_size=16)))


def test_the_cap_on_trials_is_told_and_the_same_for_shards(world, monkeypatch):
    monkeypatch.setattr(observation, "MOST_TRIALS", 11)
    whole = gathered(world, folds=1)
    wrong = int((world.model(world.attacked).argmax(1) != world.labels).sum())
    assert whole.conditions["attack"].unused == wrong - 11 > 0
    labels = world.labels.numpy()
    lots = draw_lots(labels, in_order(labels, np.zeros(CLASSES, np.int64))[0], seed=0)
    assert wrong == 32
    chosen = np.sort(np.argsort(lots)[:11])
    assert chosen.max() > 16
    assert whole.evidence().trials.truth.tolist() == labels[chosen].tolist()
    told = f"Of the images with a wrong prediction (attack), the 1 vs 2 test leaves out {wrong - 11}, chosen by lot."
    assert told in whole.caveats()
    for batch_size in (1, 5):
        assert_same(arrays_of(gathered(world, folds=1, batch_size=batch_size)), arrays_of(whole))
    both = in_shards(world, (5, 16, 17), folds=1, classes=range(CLASSES))
    assert both.conditions["attack"].unused == wrong - 11
    assert_same(arrays_of(both), arrays_of(whole))


def held(tally) -> int:
    """Bytes that the single images of a tally hold, views counted by what they keep alive."""
    found = {}
    for first, second, activations, *_ in [*tally._trials, *tally._examples]:
        for array in (first, second, *(part for rows in activations.values() for part in rows[:2])):
            base = array
            while isinstance(base.base, np.ndarray):
                base = base.base
            found[id(base)] = base.nbytes
    return sum(found.values())


def test_memory_does_not_grow_with_the_images(world, monkeypatch):
    monkeypatch.setattr(observation, "MOST_TRIALS", 10)
    monkeypatch.setattr("advwindow.window.window.MOST_SINGLES", 16)
    window = window_of(world, batch_size=8)
    sizes, lengths = [], []
    for times in (1, 8):
        many = [x.repeat(times, 1, 1, 1) for x in (world.images, world.attacked)]
        part = window.gather(*many, labels=world.labels.repeat(times))
        for tally in part.conditions.values():
            sizes.append(held(tally))
            lengths.append(sum(len(each.truth) for each in tally._trials))
            assert sum(len(each.truth) for each in tally._examples) <= 16
            assert sum(len(each.truth) for each in tally._trials) <= 10
            assert tally.sums.counts.sum() == 32 * times
    assert sizes[:2] == sizes[2:]
    assert lengths[:2] == lengths[2:]


def test_several_attacked_sets_by_name(world):
    window = window_of(world)
    several = {"weak": world.noise, "strong": world.attacked}
    part = window.gather(world.images, several, labels=world.labels)
    evidence = part.evidence()
    assert evidence.conditions == ("clean", "weak", "strong")
    alone = window.gather(world.images, world.attacked, labels=world.labels).evidence()
    late, only = evidence.layers["late"], alone.layers["late"]
    assert np.allclose(late.stack.own[[0, 2]], only.stack.own)
    assert np.allclose(late.stack.cross[2], only.stack.cross[1])
    for name in ("clean", "noise"):
        with pytest.raises(UserError, match="an attacked set cannot be called so"):
            window.gather(world.images, {name: world.attacked}, labels=world.labels)


def test_one_control_beside_several_attacked_sets_is_told(world):
    said = "One noise control stands beside several attacked sets: it fits those of its own size only."
    several = {"weak": world.noise, "strong": world.attacked}
    for attacked, told in ((several, True), ({"strong": world.attacked}, False)):
        part = window_of(world).gather(world.images, attacked, labels=world.labels, noise=world.noise)
        assert (said in part.caveats()) is told
    with pytest.raises(UserError, match="several noise controls: got 'weak'"):
        window_of(world).gather(world.images, several, labels=world.labels, noise={"weak": world.noise})


def test_each_attacked_set_has_its_own_predictions(world):
    window, several = window_of(world), {"weak": world.noise, "strong": world.attacked}
    looked = window.observe(world.images, world.labels)
    aims = {"weak": (world.labels + 1) % CLASSES, "strong": (world.labels + 2) % CLASSES}
    trials = window.gather(looked, several, predictions=aims).evidence().trials
    for place, name in enumerate(several, 1):
        assert trials.wrong[trials.condition == place].tolist() == aims[name].tolist()
    some = window.gather(looked, several, predictions={"weak": aims["weak"]}).evidence().trials
    said = world.model(world.attacked).argmax(1)
    assert some.wrong[some.condition == 2].tolist() == said.tolist()
    with pytest.raises(UserError, match="one list of predictions for several attacked sets"):
        window.gather(looked, several, predictions=aims["weak"])
    with pytest.raises(UserError, match="predictions for no attacked set: got 'weka'"):
        window.gather(looked, several, predictions={"weka": aims["weak"]})


@pytest.mark.parametrize("name", ["labels", "classes", "before"])
def test_an_observation_has_its_own_labels_and_classes(world, name):
    window = window_of(world)
    looked = window.observe(world.images, world.labels)
    given = {"labels": world.labels, "classes": [0, 1], "before": gathered(world)}[name]
    with pytest.raises(UserError, match=f"an observation has its own labels and classes: got '{name}='"):
        window.gather(looked, world.attacked, **{name: given})


@pytest.mark.parametrize("cuts", [(8, 16, 24), (3, 17), (31,)])
@pytest.mark.parametrize(("folds", "image_sets"), [(2, False), (3, False), (2, True)])
def test_shards_that_know_those_before_have_the_folds_of_the_whole(world, cuts, folds, image_sets):
    how = {"folds": folds, "image_sets": image_sets}
    both, whole = in_shards(world, cuts, classes=range(CLASSES), **how), gathered(world, **how)
    assert (both.beyond, both.wordless) == (whole.beyond, whole.wordless)
    assert_same(arrays_of(both), arrays_of(whole))


def test_later_shards_take_classes_and_folds_from_those_before(world):
    first = gathered(world, slice(0, 16), folds=2)
    both = first + gathered(world, slice(16, 19), before=first)
    assert both.seen.tolist() == [3, 3, 3, 2, 2, 2, 2, 2]
    assert both.evidence().counts.tolist() == [[2, 2, 2, *[1] * 5], [1] * 8]
    some = gathered(world, torch.arange(16)[world.labels[:16] != 3], folds=2)
    with pytest.raises(UserError, match=r"these images and those before differ in concepts.*name all classes"):
        gathered(world, slice(16, 24), before=some)


def test_an_image_set_has_one_image_of_every_concept(world):
    rows = torch.arange(32)[
        torch.tensor([not (label == 2 and place >= 24) for place, label in enumerate(world.labels)])
    ]
    part = gathered(world, rows, image_sets=True)
    assert part.folds == 3
    assert (part.evidence().counts == 1).all()
    assert part.beyond == CLASSES - 1
    told = "3 image sets of one image of every concept each; 7 images beyond the first 3 of their concept are left out."
    assert told in part.caveats()
    assert_same(arrays_of(part), arrays_of(gathered(world, slice(0, 24), image_sets=True)))
    same = gathered(world, slice(0, 24), image_sets=True)
    assert any("no image is left out for that" in caveat for caveat in same.caveats())


def test_shards_that_fill_the_same_image_sets_do_not_add(world):
    one, two = (gathered(world, rows, folds=2, image_sets=True) for rows in (slice(0, 16), slice(16, 32)))
    with pytest.raises(UserError, match="image sets with more than one image of a concept"):
        _ = one + two


@pytest.mark.parametrize(("each", "count", "folds"), [(9, 5, 9), (1, 5, 1), (9, 200, 6), (9, 2000, 1)])
def test_there_are_as_many_image_sets_as_images_of_every_concept(each, count, folds):
    concepts = np.repeat(np.arange(count), each)
    found, patterns = dealt(concepts, None, count=count, single=True)
    assert found == folds
    assert np.bincount(patterns[patterns >= 0], minlength=folds * count).tolist() == [1] * (folds * count)


def test_concepts_of_one_image_cost_the_ceiling_and_are_told(world):
    rows = torch.arange(32)[(world.labels > 1) | (torch.arange(32) < 8)]
    said = "2 of 8 concepts have one image only, so there is one fold and no noise ceiling."
    assert said in gathered(world, rows).caveats()
    assert said not in gathered(world, rows, folds=1).caveats()
    assert not any("one image only" in caveat for caveat in gathered(world, slice(0, 8)).caveats())


def test_shards_of_two_networks_do_not_add(world):
    other = World(CLASSES, per_class=4, seed=1)
    one = gathered(world, slice(0, 16), folds=2)
    window = Window(other.model, world.words, layers=["early", "late"], folds=2, permutations=19)
    rows = slice(16, 32)
    two = window.gather(world.images[rows], world.attacked[rows], labels=world.labels[rows], noise=world.noise[rows])
    with pytest.raises(UserError, match="shards differ in their model"):
        _ = one + two


def test_concepts_are_the_words_that_all_spaces_know(world):
    second = word_space({name: vector for name, vector in world.vectors.items() if name != "thing2"})
    third = word_space({name: -(vector**2) for name, vector in world.vectors.items() if name != "thing5"})
    spaces = [
        dataclasses.replace(space, name=name) for name, space in (("a", world.words), ("b", second), ("c", third))
    ]
    window = Window(world.model, spaces, layers=["late"], permutations=19)
    part = window.gather(world.images, world.attacked, labels=world.labels)
    evidence = part.evidence()
    assert evidence.concepts == ("thing0", "thing1", "thing3", "thing4", "thing6", "thing7")
    assert list(evidence.spaces) == ["a", "b", "c"]
    assert evidence.images == 24
    vectors = np.stack([-(world.vectors[name] ** 2) for name in evidence.concepts])
    assert np.allclose(evidence.spaces["c"].gram.raw, vectors @ vectors.T)
    said = part.caveats()[0]
    assert said.startswith("Classes without a word in every word space: thing2; thing5. Their images (8) are left out")
    report = window.conclude(part)
    assert report.references["reference"].unique(maintain_order=True).to_list() == [
        "a",
        "b",
        "c",
        "mean of word spaces",
        "pixels",
    ]
    assert report.agreement.height == 6
    assert [each.space for each in report.words] == ["a", "b", "c"]


@pytest.mark.parametrize("first", [True, False])
def test_a_matrix_stands_where_words_stand(world, first):
    vectors = np.stack(list(world.vectors.values()))
    matrix = similarity_space("brain", list(world.vectors), np.corrcoef(vectors))
    spaces = [matrix, world.words] if first else [world.words, matrix]
    window = Window(world.model, spaces, layers=["early", "late"], permutations=19)
    part = window.gather(world.images, world.attacked, labels=world.labels)
    evidence = part.evidence()
    assert np.allclose(evidence.spaces["brain"].gram.centred, np.corrcoef(vectors))
    assert np.allclose(evidence.trials.profile, np.corrcoef(vectors)[evidence.trials.wrong])
    report = window.conclude(part)
    plain = window_of(world).compare(world.images, world.attacked, labels=world.labels)
    for name in ("alignment", "two_vs_two", "drift", "one_vs_two", "alignment_p"):
        assert np.allclose(
            report.layers[name].fill_null(np.nan), plain.layers[name].fill_null(np.nan), atol=1e-9, equal_nan=True
        ), name
    assert report.agreement.filter(first=spaces[0].name, second=spaces[1].name)["correlation"].item() == pytest.approx(
        1
    )


def other_ways(world):
    half = slice(0, 16)
    return {
        "folds": gathered(world, half, folds=1),
        "conditions": window_of(world, folds=2).gather(
            world.images[half], world.attacked[half], labels=world.labels[half]
        ),
        "concepts": gathered(world, torch.arange(16)[world.labels[:16] != 3], folds=2),
        "similarity": gathered(world, half, folds=2, similarity="cosine"),
        "image sets": gathered(world, half, folds=2, image_sets=True),
    }


@pytest.mark.parametrize("what", ["folds", "conditions", "concepts", "similarity", "image sets"])
def test_shards_gathered_in_other_ways_do_not_add(world, what):
    one = gathered(world, slice(16, 32), folds=2)
    with pytest.raises(UserError, match=f"shards differ in their {what}"):
        _ = one + other_ways(world)[what]


@pytest.mark.parametrize("settings", [{"layers": ["late"]}, {"pooling": "max"}, {"seed": 4}])
def test_shards_seen_in_other_ways_do_not_add(world, settings):
    one = gathered(world, slice(0, 16), folds=2)
    with pytest.raises(UserError, match="shards differ in their"):
        _ = one + gathered(world, slice(16, 32), **({"folds": 2} | settings))


def test_shards_with_other_words_do_not_add(world):
    one = gathered(world, slice(0, 16), folds=2)
    words = word_space({name: -(vector**2) for name, vector in world.vectors.items()})
    other = Window(world.model, dataclasses.replace(words, sha256="1"), layers=["early", "late"], folds=2).gather(
        world.images[16:], world.attacked[16:], labels=world.labels[16:], noise=world.noise[16:]
    )
    with pytest.raises(UserError, match="shards differ in their"):
        _ = one + other


class Wide(nn.Module):
    """A layer too wide to be kept exactly, whose activations follow the images' factors."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        draw = rng(5)
        self.wide = nn.Conv2d(17, features, 1, bias=False)
        self.head = nn.Linear(17, classes)
        with torch.no_grad():
            self.wide.weight.copy_(torch.from_numpy(draw.normal(size=tuple(self.wide.weight.shape))))

    def forward(self, images):
        self.wide(images)
        return self.head(images.flatten(1))


def test_wide_layers_go_through_one_sketch(world):
    features = LIMIT + 4096
    model = Classifier(Wide(features, CLASSES), label_names=world.model.label_names)
    window = Window(model, world.words, layers=["wide"], pooling="flatten", folds=2, permutations=19)
    same = window.gather(world.images, world.images, labels=world.labels).evidence().layers["wide"]
    assert np.array_equal(same.stack.own[0], same.stack.own[1])
    assert same.displacement.tolist() == [0, 0]
    part = window.gather(world.images, world.attacked, labels=world.labels)
    halves = [
        window.gather(world.images[rows], world.attacked[rows], labels=world.labels[rows])
        for rows in (slice(0, 16), slice(16, 32))
    ]
    assert_same(arrays_of(halves[0] + halves[1]), arrays_of(part))
    stack = part.evidence().layers["wide"].stack
    assert stack.features == features
    clean = capture(model, world.images, ["wide"], pooling="flatten")["wide"].double().numpy()
    means = np.stack([clean[world.labels.numpy() == c][fold::2].mean(0) for fold in range(2) for c in range(CLASSES)])
    assert np.allclose(stack.mean[0], means.mean(1), atol=1e-6)
    exact = np.corrcoef(means)
    scale = np.sqrt(np.diag(stack.own[0]))
    error = stack.own[0] / np.outer(scale, scale) - exact
    assert 0 < np.abs(error).max() < 5 * np.sqrt(2 / WIDTH)


def test_no_layer_can_be_called_as_the_pixels_are(world):
    assert PIXELS not in gathered(world).evidence().layers
    assert "." not in PIXELS
    assert not PIXELS.isidentifier()


@pytest.mark.parametrize(
    "break_it",
    [
        lambda w: {"labels": w.labels + 5},
        lambda w: {"labels": w.labels - 1},
        lambda w: {"labels": w.labels.float()},
        lambda w: {"labels": w.labels[:-1]},
        lambda w: {"labels": w.labels * 0},
        lambda w: {"labels": w.labels % 4},
        lambda w: {"images": w.images * torch.nan},
        lambda w: {"attacked": w.attacked * torch.nan},
        lambda w: {"images": w.images[:0], "labels": w.labels[:0]},
        lambda w: {"attacked": w.attacked[:0]},
        lambda w: {"classes": [99]},
    ],
    ids=["beyond", "negative", "floats", "fewer", "one class", "four classes", "nan", "nan attack", "none", "no", "99"],
)
def test_what_hostile_users_give_is_refused_in_words(world, break_it):
    given = {"images": world.images, "attacked": world.attacked, "labels": world.labels} | break_it(world)
    with pytest.raises(UserError):
        window_of(world).gather(given.pop("images"), given.pop("attacked"), **given)


def test_no_attack_at_all_is_a_look_at_clean_images(world):
    report = window_of(world).compare(world.images, {}, labels=world.labels)
    assert report.layers["condition"].to_list() == ["clean", "clean"]
    assert report.layers["alignment"].null_count() == 0


def test_settings_of_hostile_users_are_refused(world):
    for settings, message in (({"folds": 0}, "folds must be"), ({"folds": 1.5}, "folds must be")):
        with pytest.raises(UserError, match=message):
            window_of(world, **settings)
    for words in ([], "glove-6b-50d", ["glove-6b-50d"]):
        with pytest.raises(UserError, match="word space"):
            Window(world.model, words)
    with pytest.raises(UserError, match="two word spaces of the same name"):
        Window(world.model, [world.words, world.words])


def test_an_iterator_without_batches_is_no_set_of_images(world):
    class Nothing:
        def batches(self, size):
            return iter(())

    with pytest.raises(UserError, match="images"):
        window_of(world).gather(Nothing(), world.attacked, labels=world.labels)
