from __future__ import annotations

from advwindow.reports.reading.budgets import families
from tests.reports.attacked import attacked, mixed


def test_attacks_that_differ_in_the_budget_alone_are_one_family(study):
    found = families(mixed(study))
    assert [(family.title, family.norm) for family in found] == [
        ("PGD", "linf"), ("FGSM", "linf"), ("C&W", "linf"), ("C&W", "l2"),
    ]  # fmt: skip
    assert [attack.spec.eps for attack in found[0].attacks] == ["1/255", "8/255"]
    assert [family.minimal for family in found] == [False, False, True, True]


def test_twins_are_told_apart_by_what_differs(study):
    told = [("pgd", "linf", "1/255", {"steps": n, "loss": "ce"}) for n in (5, 10)]
    twins = attacked(study, *told, ("pgd", "l2", "1", {"steps": 5, "loss": "ce"}), ("pgd", "linf", "min", {"steps": 5}))
    titles = [family.title for family in families(twins)]
    assert titles[0].startswith("PGD (steps 5")
    assert titles[1].startswith("PGD (steps 10")
    assert titles[2] == "PGD"
    assert "budget min" in titles[3]
    assert len(set(titles)) == 4


def test_titles_with_their_norm_are_unique(study):
    found = families(mixed(study))
    assert [family.normed_title for family in found] == ["PGD L∞", "FGSM L∞", "C&W L∞", "C&W L₂"]
    assert [family.several for family in found] == [True, True, False, False]
