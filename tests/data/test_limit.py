from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from advwindow.data import LabelledImages
from advwindow.data.limit import limited
from advwindow.errors import UserError


def make(labels, classes=None):
    count = classes or max(labels) + 1
    return LabelledImages(
        name="toy",
        ids=tuple(f"image {index}" for index in range(len(labels))),
        labels=tuple(labels),
        label_names=tuple(f"class {index}" for index in range(count)),
        read=lambda index: torch.full((1, 1, 1), index / 1000),
    )


@given(st.lists(st.integers(0, 6), min_size=1, max_size=60), st.integers(1, 70))
def test_classes_are_balanced_and_everything_stays_together(labels, limit):
    images = make(labels)
    small = limited(images, str(limit))
    assert len(small) == min(limit, len(images))
    kept, had = Counter(small.labels), Counter(labels)
    rounds = max(kept.values())
    assert all(kept[label] >= min(rounds - 1, had[label]) for label in had)
    indices = [int(name.split()[1]) for name in small.ids]
    assert indices == sorted(indices)
    assert [labels[index] for index in indices] == list(small.labels)
    assert torch.equal(small.pixels().flatten(), torch.tensor(indices) / 1000)


@given(st.lists(st.integers(0, 6), min_size=2, max_size=40), st.data())
def test_a_smaller_limit_is_a_part_of_a_larger_one(labels, data):
    larger = data.draw(st.integers(2, len(labels)))
    smaller = data.draw(st.integers(1, larger))
    images = make(labels)
    assert set(limited(images, str(smaller)).ids) <= set(limited(images, str(larger)).ids)


def test_a_subset_does_not_depend_on_the_order_of_the_set():
    images = make([index % 7 for index in range(50)])
    shuffled = images.subset([(index * 13) % 50 for index in range(50)])
    assert set(limited(images, "20").ids) == set(limited(shuffled, "20").ids)


def test_few_images_of_many_classes_are_spread_over_them():
    chosen = limited(make(range(1000)), "10").labels
    assert len(chosen) == 10
    assert max(chosen) - min(chosen) > 500


def test_the_choice_is_the_same_on_every_machine():
    assert limited(make([0, 0, 0, 1, 1, 1, 2, 2, 2]), "4").ids == ("image 1", "image 2", "image 3", "image 6")


@pytest.mark.parametrize("limit", ["0", "-1", "", "1.5", "many", "²", "１"])
def test_a_limit_that_is_no_positive_number_is_told(limit):
    with pytest.raises(UserError, match="option limit of 'toy'"):
        limited(make([0, 1]), limit)
