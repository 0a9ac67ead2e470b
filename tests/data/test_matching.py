import pytest
import torch

from advwindow.data import LabelledImages, match_labels
from advwindow.errors import UserError
from advwindow.imagenet import imagenet_label_names

PETS = ("tabby, tabby cat", "Egyptian cat", "German shepherd, German police dog, alsatian", "crane, n1", "crane, n2")


def make(label_names, labels=None):
    chosen = tuple(range(len(label_names))) if labels is None else tuple(labels)
    return LabelledImages(
        "set", tuple(map(str, range(len(chosen)))), chosen, tuple(label_names), lambda _: torch.zeros(3, 1, 1)
    )


@pytest.mark.parametrize(
    ("names", "known", "count", "expected"),
    [
        (("b", "a"), ("a", "b", "c"), 3, (1, 0)),
        (("tabby_cat", "EGYPTIAN CAT", "alsatian"), PETS, 5, (0, 1, 2)),
        (("German-police_dog", "dog of mine, tabby"), PETS, 5, (2, 0)),
        (("crane, n2", "n1"), PETS, 5, (4, 3)),
        (("cat",), ("cat, feline", "cat"), 2, (1,)),  # the exact name wins over a shared one
        (("x", "y", "z"), (), 3, (0, 1, 2)),
        (("x", "x, y"), ("x, y", "x"), 2, (1, 0)),
        (("same", "same"), ("same", "same"), 2, (0, 1)),  # the same list: the index counts
        (("0", "1", "10", "2"), (), 11, (0, 1, 10, 2)),  # sorted folders named by number
        (("0", "1"), (), 10, (0, 1)),
        (("0", "2"), ("zero", "one", "two"), 3, (0, 2)),
        (("7", "3"), ("3", "7"), 2, (1, 0)),  # a network whose names are numbers is matched by name
        (imagenet_label_names()[::-1], imagenet_label_names(), 1000, tuple(range(999, -1, -1))),
    ],
)
def test_every_image_finds_its_output(names, known, count, expected):
    assert match_labels(make(names), known, count) == expected


def test_labels_are_matched_per_image_and_classes_without_images_need_no_counterpart():
    images = make(("unicorn", "tabby", "alsatian"), labels=[2, 1, 2])
    assert match_labels(images, PETS, 5) == (2, 0, 2)


@pytest.mark.parametrize(
    ("names", "known", "count", "message"),
    [
        (("unicorn",), PETS, 5, "'unicorn' of set is no class of the network"),
        (("Egyptian_cats",), PETS, 5, "near names: Egyptian cat"),
        (("crane",), PETS, 5, "'crane' of set may mean several classes.*got 'crane, n1; crane, n2'.*wnid"),
        (("cat",), ("cat", "cat"), 2, "may mean several classes"),
        (("x", "y"), (), 3, "another number of classes.*got '2 classes'; expected 3.*label_names"),
        (("x", "y"), (), 1, "another number of classes"),
        (("3", "11"), (), 11, "class '11' of set is beyond the network's outputs: got 11; expected 0 to 10"),
        (("a",), ("a", "b"), 3, "label names do not fit its outputs: got '2 names'; expected 3"),
    ],
)
def test_classes_without_one_output_are_told(names, known, count, message):
    with pytest.raises(UserError, match=message):
        match_labels(make(names), known, count)
