import numpy as np
import pytest
import torch

from advwindow.errors import UserError
from advwindow.sweep import load_study, make_sweep, parse_device, run_sweep

from . import parts

CPU = torch.device("cpu")


def test_the_parts_fit(study):
    loaded = load_study(study["models"][0], study["images"][0], study["words"], device=CPU)
    assert bool(loaded.correct.all())
    assert loaded.pixels.shape == (24, 3, 12, 12)


@pytest.mark.parametrize("kind", ["pearson", "cosine"])
def test_words_are_ordered_by_the_similarity_asked_for(study, kind):
    loaded = load_study(study["models"][0], study["images"][0], study["words"], device=CPU)
    vectors = np.load(study["words"][0].removeprefix("npz:"))["vectors"]
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    expected = np.corrcoef(vectors) if kind == "pearson" else unit @ unit.T
    order = loaded.word_order(kind)
    assert order.classes.tolist() == list(range(parts.CLASSES))
    np.testing.assert_allclose(order.similarity, expected, atol=1e-6)


def test_targets_by_rank_follow_the_similarity_of_the_cells(study, tmp_path):
    vectors = np.random.default_rng(2).normal(size=(parts.CLASSES, 3)) + 2
    np.savez(tmp_path / "shifted.npz", words=np.array(parts.NAMES), vectors=vectors)
    attack = {"name": "fgsm", "eps": ["8/255"], "target": "word-rank:0"}
    content = study | {"words": [f"npz:{tmp_path / 'shifted.npz'}"], "attack": [attack]}
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    for kind, near in (("pearson", np.corrcoef(vectors)), ("cosine", unit @ unit.T)):
        sweep = make_sweep(content | {"window": study["window"] | {"similarity": kind}})
        samples = run_sweep(sweep, out=tmp_path / kind).samples
        nearest = (near - 9 * np.eye(parts.CLASSES)).argmax(1)
        assert samples["target"].to_list() == nearest[samples["label"].to_list()].tolist(), kind


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"models": ["py:tests.sweep.parts:make_wrong_count"]}, "class"),
        ({"models": ["py:tests.sweep.parts:make_nan"]}, "not finite"),
        ({"models": ["py:tests.sweep.parts:nothing"]}, "nothing"),
        ({"models": ["sampel:x"]}, "did you mean sample"),
        ({"images": ["folder:/no/such/folder"]}, "folder"),
        ({"words": ["glove:/no/such/file"]}, "file"),
        ({"words": ["glove-7b"]}, "glove-6b-50d"),
    ],
    ids=str,
)
def test_parts_that_do_not_fit_say_so(study, change, message):
    refs = study | change
    with pytest.raises(UserError, match=message):
        load_study(refs["models"][0], refs["images"][0], refs["words"], device=CPU)


def test_one_class_only(study, tmp_path):
    images = parts.write_images(tmp_path / "one.npz", classes=1)
    with pytest.raises(UserError, match="too few concepts"):
        load_study(study["models"][0], images, study["words"], device=CPU)


def test_words_that_know_no_name(study, tmp_path):
    words = parts.write_words(tmp_path / "few.npz", known=2)
    with pytest.raises(UserError, match="too few concepts"):
        load_study(study["models"][0], study["images"][0], [words], device=CPU)


def test_devices():
    assert parse_device("cpu") == CPU
    with pytest.raises(UserError, match="cannot use this device"):
        parse_device("gpu9")
