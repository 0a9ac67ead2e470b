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
        (plot.robustness, {"norm": "l1"}, "no attack of this run is in this norm"),
        (plot.retention, {"norm": "l2"}, "no attack of this run is in this norm"),
        (plot.retention, {"layer": "nowhere"}, "no such layer in this figure"),
        (plot.concept_map, {"layer": "nowhere"}, "no such layer in this run"),
        (plot.matrices, {"layer": "nowhere"}, "no such layer in this run"),
        (plot.matrices, {"width": "wide"}, "unknown width"),
    ],
)
def test_mistakes_are_told(run, draw, options, message):
    with pytest.raises(UserError, match=message):
        draw(run, **options)


def test_a_run_of_single_budgets_has_no_retention(tmp_path):
    run = make_run(tmp_path / "run", Shape(attacks=ATTACKS[3:4], layers=("in", "mid", "out")))
    with pytest.raises(UserError, match="nothing to draw"):
        plot.retention(run)


def test_norms_and_layers_are_chosen_by_name(study):
    l2 = plot.robustness(study, norm="l2")
    assert {"PGD", "C&W"} <= {each.get_label() for each in l2.get_lines()}
    assert "FGSM" in {each.get_label() for each in plot.robustness(study).get_lines()}
    shown = plot.retention(study).get_legend().get_title().get_text()
    assert plot.retention(study, layer=shown).get_legend().get_title().get_text() == shown


def test_an_attack_has_one_colour_in_all_figures(study):
    colors = [line(draw(study), "PGD").get_color() for draw in (plot.robustness, plot.retention)]
    assert colors[0] == colors[1] == line(plot.robustness(study, norm="l2"), "PGD").get_color()
    assert colors[0] not in {plot.COLORS["clean"], plot.COLORS["noise"]}


@pytest.mark.parametrize(("width", "millimetres"), [("column", 89), ("page", 170)])
def test_matrices_are_four_panels_of_a_new_figure(study, width, millimetres):
    panels = plot.matrices(study, width=width)
    figure = panels[0].figure
    assert [panel in figure.axes for panel in panels] == [True] * 4
    assert figure.get_size_inches()[0] * 25.4 == pytest.approx(millimetres)
    assert all(panel.has_data() for panel in panels)


def test_matrices_are_drawn_into_four_given_axes(study):
    figure = Figure()
    panels = list(figure.subplots(2, 2).flat)
    before = dict(mpl.rcParams)
    assert plot.matrices(study, panels, layer=study.names[-1]) == panels
    assert all(panel.has_data() for panel in panels)
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("count", [0, 1, 3, 5])
def test_matrices_want_four_axes(study, count):
    with pytest.raises(UserError, match="four panels"):
        plot.matrices(study, [Figure().add_subplot() for _ in range(count)])


def test_studies_are_chosen_by_their_titles(tmp_path):
    run = make_run(tmp_path / "run", Shape(seeds=(0, 1), attacks=ATTACKS[3:4]))
    first, second = (line(plot.drift(run, study=f"seed {seed}"), "attack").get_ydata() for seed in (0, 1))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("draw", ALL)
def test_many_layers_and_strange_names_are_drawn(tmp_path, draw):
    layers = ("$x_", "#a", "<b>&", "😀水", "مرحبا", "\x07", "L" * 200, *(f"layer.{place}" for place in range(90)))
    run = make_run(tmp_path / "run", Shape(layers=layers, attacks=ATTACKS[2:4]))  # one at two budgets
    assert b"<svg" in render(draw(run).figure, "svg")


def test_the_style_can_be_used_by_name():
    with mpl.style.context("advwindow.reports.paper"):
        assert mpl.rcParams["axes.linewidth"] == 0.6
        assert mpl.rcParams["axes.prop_cycle"].by_key()["color"][0].upper() == plot.COLORS["clean"]
