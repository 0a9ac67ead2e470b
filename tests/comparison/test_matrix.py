import numpy as np
import pytest

from advwindow.attacks import Budget, Norm
from advwindow.comparison import compare_runs, mcnemar, newcombe
from advwindow.runs import wilson
from tests.comparison.runs import COUNT, DEFENCE, cell, make_run, strong_looking

#: attack, access, epsilon
PROTOCOL = (
    ("pgd", "adaptive", "8/255"),
    ("pgd", "adaptive", "4/255"),
    ("square", "adaptive", "8/255"),
    ("square", "adaptive", "4/255"),
    ("fmn", "adaptive", "min"),
    ("pgd", "oblivious", "8/255"),
    ("pgd", "oblivious", "4/255"),
)
KIND = {"pgd": "adaptive", "fmn": "adaptive", "square": "black_box"}


def any_run(path, rng):
    """Models with outcomes by chance, and the same outcomes as plain sets."""
    cells, outcomes = [], {}
    for model, defense in (("sample:a", ""), ("sample:a", DEFENCE), ("sample:b", DEFENCE)):
        name = f"{model} + {defense}" if defense else model
        wrong = set(rng.integers(0, COUNT, 5).tolist())
        tests = []
        for attack, access, eps in PROTOCOL:
            if access == "oblivious" and not defense:
                continue
            fooled = sorted(set(rng.integers(0, COUNT, rng.integers(1, 25)).tolist()) - wrong)
            distances = rng.uniform(0, 0.06, len(fooled)).tolist() if eps == "min" else [0.01] * len(fooled)
            cells.append(
                cell(fooled, wrong, distances=distances, model=model, defense=defense, attack=attack,
                     parameters={}, access=access, eps=eps, backwards=0 if attack == "square" else 10)
            )  # fmt: skip
            tests.append((attack, access, eps, dict(zip(fooled, distances, strict=True))))
        outcomes[name] = (wrong, tests)
    return make_run(path, cells), outcomes


def broken(tests, eps, kinds):
    """Images that an attack of these kinds fooled within epsilon, read straight off the lists."""
    limit, found = Budget(Norm.LINF, eps).value, set()
    for attack, access, size, fooled in tests:
        kind = "oblivious" if access == "oblivious" else KIND[attack]
        fits = size == "min" or Budget(Norm.LINF, size).value <= limit
        if kind in kinds and fits:
            found |= {image for image, distance in fooled.items() if size != "min" or distance <= limit}
    return found


@pytest.mark.parametrize("seed", range(3))
def test_every_share_counted_by_hand(tmp_path, seed):
    run, outcomes = any_run(tmp_path / "run", np.random.default_rng(seed))
    found = compare_runs([run])
    assert found.matrix.select("entry", "eps").rows() == [(n, e) for n in outcomes for e in ("4/255", "8/255")]
    for row in found.matrix.iter_rows(named=True):
        wrong, tests = outcomes[row["entry"]]
        assert (row["clean"], row["clean_low"], row["clean_high"]) == wilson(COUNT - len(wrong), COUNT)
        for column, kinds in {
            "oblivious": {"oblivious"},
            "adaptive": {"adaptive"},
            "black_box": {"black_box"},
            "robust": {"oblivious", "adaptive", "black_box"},
        }.items():
            ends = tuple(row[f"{column}{end}"] for end in ("", "_low", "_high"))
            if column == "oblivious" and row["defense"] == "":
                assert ends == (None, None, None)
                continue
            left = COUNT - len(wrong | broken(tests, row["eps"], kinds))
            assert ends == wilson(left, COUNT), (row["entry"], row["eps"], column)


@pytest.mark.parametrize("seed", range(3))
def test_every_pair_counted_by_hand(tmp_path, seed):
    run, outcomes = any_run(tmp_path / "run", np.random.default_rng(seed))
    pairs = compare_runs([run]).pairs
    assert pairs.height == 3 * 2
    everything, kinds = set(range(COUNT)), {"oblivious", *KIND.values()}
    for row in pairs.iter_rows(named=True):
        fates = [outcomes[row[side]] for side in ("first", "second")]
        one, two = (everything - wrong - broken(tests, row["eps"], kinds) for wrong, tests in fates)
        only = (len(one - two), len(two - one))
        assert (row["only_first"], row["only_second"]) == only
        assert row["p"] == mcnemar(*only)
        assert (row["low"], row["high"]) == newcombe((len(one & two), *only, len(everything - one - two)))
        assert row["difference"] == pytest.approx((len(one) - len(two)) / COUNT)
        assert (row["first_robust"], row["second_robust"]) == (len(one) / COUNT, len(two) / COUNT)
    ordered = pairs.sort("p")
    assert (ordered["p_holm"].diff().drop_nulls() >= 0).all()
    assert ordered["p_holm"][0] == min(1, 6 * ordered["p"][0])


