from dataclasses import replace

import pytest
import torch

from advwindow.data import LabelledImages
from advwindow.errors import UserError

PIXELS = torch.rand(5, 3, 2, 4, generator=torch.Generator().manual_seed(0))


def make(**changes):
    facts = {
        "name": "toy",
        "ids": ("a", "b", "c", "d", "e"),
        "labels": (0, 1, 0, 1, 2),
        "label_names": ("x", "y", "z"),
        "read": lambda index: PIXELS[index],
    }
    return LabelledImages(**{**facts, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ids": (), "labels": ()}, "toy holds no images"),
        ({"ids": ("a", "b", "a", "d", "e")}, "not unique"),
        ({"labels": (0, 1)}, "one label per image: got 2; expected 5"),
        ({"labels": (0, 1, 0, 3, 2)}, "image 'd' of toy has a label without a name: got 3; expected 0 to 2"),
        ({"labels": (0, -1, 0, 1, 2)}, "image 'b' of toy has a label without a name: got -1"),
    ],
)
def test_sets_that_contradict_themselves_are_refused(changes, message):
    with pytest.raises(UserError, match=message):
        make(**changes)


def test_pixels_come_in_the_order_asked_for():
    images = make()
    assert len(images) == 5
    assert torch.equal(images.pixels(), PIXELS)
    assert torch.equal(images.pixels([3, 0]), PIXELS[[3, 0]])


@pytest.mark.parametrize("size", [1, 2, 5, 9])
def test_batches_are_the_whole_set_in_order(size):
    batches = list(make().batches(size))
    assert torch.equal(torch.cat(batches), PIXELS)
    assert [len(batch) for batch in batches] == [min(size, 5 - start) for start in range(0, 5, size)]


def test_a_subset_of_a_subset_keeps_ids_labels_and_pixels_together():
    subset = make().subset([4, 1, 3]).subset([2, 0])
    assert (subset.ids, subset.labels, subset.label_names) == (("d", "e"), (1, 2), ("x", "y", "z"))
    assert torch.equal(subset.pixels(), PIXELS[[3, 4]])


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (torch.full((3, 2, 4), float("nan")), "'c' has pixels that are not finite"),
        (torch.full((3, 2, 4), 1.5), r"'c' leaves the range: got '\[1.5, 1.5\]'"),
        (torch.full((3, 2, 4), -0.1), "divide 8-bit pixels by 255"),
        (torch.zeros(3, 2, 4, dtype=torch.uint8), "not of the right kind: got 'torch.uint8"),
        (torch.zeros(2, 4), r"not of the right kind: got 'torch.float32 \(2, 4\)'"),
        (torch.zeros(3, 4, 4), "differ in shape"),
    ],
)
@pytest.mark.parametrize("use", [LabelledImages.pixels, LabelledImages.sha256, lambda images: list(images.batches(2))])
def test_bad_pixels_are_told_wherever_they_are_read(bad, message, use):
    images = make(read=lambda index: bad if index == 2 else PIXELS[index])
    if message == "differ in shape":
        use = LabelledImages.pixels
    with pytest.raises(UserError, match=message):
        use(images)


def test_the_hash_sees_everything_but_the_name_and_reads_each_image_once():
    reads = []

    def read(index):
        reads.append(index)
        return PIXELS[index]

    base = make(read=read).sha256()
    assert reads == [0, 1, 2, 3, 4]
    assert base == make(name="other").sha256()
    changed = PIXELS.clone()
    changed[4, 2, 1, 3] += 1e-6
    others = [
        make(ids=("a", "b", "c", "d", "f")),
        make(labels=(0, 1, 0, 1, 1)),
        make(label_names=("x", "y", "w")),
        make(read=lambda index: changed[index]),
        make(read=lambda index: PIXELS[index].reshape(3, 4, 2)),
        replace(make(), ids=("a", "b", "c", "e", "d"), labels=(0, 1, 0, 1, 2)),
    ]
    assert len({base, *(other.sha256() for other in others)}) == 7
