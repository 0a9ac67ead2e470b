import importlib.util
from pathlib import Path

import pytest

from advwindow.imagenet import imagenet_classes, imagenet_index, imagenet_label_names


def test_there_are_1000_different_classes_sorted_by_wnid():
    wnids = [cls.wnid for cls in imagenet_classes()]
    assert len(wnids) == len(set(wnids)) == 1000
    assert wnids == sorted(wnids)
    assert all(len(wnid) == 9 and wnid[0] == "n" and wnid[1:].isdigit() for wnid in wnids)


@pytest.mark.parametrize(
    ("index", "wnid", "first"),
    [
        (0, "n01440764", "tench"),
        (1, "n01443537", "goldfish"),
        (207, "n02099601", "golden retriever"),
        (281, "n02123045", "tabby"),
        (609, "n03594945", "jeep"),
        (999, "n15075141", "toilet tissue"),
    ],
)
def test_well_known_indices(index, wnid, first):
    assert imagenet_classes()[index].wnid == wnid
    assert imagenet_classes()[index].names[0] == first
    assert imagenet_index()[wnid] == index


def test_label_names_are_all_different_although_two_classes_are_called_crane():
    names = imagenet_label_names()
    assert len(set(names)) == 1000
    assert (names[134], names[517]) == ("crane, n02012849", "crane, n03126707")
    assert names[2] == "great white shark, white shark, man-eater, man-eating shark, Carcharodon carcharias"
    assert [index for index, name in enumerate(names) if ", n0" in name] == [134, 517]


def test_the_order_is_timms():
    spec = importlib.util.find_spec("timm")
    if spec is None:
        pytest.skip("needs timm")
    table = Path(spec.submodule_search_locations[0]) / "data/_info/imagenet_synsets.txt"
    assert [cls.wnid for cls in imagenet_classes()] == table.read_text().split()
