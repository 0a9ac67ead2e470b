import itertools

import torch
from torch.nn.functional import pad

from advwindow.training.augment import augmented, cut_out


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


def test_a_hole_is_a_square_of_the_mean_colour_anywhere():
    images = torch.rand(400, 3, 9, 8)
    changed = cut_out(images, side=4, draw=torch.Generator().manual_seed(0))
    places = set()
    for one, before in zip(changed, images, strict=True):
        hole = (one != before).all(0)
        assert torch.equal(one[:, ~hole], before[:, ~hole])
        assert torch.allclose(one[:, hole], before.mean((1, 2))[:, None].expand(-1, int(hole.sum())))
        rows, columns = hole.any(1).nonzero().flatten(), hole.any(0).nonzero().flatten()
        assert int(hole.sum()) == len(rows) * len(columns)
        assert len(rows) == 4 or {0, 8} & set(rows.tolist())  # it ends where the image ends
        assert len(columns) == 4 or {0, 7} & set(columns.tolist())
        places.add((int(rows[-1]), int(columns[-1])))
    assert len(places) == 56  # of the 72 pixels that may be the middle, two rows and two columns end alike


def test_no_hole_draws_nothing():
    images, draw = torch.rand(2, 3, 5, 5), torch.Generator().manual_seed(0)
    state = draw.get_state()
    assert cut_out(images, side=0, draw=draw) is images
    assert torch.equal(draw.get_state(), state)
