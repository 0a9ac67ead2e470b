from __future__ import annotations

import itertools

import pytest
from matplotlib.figure import Figure

from advwindow.reports.figures.budgets import attack_looks, labels_of, look, name_budgets
from advwindow.reports.reading.budgets import families
from advwindow.reports.style import CLEAN, NOISE, house_style
from tests.reports.attacked import mixed


def test_two_dozen_attacks_are_told_apart_by_colour_and_line():
    looks = [look(place) for place in range(24)]
    assert len({(each["color"], str(each["linestyle"])) for each in looks}) == 24
    assert len({each["marker"] for each in looks[:12]}) == 12
    assert not {each["color"] for each in looks} & {CLEAN, NOISE}


def test_an_attack_looks_the_same_under_every_norm(study):
    made = mixed(study)
    looks = attack_looks(made)
    assert list(looks) == ["PGD", "FGSM", "C&W"]
    assert {family.title for family in families(made)} == set(looks)


def test_titles_that_are_cut_alike_are_numbered():
    long = "L" * 80
    assert list(labels_of([f"{long}a", f"{long}b"]).values()) == [f"{long}a", f"{long}b"]
    assert len(labels_of([f"{long}a", f"{long}b", "short"])) == 3


@pytest.mark.parametrize(
    ("budgets", "label", "scale"),
    [
        ({"1/255": 1 / 255, "8/255": 8 / 255}, "budget", "linear"),
        ({"1/255": 1 / 255, "64/255": 64 / 255}, "budget (square-root scale)", "function"),
        ({}, "distance", "linear"),
    ],
)
def test_far_budgets_are_drawn_on_a_square_root_scale(budgets, label, scale):
    axes = Figure().add_subplot()
    name_budgets(axes, budgets, far=max(budgets.values(), default=3.0))
    assert axes.get_xlabel() == label
    assert axes.get_xscale() == scale
    if budgets:
        assert axes.get_xticks().tolist() == [0.0, *budgets.values()]


def test_names_of_budgets_do_not_touch():
    budgets = {f"{place}/255": place / 255 for place in range(1, 33)}
    with house_style():
        figure = Figure(figsize=(3, 2))
        axes = figure.add_subplot()
        name_budgets(axes, budgets, far=32 / 255)
        figure.draw_without_rendering()
        boxes = [label.get_window_extent() for label in axes.get_xticklabels() if label.get_text()]
    assert len(boxes) > 3
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))
    assert axes.get_xticklabels()[-1].get_text() == "32/255"
