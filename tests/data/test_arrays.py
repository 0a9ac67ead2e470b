import numpy as np
import pytest
import torch

from advwindow.data import load_images
from advwindow.errors import UserError

BYTES = np.random.default_rng(0).integers(0, 256, (5, 3, 4, 6), dtype=np.uint8)
LABELS = np.array([0, 2, 1, 2, 0])


def save(folder, **arrays):
    np.savez(folder / "set.npz", **{"images": BYTES, "labels": LABELS, **arrays})
    return f"npz:{folder}/set.npz"


@pytest.mark.parametrize(
    "images",
    [
        BYTES,
        BYTES.transpose(0, 2, 3, 1),
        BYTES / 255,
        (BYTES / 255).astype(np.float32),
        np.asfortranarray(BYTES),
        (BYTES / 255).transpose(0, 2, 3, 1),
    ],
)
def test_every_layout_and_kind_gives_the_same_pixels(tmp_path, images):
    found = load_images(save(tmp_path, images=images))
    assert torch.allclose(found.pixels(), torch.from_numpy(BYTES / 255).float(), atol=1e-7, rtol=0)
    assert found.labels == (0, 2, 1, 2, 0)
    assert found.label_names == ("0", "1", "2")
    assert found.ids == ("000000", "000001", "000002", "000003", "000004")


def test_names_and_ids_are_kept(tmp_path):
    ids = np.array(["e", "d", "c", "b", "a"])
    found = load_images(save(tmp_path, label_names=np.array(["cat", "dog", "ünï", "more"]), ids=ids))
    assert found.ids == ("e", "d", "c", "b", "a")
    assert found.label_names == ("cat", "dog", "ünï", "more")


def test_bytes_are_texts_too_and_small_integers_labels(tmp_path):
    found = load_images(save(tmp_path, label_names=np.array([b"cat", b"dog", b"ant"]), labels=LABELS.astype(np.uint8)))
    assert found.label_names == ("cat", "dog", "ant")
    assert found.labels == (0, 2, 1, 2, 0)


def test_size_and_limit(tmp_path):
    ref = save(tmp_path)
    assert load_images(ref, size=(8, 8), crop=0.5).pixels().shape == (5, 3, 8, 8)
    assert torch.equal(load_images(ref, size=(4, 6), crop=0.5).pixels(), load_images(ref).pixels())
    assert sorted(load_images(f"{ref}?limit=3").labels) == [0, 1, 2]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": BYTES[0]}, "four dimensions"),
        ({"images": BYTES.astype(int)}, "uint8 or floats"),
        ({"images": BYTES.astype(bool)}, "uint8 or floats"),
        ({"images": BYTES[:, :, :3, :3]}, "cannot be told apart"),
        ({"images": np.zeros((5, 4, 6, 7))}, "no side of 1 or 3 channels"),
        ({"images": BYTES.astype(float)}, r"leave the range: got '\[0, 255\]'"),
        ({"images": BYTES / 255 - 0.5}, "leave the range"),
        ({"images": np.where(BYTES.max() == BYTES, np.nan, 0.5)}, "not finite"),
        ({"images": np.where(BYTES.max() == BYTES, np.inf, 0.5)}, "not finite"),
        ({"images": BYTES[:0], "labels": LABELS[:0]}, "holds no images"),
        ({"labels": LABELS[:4]}, r"labels of .*expected integers \(5,\)"),
        ({"labels": LABELS / 1}, "labels of .*float64"),
        ({"labels": LABELS[:, None]}, "labels of"),
        ({"labels": LABELS - 1}, "image '000000' .*label without a name: got -1"),
        ({"label_names": np.array(["cat", "dog"])}, "image '000001' .*label without a name: got 2"),
        ({"label_names": np.arange(3)}, "label_names of .*list of texts"),
        ({"label_names": np.array([["a"], ["b"], ["c"]])}, "label_names of .*list of texts"),
        ({"ids": np.array(["a", "b"])}, "ids of .*got '2 ids'; expected 5"),
        ({"ids": np.array(["a", "b", "c", "d", "a"])}, "not unique"),
        ({"images": np.array([object()])}, "allow_pickle"),
        ({"label_names": np.array(["a", None, "c"], dtype=object)}, "allow_pickle"),
    ],
)
def test_arrays_that_cannot_be_used_are_told(tmp_path, arrays, message):
    with pytest.raises(UserError, match=message):
        load_images(save(tmp_path, **arrays))


@pytest.mark.parametrize("missing", ["images", "labels"])
def test_a_missing_array_is_told_with_what_there_is(tmp_path, missing):
    arrays = {"images": BYTES, "labels": LABELS, "extra": LABELS}
    del arrays[missing]
    np.savez(tmp_path / "set.npz", **arrays)
    with pytest.raises(UserError, match=f"lacks the array '{missing}': got '.*extra"):
        load_images(f"npz:{tmp_path}/set.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"no archive", None])
def test_files_that_are_no_archive_are_told(tmp_path, content):
    if content is not None:
        (tmp_path / "set.npz").write_bytes(content)
    with pytest.raises(UserError, match="cannot read" if content is not None else "no such file"):
        load_images(f"npz:{tmp_path}/set.npz")


def test_a_single_array_and_a_folder_are_told(tmp_path):
    np.save(tmp_path / "one.npy", BYTES)
    with pytest.raises(UserError, match="holds one array"):
        load_images(f"npz:{tmp_path}/one.npy")
    with pytest.raises(UserError, match="cannot read"):
        load_images(f"npz:{tmp_path}")


def test_a_damaged_archive_is_read_or_told(tmp_path):
    save(tmp_path)
    whole = (tmp_path / "set.npz").read_bytes()
    rng = np.random.default_rng(0)
    told = 0
    for _ in range(200):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 3):
            damaged[place] = rng.integers(256)
        (tmp_path / "set.npz").write_bytes(damaged)
        try:
            load_images(f"npz:{tmp_path}/set.npz").pixels()
        except UserError:
            told += 1
    assert told
