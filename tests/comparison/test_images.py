import pytest

from advwindow.cli.compare import _compare
from advwindow.comparison import image_sets, read_entries
from advwindow.errors import UserError
from tests.comparison.runs import cell, make_run


def test_image_sets_are_read_one_at_a_time(tmp_path):
    cells = [cell(), cell(images="npz:y.npz", images_sha256="d" * 64, count=5)]
    run = make_run(tmp_path / "run", cells)
    assert image_sets([run]) == ("npz:x.npz", "npz:y.npz")
    (entry,) = read_entries([run], images="npz:y.npz")
    assert len(entry.ids) == 5
    with pytest.raises(UserError, match=r"no untargeted cell on npz:z\.npz.*choose images among npz:x\.npz, npz:y"):
        read_entries([run], images="npz:z.npz")


def test_the_same_images_are_one_set_whatever_they_are_called(tmp_path):
    one = make_run(tmp_path / "one", [cell(model="sample:a", images="folder:a")])
    two = make_run(tmp_path / "two", [cell(model="sample:b", images="folder:b")])
    assert image_sets([one, two]) == ("folder:a",)
    for name in ("folder:a", "folder:b"):
        assert [entry.name for entry in read_entries([one, two], images=name)] == ["sample:a", "sample:b"]


@pytest.mark.parametrize("images", ["", "folder:b"])
def test_the_command_compares_the_same_images_under_two_names(tmp_path, capsys, images):
    one = make_run(tmp_path / "one", [cell(model="sample:a", images="folder:a")])
    two = make_run(tmp_path / "two", [cell(range(20), model="sample:b", images="folder:b")])
    _compare([one, two], images=images, out=None)
    told = capsys.readouterr().out
    assert told.count("40 images\n") == 1
    assert "Ranks" in told
    with pytest.raises(UserError, match="no run has these images: got 'folder:c'; expected folder:a"):
        _compare([one, two], images="folder:c", out=None)
