import re
from typing import Any

import pytest

from advwindow.comparison import compare_runs
from advwindow.errors import UserError
from tests.comparison.runs import DEFENCE, cell, make_run

A: dict[str, Any] = {"model": "sample:a"}
B: dict[str, Any] = {"model": "sample:b"}


def runs(tmp_path, *groups):
    return [make_run(tmp_path / f"run-{place}", group) for place, group in enumerate(groups)]


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ([cell(**B, count=7, images="npz:y.npz", images_sha256="d" * 64)],
         ["other images", "7 images of npz:y.npz", "only in the first", "npz:x.npz or npz:y.npz"]),
        ([cell(**B, count=41, images_sha256="d" * 64)], ["other images", "image-40 only in the second"]),
        ([cell(**B, label=3)], ["other labels", "image-0 as class 3", "class 0"]),
        ([cell(**B, images="npz:y.npz", images_sha256="d" * 64)], ["pixels and source", "npz:y.npz"]),
        ([cell(**B, seed=1)], ["other seeds", "only the first has seed 0", "only the second has seed 1"]),
        ([cell(**B), cell(**B, seed=1)], ["other seeds", "only the second has seed 1"]),
        ([cell(**B, eps="4/255")], ["other budgets", "first has linf 8/255", "second has linf 4/255"]),
        ([cell(**B, norm="l2", eps="8/255")], ["other budgets", "l2 8/255"]),
        ([cell(**B), cell(**B, eps="min", attack="fmn", parameters={})], ["other budgets", "linf minimal"]),
        ([cell(**B, attack="fgsm", parameters={})], ["in other ways", "pgd (steps 10) linf 8/255", "fgsm linf 8/255"]),
        ([cell(**B, parameters={"steps": 20})], ["in other ways", "pgd (steps 20)"]),
        ([cell(**B), cell(**B, attack="square", parameters={})], ["in other ways", "second has square"]),
        ([cell(**B, words_sha256=("d" * 64,))], ["other words", "npz:w.npz"]),
        ([cell(**B, pooling="max")], ["other windows", "pooling = max", "pooling = mean"]),
        ([cell(**B, permutations=99)], ["permutations = 99"]),
        ([cell(**B, correction="holm")], ["correction = holm"]),
    ],
)  # fmt: skip
def test_refuses_and_says_why(tmp_path, other, says):
    both = runs(tmp_path, [cell(**A)], other)
    with pytest.raises(UserError, match="sample:a and sample:b cannot be compared") as caught:
        compare_runs(both)
    for part in says:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"eps": "16/510"},  # the same number
        {"draws": 10, "defense": "noise?sigma=0.1"},
        {"layers": ("head",)},
        {"parameters": {"steps": 10, "restarts": 1}},  # a default written out
        {"images": "npz:./x.npz"},  # the same pixels from elsewhere
    ],
)
def test_allows_what_does_not_matter(tmp_path, changes):
    found = compare_runs(runs(tmp_path, [cell(**A)], [cell(**B, **changes)]))
    assert found.pairs.height == 1


def test_blind_attacks_are_held_only_against_blind_ones(tmp_path):
    plain = [cell(**A)]
    shielded = [cell(**A, defense=DEFENCE), cell(**A, defense=DEFENCE, access="oblivious")]
    found = compare_runs(runs(tmp_path, [*plain, *shielded]))
    assert found.matrix["oblivious"].to_list() == [None, 1.0]


@pytest.mark.parametrize(
    ("blind", "says"),
    [
        ([], "other seeds: got 'only the first has seed 0'"),
        ([{"eps": "4/255"}], "within other budgets"),
        ([{"parameters": {"steps": 3}}], "in other ways"),
    ],
)
def test_every_defence_meets_the_same_blind_attacks(tmp_path, blind, says):
    cells = [
        cell(**A),
        cell(**A, defense=DEFENCE),
        cell(**A, defense=DEFENCE, access="oblivious"),
        cell(**A, defense="median?size=3"),
        *(cell(**A, defense="median?size=3", access="oblivious", **changes) for changes in blind),
    ]
    with pytest.raises(UserError, match=f"do not know the defence.*{re.escape(says)}"):
        compare_runs(runs(tmp_path, cells))


def test_same_source_other_pixels_is_told(tmp_path):
    found = compare_runs(runs(tmp_path, [cell(**A)], [cell(**B, images_sha256="d" * 64)]))
    assert any("not the same pixels" in note for note in found.notes)


def test_other_versions_are_told(tmp_path):
    one = make_run(tmp_path / "one", [cell(**A)], versions="0.1.0")
    two = make_run(tmp_path / "two", [cell(**B)], versions="0.2.0")
    assert any("0.1.0, 0.2.0" in note for note in compare_runs([one, two]).notes)


def test_few_images_are_told_and_many_are_not(tmp_path):
    assert any("Only 40 images" in note for note in compare_runs(runs(tmp_path, [cell(**A)])).notes)
    many = make_run(tmp_path / "many", [cell(**A, count=100)])
    assert compare_runs([many]).notes == ()


@pytest.mark.parametrize("place", [0, 1])
def test_an_entry_seen_through_two_windows_is_refused(tmp_path, place):
    mixed = [cell(**A), cell(**A, eps="4/255", pooling="max")]
    groups = [mixed] if place == 0 else [[cell(**B), cell(**B, eps="4/255")], mixed]
    with pytest.raises(UserError, match=r"sample:a were seen through several windows.*pooling = max under .* 4/255"):
        compare_runs(runs(tmp_path, *groups))
