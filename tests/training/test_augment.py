import itertools

import torch
from torch.nn.functional import pad

from advwindow.training.augment import augmented


def test_nothing_to_do_gives_the_images_back():
    images = torch.rand(5, 3, 6, 7)
    assert torch.equal(augmented(images, padding=0, flip=False, draw=torch.Generator()), images)


def test_every_image_is_one_of_its_shifted_and_mirrored_versions():
    images = torch.rand(40, 3, 6, 7)
    moved = augmented(images, padding=2, flip=True, draw=torch.Generator().manual_seed(0))
    wide = pad(images, [2] * 4)
    versions = set()
    for one, candidates in zip(moved, wide, strict=True):
        found = [
            (top, left, mirrored)
            for top, left, mirrored in itertools.product(range(5), range(5), (False, True))
            if torch.equal(one, _version(candidates, top, left, mirrored))
        ]
        assert len(found) == 1
        versions.add(found[0])
    assert len(versions) > 15
    assert {mirrored for *_, mirrored in versions} == {True, False}


def _version(wide, top, left, mirrored):
    cut = wide[:, top : top + 6, left : left + 7]
    return cut.flip(2) if mirrored else cut


def test_the_generator_decides():
    images = torch.rand(8, 1, 6, 6)
    first, again, other = (
        augmented(images, padding=2, flip=True, draw=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
