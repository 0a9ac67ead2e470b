import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

import advwindow as aw
from advwindow.errors import UserError
from advwindow.reports import plot
from advwindow.reports.style import render
from tests.reports.runs import ATTACKS, Shape, make_run

CURVES = [plot.alignment, plot.two_vs_two, plot.drift, plot.beyond_noise, plot.one_vs_two]
BUDGETS = [plot.robustness, plot.retention, plot.collapse_map]
ALL = [*CURVES, *BUDGETS, plot.references, plot.verdicts, plot.concept_map]


def line(axes, label):
    return next(each for each in axes.get_lines() if each.get_label() == label)


def test_it_is_part_of_the_public_api():
    assert aw.plot is plot


@pytest.mark.parametrize("draw", ALL)
@pytest.mark.parametrize(("width", "millimetres"), [("column", 89), ("page", 170)])
def test_a_new_figure_has_its_width_and_everything_lies_inside(study, draw, width, millimetres):
    figure = draw(study, width=width).figure
    assert figure.get_size_inches()[0] * 25.4 == pytest.approx(millimetres)
    figure.draw_without_rendering()  # lays out for the resolution that is measured
    box, inside = figure.get_tightbbox(), figure.bbox_inches
    assert box.x0 >= -0.02
    assert box.x1 <= inside.x1 + 0.02
    assert box.y0 >= -0.02
    assert box.y1 <= inside.y1 + 0.02


@pytest.mark.parametrize("draw", ALL)
def test_given_axes_are_drawn_into_and_no_setting_is_left(study, draw):
    figure = Figure()
    left, right = figure.subplots(1, 2)
    before, size = dict(mpl.rcParams), figure.get_size_inches().copy()
    assert draw(study, right) is right
    assert right.has_data()
    assert not left.has_data()
    np.testing.assert_array_equal(figure.get_size_inches(), size)
    assert dict(mpl.rcParams) == before
    assert draw(study, left, legend=False).get_legend() is None


def test_one_attack_is_drawn_the_most_harmful_one_unless_told(study):
    for chosen, attack in (({}, study.attacks[3]), ({"attack": "FGSM L∞ 4/255"}, study.attacks[0])):
        axes = plot.alignment(study, **chosen)
        np.testing.assert_array_equal(line(axes, "attack").get_ydata(), attack.rows()["alignment"])
        assert line(axes, "attack").get_color() == plot.COLORS["attack"]
        assert axes.get_legend().get_title().get_text() == attack.title


def test_a_run_may_be_given_in_any_way(run):
    wanted = line(plot.drift(run), "attack").get_ydata()
    for source in (run.path, str(run.path), aw.open_run(run.path)):
        np.testing.assert_array_equal(line(plot.drift(source), "attack").get_ydata(), wanted)


@pytest.mark.parametrize(
    ("draw", "options", "message"),
    [
        (plot.drift, {"attack": "PGD"}, "no such attack"),
        (plot.drift, {"study": "x"}, "no such study"),
        (plot.drift, {"width": "wide"}, "unknown width"),
        (plot.references, {"condition": "dirty"}, "unknown condition"),
    ],
)
def test_mistakes_are_told(run, draw, options, message):
    with pytest.raises(UserError, match=message):
        draw(run, **options)


def test_studies_are_chosen_by_their_titles(tmp_path):
    run = make_run(tmp_path / "run", Shape(seeds=(0, 1), attacks=ATTACKS[3:4]))
    first, second = (line(plot.drift(run, study=f"seed {seed}"), "attack").get_ydata() for seed in (0, 1))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("draw", ALL)
def test_many_layers_and_strange_names_are_drawn(tmp_path, draw):
    layers = ("$x_", "#a", "<b>&", "😀水", "مرحبا", "\x07", "L" * 200, *(f"layer.{place}" for place in range(90)))
    run = make_run(tmp_path / "run", Shape(layers=layers, attacks=ATTACKS[3:4]))
    assert b"<svg" in render(draw(run).figure, "svg")


def test_the_style_can_be_used_by_name():
    with mpl.style.context("advwindow.reports.paper"):
        assert mpl.rcParams["axes.linewidth"] == 0.6
        assert mpl.rcParams["axes.prop_cycle"].by_key()["color"][0].upper() == plot.COLORS["clean"]
