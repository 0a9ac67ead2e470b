import numpy as np
import pytest

from advwindow.attacks import NATIVE, Budget, Norm
from advwindow.comparison import read_entries
from advwindow.comparison.entries import access_of, distinct
from advwindow.errors import IncompleteError, UserError
from tests.comparison.runs import COUNT, DEFENCE, cell, make_run
from tests.runs.specs import spec

EIGHT, FOUR = Budget(Norm.LINF, "8/255"), Budget(Norm.LINF, "4/255")


def only(run):
    (entry,) = read_entries([run])
    return entry


def fooled(entry, budget, access=None):
    """Names of the images that are no longer right, as numbers."""
    robust = entry.robust(budget, access)
    return {int(name.partition("-")[2]) for name, right in zip(entry.ids, robust, strict=True) if not right}


def test_misclassified_images_are_not_robust(tmp_path):
    entry = only(make_run(tmp_path / "run", [cell({7, 8}, {0, 1})]))
    assert fooled(entry, EIGHT) == {0, 1, 7, 8}
    assert int(entry.correct.sum()) == COUNT - 2


def test_the_worst_of_all_attacks_counts(tmp_path):
    cells = [cell({1, 2}), cell({2, 3}, attack="fgsm", parameters={}), cell({9}, attack="square", parameters={})]
    entry = only(make_run(tmp_path / "run", cells))
    assert fooled(entry, EIGHT) == {1, 2, 3, 9}
    assert fooled(entry, EIGHT, "adaptive") == {1, 2, 3}
    assert fooled(entry, EIGHT, "black-box") == {9}
    assert entry.robust(EIGHT, "oblivious") is None


def test_smallest_perturbations_count_where_they_fit(tmp_path):
    minimal = {"attack": "fmn", "parameters": {}, "eps": "min"}
    at = [4 / 255, 4.01 / 255, 8 / 255, 0.2]
    cells = [cell({30}, eps="4/255"), cell({31}), cell({1, 2, 3, 4}, distances=at, **minimal)]
    entry = only(make_run(tmp_path / "run", cells))
    assert fooled(entry, FOUR) == {30, 1}
    assert fooled(entry, EIGHT) == {30, 31, 1, 2, 3}


def test_another_norm_does_not_count(tmp_path):
    entry = only(make_run(tmp_path / "run", [cell({1}), cell({2}, norm="l2", eps="0.5")]))
    assert fooled(entry, EIGHT) == {1}
    assert fooled(entry, Budget(Norm.L2, "0.5")) == {2}
    assert [str(budget) for budget in entry.budgets] == ["linf 8/255", "l2 0.5"]


def test_clean_accuracy_is_that_of_the_defended_network(tmp_path):
    cells = [
        cell({5}, {0}, defense=DEFENCE, access="oblivious"),
        cell({6}, {0, 1}, defense=DEFENCE),
    ]
    entry = only(make_run(tmp_path / "run", cells))
    assert int(entry.correct.sum()) == COUNT - 2
    assert entry.spec.access == "adaptive"


def test_an_image_is_right_only_where_every_cell_says_so(tmp_path):
    entry = only(make_run(tmp_path / "run", [cell(wrong={0, 1}), cell(wrong={1, 2}, seed=1)]))
    assert fooled(entry, EIGHT) == {0, 1, 2}
    assert int(entry.correct.sum()) == COUNT - 3


def test_images_are_matched_by_name(tmp_path):
    entry = only(make_run(tmp_path / "run", [cell({0, 12})]))
    assert entry.ids == tuple(sorted(f"image-{place}" for place in range(COUNT)))
    assert entry.labels.tolist() == [int(name.partition("-")[2]) for name in entry.ids]


def test_every_model_and_defence_is_an_entry(tmp_path):
    cells = [
        cell(model="sample:a"),
        cell(model="sample:a", defense=DEFENCE),
        cell(model="sample:b"),
        cell(model="sample:a", target="random"),
    ]
    entries = read_entries([make_run(tmp_path / "run", cells)])
    assert [entry.name for entry in entries] == ["sample:a", f"sample:a + {DEFENCE}", "sample:b"]
    assert [len(entry.cells) for entry in entries] == [1, 1, 1]