def test_the_worst_follows_from_the_attacks(tmp_path):
    found = compare_runs([any_run(tmp_path / "run", np.random.default_rng(7))[0]])
    for row in found.matrix.iter_rows(named=True):
        mine = [each for each in found.attacks.iter_rows(named=True) if each["entry"] == row["entry"]]
        here = [each for each in mine if each["eps"] == row["eps"]]
        shares = {"adaptive": row["adaptive"], "black-box": row["black_box"], "oblivious": row["oblivious"]}
        for each in here:
            assert each["robust"] >= shares[each["access"]] >= row["robust"]


def test_better_is_named_after_holm_only(tmp_path):
    cells = [cell(range(size), model=f"sample:{name}") for name, size in zip("abc", (6, 0, 30), strict=True)]
    pairs = compare_runs([make_run(tmp_path / "run", cells)]).pairs
    assert pairs.select("first", "second", "better").rows() == [
        ("sample:a", "sample:b", "sample:b"),
        ("sample:a", "sample:c", "sample:a"),
        ("sample:b", "sample:c", "sample:b"),
    ]
    assert pairs["p_holm"][0] == pairs["p"][0] == 0.03125
    cells[0] = cell(range(5), model="sample:a")
    pairs = compare_runs([make_run(tmp_path / "other", cells)]).pairs
    assert pairs["p"][0] == 0.0625
    assert pairs["better"][0] == ""


def test_significant_before_holm_is_not_better(tmp_path):
    cells = [cell(range(size), model=f"sample:{name}") for name, size in zip("abc", (6, 0, 3), strict=True)]
    pairs = compare_runs([make_run(tmp_path / "run", cells)]).pairs
    assert (pairs["p"][0], pairs["p_holm"][0], pairs["better"][0]) == (0.03125, 3 * 0.03125, "")


def test_images_that_one_attack_alone_fooled(tmp_path):
    cells = [
        cell({1, 2, 3}, {0}),
        cell({3, 4}, {0}, attack="square", parameters={}),
        cell({1, 3, 9}, {0}, defense="", attack="fgsm", parameters={}),
    ]
    attacks = compare_runs([make_run(tmp_path / "run", cells)]).attacks
    assert attacks.select("attack", "access", "broken", "only").rows() == [
        ("pgd", "adaptive", 3, 1),
        ("square", "black-box", 2, 1),
        ("fgsm", "adaptive", 3, 1),
    ]


def test_an_attack_with_several_parameters_is_told_apart(tmp_path):
    cells = [cell(), cell({1}, parameters={"steps": 20}), cell(attack="fgsm", parameters={})]
    attacks = compare_runs([make_run(tmp_path / "run", cells)]).attacks
    names = attacks["attack"].to_list()
    assert names[2] == "fgsm"
    assert '"steps": 10' in names[0]
    assert '"steps": 20' in names[1]


def test_seeds_count_as_one_attack(tmp_path):
    run = make_run(tmp_path / "run", [cell({1, 2}), cell({2, 3}, seed=1)])
    found = compare_runs([run])
    assert found.attacks["broken"].to_list() == [3]
    assert found.matrix["attacks"].to_list() == [2]
    assert found.matrix["seconds"].to_list() == [5.0]


def test_cost_is_that_of_the_budget_itself(tmp_path):
    cells = [cell(eps="4/255"), cell(eps="8/255"), cell(eps="min", attack="fmn", parameters={})]
    matrix = compare_runs([make_run(tmp_path / "run", cells)]).matrix
    assert matrix["seconds"].to_list() == [5.0, 5.0]
    assert matrix["forwards"].to_list() == [2 * 12 * COUNT] * 2
    assert matrix["attacks"].to_list() == [2, 3]


def test_a_norm_with_smallest_perturbations_only(tmp_path):
    run = make_run(tmp_path / "run", [cell({1, 2}, {0}, attack="cw", parameters={}, norm="l2", eps="min")])
    row = compare_runs([run]).matrix.row(0, named=True)
    assert (row["eps"], row["eps_value"], row["robust"]) == ("min", np.inf, 37 / 40)
    assert row["strongest"] == "cw adaptive"


def test_a_defence_that_only_looks_strong(tmp_path):
    matrix = compare_runs([strong_looking(tmp_path / "run")]).matrix
    assert matrix["oblivious"].to_list() == [None, 30 / 40]
    assert matrix["adaptive"].to_list() == [0, 5 / 40]
    assert matrix["black_box"].to_list() == [20 / 40, 20 / 40]
    assert matrix["robust"].to_list() == [0, 5 / 40]


def test_cost_is_what_the_cells_counted(tmp_path):
    found = compare_runs([make_run(tmp_path / "run", [cell(draws=20), cell(attack="fgsm", parameters={})])])
    assert found.attacks["forwards"].to_list() == [12 * COUNT, 12 * COUNT]
    assert found.attacks["backwards"].to_list() == [10 * COUNT, 10 * COUNT]
    assert found.matrix["backwards"].to_list() == [2 * 10 * COUNT]
    assert found.cells["backwards"].to_list() == [10 * COUNT, 10 * COUNT]
    assert found.matrix["draws"].to_list() == [20]
