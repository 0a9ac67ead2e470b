import os
from pathlib import Path

import pytest
import torch

from advwindow.data import load_images
from advwindow.errors import UserError
from advwindow.imagenet import imagenet_index
from tests.data.pictures import array, write


def filled(root, *names):
    for index, name in enumerate(names):
        write(root / name, array(seed=index))
    return root


def test_class_folders_sorted_with_nested_files_and_hidden_ones_passed_over(tmp_path):
    root = filled(
        tmp_path,
        "dog/b.png",
        "dog/a.JPG",
        "cat/x/y/deep.png",
        "cat/z.webp",
        ".cache/h.png",
        "cat/.thumbs/t.png",
        "cat/._z.png",
        "Ant/1.png",
    )
    (root / "dog/notes.txt").write_text("no image")
    (root / "README.md").write_text("no image")
    images = load_images(f"folder:{root}")
    assert images.ids == ("Ant/1.png", "cat/x/y/deep.png", "cat/z.webp", "dog/a.JPG", "dog/b.png")
    assert images.label_names == ("Ant", "cat", "dog")
    assert images.labels == (0, 1, 1, 2, 2)
    assert torch.equal(images.pixels([4])[0], torch.from_numpy(array(seed=0)).permute(2, 0, 1) / 255)


def test_a_class_folder_without_images_is_still_a_class(tmp_path):
    filled(tmp_path, "b/1.png")
    (tmp_path / "a").mkdir()
    images = load_images(f"folder:{tmp_path}")
    assert (images.label_names, images.labels) == (("a", "b"), (1,))


def test_folders_named_by_wnid_get_imagenets_names(tmp_path):
    filled(tmp_path, "n01440764/1.png", "n03126707/1.png", "n00000001/1.png")
    assert load_images(f"folder:{tmp_path}").label_names == ("n00000001", "tench, Tinca tinca", "crane, n03126707")


def test_a_flat_folder_of_wnids(tmp_path):
    filled(tmp_path, "n01440764_tench.png", "n01440764_2.png", "n02012849_crane.png")
    images = load_images(f"folder:{tmp_path}")
    assert images.ids == ("n01440764_2.png", "n01440764_tench.png", "n02012849_crane.png")
    assert images.labels == (0, 0, 1)
    assert images.label_names == ("tench, Tinca tinca", "crane, n02012849")


@pytest.mark.parametrize("name", ["my photos", "fotos é 写真", "what?", "a?b=c&d", "100%", "x+y", "a@b", "k:v"])
def test_any_path_can_be_named_with_and_without_options(tmp_path, name):
    filled(tmp_path / name, "a/1.png", "a/2.png", "b/1.png")
    assert len(load_images(f"folder:{tmp_path / name}")) == 3
    limited = load_images(f"folder:{tmp_path / name}?limit=2&mode=L")
    assert limited.labels == (0, 1)
    assert limited.pixels().shape[1] == 1


def test_the_longest_path_that_exists_is_meant(tmp_path):
    filled(tmp_path / "set", "a/1.png")
    assert load_images(f"folder:{tmp_path}/set?limit=1").ids == ("a/1.png",)
    filled(tmp_path / "set?limit=1", "b/1.png", "b/2.png")
    assert load_images(f"folder:{tmp_path}/set?limit=1").ids == ("b/1.png", "b/2.png")
    assert len(load_images(f"folder:{tmp_path}/set?limit=1?limit=1")) == 1