def test_what_two_runs_share_bears_their_names(tmp_path):
    one = make_run(tmp_path / "one", [cell(model="sample:a"), cell(model="sample:b")])
    two = make_run(tmp_path / "two", [cell(model="sample:a", model_sha256="9" * 64)])
    names = [entry.name for entry in read_entries([one, two])]
    assert names == ["sample:a (one)", "sample:b", "sample:a (two)"]


def test_runs_of_one_name_bear_their_paths(tmp_path):
    runs = [make_run(tmp_path / folder / "run", [cell()]) for folder in ("one", "two")]
    names = [entry.name for entry in read_entries(runs)]
    assert len(set(names)) == 2
    assert str(tmp_path / "one" / "run") in names[0]


def test_nothing_to_compare(tmp_path):
    run = make_run(tmp_path / "run", [cell(target="random")])
    with pytest.raises(UserError, match=r"nothing to compare.*no untargeted cell"):
        read_entries([run])
    with pytest.raises(UserError, match=r"nothing to compare.*no run"):
        read_entries([])


def test_a_run_named_twice(tmp_path):
    run = make_run(tmp_path / "run", [cell()])
    with pytest.raises(UserError, match="named twice"):
        read_entries([run, run])


def test_a_missing_cell_may_be_the_strongest(tmp_path):
    run = make_run(tmp_path / "run", [cell(), cell(eps="4/255")], missing=1)
    with pytest.raises(IncompleteError, match="1 of 2 cells missing, the first py:nets:make, pgd linf 4/255"):
        read_entries([run])


def test_a_missing_targeted_cell_does_not_matter(tmp_path):
    run = make_run(tmp_path / "run", [cell(), cell(target="random")], missing=1)
    assert len(read_entries([run])) == 1


def test_cells_of_one_entry_with_other_images(tmp_path):
    run = make_run(tmp_path / "run", [cell(), cell(eps="4/255", count=7)])
    with pytest.raises(UserError, match=r"cells of py:nets:make have other images.*with 7 images"):
        read_entries([run])


@pytest.mark.parametrize(
    ("changes", "backwards", "expected"),
    [
        ({"attack": "pgd"}, 0, "adaptive"),
        ({"attack": "auto"}, 5, "adaptive"),
        ({"attack": "square"}, 0, "black-box"),
        ({"attack": "hop-skip-jump"}, 0, "black-box"),
        ({"attack": "square", "access": "oblivious"}, 0, "oblivious"),
        ({"attack": "pgd", "access": "oblivious"}, 5, "oblivious"),
        ({"attack": "foolbox:BoundaryAttack"}, 0, "black-box"),
        ({"attack": "torchattacks:PGD"}, 5, "adaptive"),
    ],
)
def test_access(changes, backwards, expected):
    assert access_of(spec(**changes), {"forwards": 5, "backwards": backwards}) == expected


@pytest.mark.parametrize("name", NATIVE)
def test_attacks_are_the_same_when_defaults_are_written_out(tmp_path, name):
    eps = "min" if NATIVE[name].minimal else "1"
    norm = NATIVE[name].norms[0]
    entry = only(make_run(tmp_path / "run", [cell(attack=name, parameters={}, norm=norm, eps=eps)]))
    assert entry.cells[0].attack[0] == name
    assert entry.cells[0].attack[1].startswith("{")


def test_distinct_budgets_by_number():
    texts = ["8/255", "4/255", "16/510", "min", "0.5"]
    budgets = [*(Budget(Norm.LINF, text) for text in texts), Budget(Norm.L2, "3"), Budget(Norm.L2, "1")]
    found = [str(budget) for budget in distinct(budgets)]
    assert found == ["linf 4/255", "linf 8/255", "linf 0.5", "linf minimal", "l2 1", "l2 3"]


def test_robust_shrinks_with_the_budget(tmp_path):
    rng = np.random.default_rng(0)
    cells = [cell(set(rng.integers(0, COUNT, 10).tolist()), eps=eps) for eps in ("8/255", "1/255", "4/255", "2/255")]
    entry = only(make_run(tmp_path / "run", cells))
    counts = [int(entry.robust(budget).sum()) for budget in entry.budgets]
    assert counts == sorted(counts, reverse=True)