def test_a_relative_path_and_the_home_folder(tmp_path, monkeypatch):
    filled(tmp_path / "set", "a/1.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_images("folder:set").ids == load_images("folder:~/set").ids == ("a/1.png",)


def test_linked_class_folders_are_followed(tmp_path):
    filled(tmp_path / "store", "cats/1.png")
    (tmp_path / "set").mkdir()
    (tmp_path / "set/cat").symlink_to(tmp_path / "store/cats")
    assert load_images(f"folder:{tmp_path}/set").ids == ("cat/1.png",)


def test_modes_and_size(tmp_path):
    filled(tmp_path, "a/1.png", "a/2.png")
    assert load_images(f"folder:{tmp_path}?mode=RGB").pixels().shape == (2, 3, 6, 8)
    assert load_images(f"folder:{tmp_path}?mode=L", size=(4, 5), crop=0.8).pixels().shape == (2, 1, 4, 5)


def test_images_of_different_sizes_need_a_size(tmp_path):
    filled(tmp_path, "a/1.png")
    write(tmp_path / "a/2.png", array(9, 9))
    with pytest.raises(UserError, match=r"differ in shape.*use a model with an input size"):
        load_images(f"folder:{tmp_path}").pixels()
    assert load_images(f"folder:{tmp_path}", size=(5, 5)).pixels().shape == (2, 3, 5, 5)


def test_an_unreadable_image_is_told_when_it_is_read(tmp_path):
    filled(tmp_path, "a/1.png")
    (tmp_path / "a/2.png").write_bytes((tmp_path / "a/1.png").read_bytes()[:60])
    images = load_images(f"folder:{tmp_path}")
    assert images.pixels([0]).shape == (1, 3, 6, 8)
    with pytest.raises(UserError, match=r"cannot read image .*a/2\.png"):
        images.pixels()


@pytest.mark.parametrize(
    ("files", "ref", "message"),
    [
        ((), "", "holds no images: got '0 other files'"),
        (("a/notes.txt", "list.csv"), "", "holds no images: got '2 other files'"),
        ((".hidden/1.png",), "", "holds no images"),
        (("cat.png",), "", "cat.png has no class"),
        (("n0144_x.png",), "", "has no class"),
        (("a/1.png", "n01440764_1.png"), "", "mixes class folders with images beside them: got 'n01440764_1.png'"),
        (("a/1.png",), "/nowhere", "no such folder"),
        (("a/1.png",), "/a/1.png", "no such folder"),
        (("a/1.png",), "?mode=RGBA", "option mode.*expected RGB or L"),
        (("a/1.png",), "?split=val", "unknown option.*got 'split'"),
        (("a/1.png",), "?limit=0", "option limit.*positive whole number"),
        (("a/1.png",), "?limit", "option limit"),
    ],
)
def test_folders_that_cannot_be_used_are_told(tmp_path, files, ref, message):
    for name in files:
        if name.endswith("png"):
            write(tmp_path / name)
        else:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text("text")
    with pytest.raises(UserError, match=message):
        load_images(f"folder:{tmp_path}{ref}")


@pytest.fixture
def photographs():
    if "ADVWINDOW_DATA" not in os.environ:
        pytest.skip("needs ADVWINDOW_DATA")
    return Path(os.environ["ADVWINDOW_DATA"]) / "imagenet-samples"


def test_five_hundred_photographs_have_their_imagenet_indices(photographs):
    from advwindow.data import match_labels
    from advwindow.imagenet import imagenet_label_names

    images = load_images(f"folder:{photographs}")
    assert len(images) == len(images.label_names) == 500
    indices = match_labels(images, imagenet_label_names(), 1000)
    assert indices == tuple(imagenet_index()[name.partition("_")[0]] for name in images.ids)


@pytest.mark.slow
@pytest.mark.samples
def test_the_sample_network_knows_the_photographs(photographs):
    from advwindow.data import match_labels
    from advwindow.models import load_model

    model = load_model("sample:efficientnet-lite0")
    images = load_images(f"folder:{photographs}", size=model.input_size, crop=model.crop).subset(range(100))
    labels = torch.tensor(match_labels(images, model.label_names, 1000))
    with torch.no_grad():
        right = [(model(batch).argmax(1)) for batch in images.batches(25)]
    assert (torch.cat(right) == labels).sum() >= 85
