from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import PathPatch

from advwindow.reports.figures.collapse_caption import collapse_words
from advwindow.reports.figures.collapse_map import (
    MOST_COLUMNS,
    MOST_LETTERS,
    MOST_ROWS,
    collapse_map,
    collapse_map_illustration,
    draw_collapse_map,
)
from advwindow.reports.reading.collapse import collapse_points
from advwindow.reports.style import MARKS, render
from tests.reports.awkward import awkward
from tests.reports.runs import Shape, layer_table


def wide(study, layers, conditions, *, budgets=8):
    """The study as one of many layers under many attacks and budgets."""
    shape = Shape(layers=tuple(f"stage.{place}" for place in range(layers)))
    first = study.attacks[0]
    attacks = []
    for place in range(conditions):
        name, eps = f"attack-{place // budgets}", f"{1 + place % budgets}/255"
        spec = first.spec.model_copy(update={"attack": name, "norm": "linf", "eps": eps, "parameters": {}})
        table = layer_table(shape, loss=(1 + place % budgets) / budgets, seed=place, concepts=30)
        attacks.append(replace(first, spec=spec, title=f"{name} {eps}", layers=table))
    return replace(study, attacks=tuple(attacks))


@pytest.fixture(scope="module")
def long(study):
    """One layer and one condition more than fit into one piece."""
    return wide(study, MOST_COLUMNS + 1, MOST_ROWS + 1)


def cells_of(axes):
    """Color of every cell, by column and row, as it is drawn."""
    found = {}
    for patch in axes.get_children():
        if isinstance(patch, PathPatch) and str(patch.get_label()).startswith("lost"):
            for corners in patch.get_path().vertices.reshape(-1, 5, 2):
                left, top = corners[0].round().astype(int)
                for column in range(left, round(corners[1, 0])):
                    assert (column, top) not in found
                    found[column, top] = to_hex(patch.get_facecolor())
    return found


def test_rows_are_grouped_by_attack_and_ordered_by_budget(study):
    shuffled = replace(study, attacks=(*study.attacks[3:], *study.attacks[:3]))
    points = collapse_points(shuffled)
    assert points.select("attack", "eps").unique(maintain_order=True).rows() == [
        ("PGD L∞", "1/255"), ("PGD L∞", "4/255"), ("PGD L∞", "8/255"), ("PGD L₂", "2"), ("C&W L₂", "min"),
        ("FGSM L∞", "4/255"),
    ]  # fmt: skip
    labels = [label.get_text() for label in collapse_map(points).axes[0].get_yticklabels()]
    assert [label.split()[-1] for label in labels] == ["1/255", "4/255", "8/255", "2", "smallest", "4/255"]
    assert labels[0].startswith("PGD L∞")
    assert labels[1] == "4/255"


@pytest.mark.parametrize("layers", [17, MOST_LETTERS, MOST_LETTERS + 1])
def test_every_cell_has_the_colour_of_its_step(study, layers):
    points = collapse_points(wide(study, layers, 6, budgets=3))
    figure = collapse_map(points)
    keys = dict(zip(
        (text.get_text() for text in figure.legends[0].get_texts()),
        (to_hex(patch.get_facecolor()) for patch in figure.legends[0].get_patches()), strict=False,
    ))  # fmt: skip
    bounds = {float(name.split()[-1]): color for name, color in keys.items() if name.split()[0] in {"≤", "to"}}
    drawn = cells_of(figure.axes[0])
    assert len(drawn) == points.height == 6 * layers
    lost = points["lost"].to_numpy().reshape(6, layers)
    for (column, row), color in drawn.items():
        fits = [color for bound, color in bounds.items() if lost[row, column] <= bound]
        assert color == fits[0]
    assert max(bounds) >= lost.max() > 0
    assert len(set(drawn.values())) > 3


def test_a_loss_on_the_edge_of_a_step_belongs_to_the_lighter_one(study):
    points = collapse_points(study)
    edge = pl.when(pl.col("depth") == 0).then(0.0).when(pl.col("depth") == 1).then(0.1).otherwise(pl.lit(0.35))
    figure = collapse_map(points.with_columns(lost=edge), scale=(0.0, 0.35))
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    shades = [to_hex(patch.get_facecolor()) for patch in figure.legends[0].get_patches()]
    drawn = cells_of(figure.axes[0])
    assert drawn[0, 0] == shades[next(n for n, name in enumerate(names) if name.startswith("≤ 0"))]
    assert drawn[1, 0] == shades[next(n for n, name in enumerate(names) if float(name.split()[-1]) == 0.1)]


def test_letters_stand_in_cells_that_have_room(study):
    points = collapse_points(study)
    axes = collapse_map(points).axes[0]
    layers = len(study.names)
    found = {(int(text.get_position()[0]), int(text.get_position()[1])): text.get_text() for text in axes.texts}
    expected = {}
    for place, row in enumerate(points.iter_rows(named=True)):
        text = {"eroded": "E", "collapsed": "C"}.get(row["verdict"], "") + ("H" if row["hijacked"] else "")
        expected |= {(place % layers, place // layers): text} if text else {}
    assert found == expected
    assert "EH" in found.values()


def test_where_there_is_no_room_marks_stand_for_letters(study):
    points = collapse_points(wide(study, MOST_LETTERS + 1, 8))
    axes = collapse_map(points).axes[0]
    assert not axes.texts
    for kind, chosen in (
        ("eroded", pl.col("verdict") == "eroded"),
        ("collapsed", pl.col("verdict") == "collapsed"),
        ("hijacked", pl.col("hijacked")),
    ):
        marks = [each for each in axes.get_lines() if each.get_label() == kind]
        at = {(x, y) for each in marks for x, y in zip(each.get_xdata(), each.get_ydata(), strict=True)}
        rows = points.with_row_index().filter(chosen)["index"].to_list()
        columns = MOST_LETTERS + 1
        assert at == {(place % columns + 0.5, place // columns + 0.5) for place in rows}
        assert at


def test_letters_can_be_read_on_their_cells(study):
    axes = collapse_map(collapse_points(study)).axes[0]
    colors = cells_of(axes)
    light = np.array([0.2126, 0.7152, 0.0722])
    for text in axes.texts:
        cell = colors[int(text.get_position()[0]), int(text.get_position()[1])]
        both = [
            np.dot([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)], light)
            for color in (cell, to_hex(text.get_color()))
        ]
        assert abs(both[0] - both[1]) > 0.3


def test_the_scale_is_one_and_grows_darker(study):
    (found,) = collapse_map_illustration(wide(study, 40, MOST_ROWS + 1))
    pieces, points = found.pieces, found.data
    keys = [
        [text.get_text() for text in piece.legends[0].get_texts() if text.get_text()[0] in "≤t"] for piece in pieces
    ]
    assert keys[0] == keys[1]
    shades = [to_hex(patch.get_facecolor()) for patch in pieces[0].legends[0].get_patches()[: len(keys[0])]]
    light = [sum(int(shade[i : i + 2], 16) for i in (1, 3, 5)) for shade in shades]
    assert (np.diff(light) < 0).all()
    assert points["lost"].max() <= float(keys[0][-1].split()[-1])


def test_long_runs_are_cut_into_pieces_that_fit_a_page(long):
    (found,) = collapse_map_illustration(long)
    pieces, points = found.pieces, found.data
    assert len(pieces) == 4
    sizes = [len(cells_of(piece.axes[0])) for piece in pieces]
    assert sum(sizes) == points.height
    assert max(piece.get_size_inches()[1] for piece in pieces) * 25.4 < 240
    assert all(piece.get_size_inches()[0] * 25.4 == pytest.approx(170) for piece in pieces)


def test_forty_conditions_by_150_layers_are_drawn_at_once(study, long):
    attacks = (replace(each, layers=each.layers.filter(pl.col("depth") < 150)) for each in long.attacks[:40])
    big = replace(long, attacks=tuple(attacks))
    collapse_map_illustration(study)
    start = time.process_time()
    (found,) = collapse_map_illustration(big)
    pieces = found.pieces
    svg = render(pieces[0], "svg")
    assert time.process_time() - start < 3
    assert len(pieces) == 1
    assert len(svg) < 600_000


def test_what_is_not_known_is_grey_and_raises_nothing(study):
    hole = pl.when(pl.col("depth") != 3).then(pl.col("^drift_beyond_noise.*$"))
    attacks = tuple(replace(each, layers=each.layers.with_columns(hole)) for each in study.attacks)
    holes = replace(study, attacks=attacks)
    (found,) = collapse_map_illustration(holes)
    (figure,) = found.pieces
    drawn = cells_of(figure.axes[0])
    grey = {drawn[3, row] for row in range(len(study.attacks))}
    assert len(grey) == 1
    assert not grey & {color for (column, _), color in drawn.items() if column != 3}
    assert "not known" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_drift_is_shown_where_no_noise_was_looked_at(study):
    bare = replace(study, attacks=tuple(
        replace(each, layers=each.layers.with_columns(
            pl.lit(None, pl.Float64).alias(name)
            for name in ("drift_beyond_noise", "drift_beyond_noise_low", "drift_beyond_noise_high")
        )) for each in study.attacks
    ))  # fmt: skip
    (found,) = collapse_map_illustration(bare)
    (figure,), words, points = found.pieces, found.words, found.data
    assert points["lost"].to_list() == points["drift"].to_list()
    assert [text.get_text() for text in figure.texts] == ["drift"]
    assert "noise" not in words.caption
    nothing = replace(bare, attacks=tuple(
        replace(each, layers=each.layers.with_columns(pl.lit(None, pl.Float64).alias("drift"))) for each in bare.attacks
    ))  # fmt: skip
    (found,) = collapse_map_illustration(nothing)
    (figure,), words = found.pieces, found.words
    render(figure, "svg")
    assert "not known" in words.alt


def test_one_attack_at_one_budget_has_no_map(study):
    assert collapse_map_illustration(replace(study, attacks=study.attacks[:1])) == []
    assert len(collapse_map_illustration(replace(study, attacks=study.attacks[:2]))) == 1


def test_the_caption_states_what_the_tables_say(study):
    points = collapse_points(study)
    words = collapse_words(study, points)
    top = points.filter(pl.col("verdict") != "unanchored").sort("lost", descending=True).row(0, named=True)
    assert f"{top['layer']} under {top['attack']} {top['eps']} loses most: {top['lost']:.2f} [" in words.caption
    fell = points.filter(pl.col("verdict").is_in(["eroded", "collapsed"])).height
    cells = points.filter(pl.col("verdict") != "unanchored").height
    assert f"falls significantly in {fell} of {cells} cells of layers aligned with words." in words.caption
    pgd = [a.rows().filter(pl.col("verdict").is_in(["eroded", "collapsed"]))["layer"] for a in study.attacks[1:4:2]]
    assert f"{pgd[0][0]} at 1/255 ({len(pgd[0])} layers) and {pgd[1][0]} at 8/255" in words.caption
    for title in ("FGSM L∞ 4/255", "C&W L₂ smallest"):
        assert f"{title}: most at" in words.alt


def test_cells_of_layers_that_are_not_aligned_do_not_count(study):
    (attack,) = awkward(study).attacks
    twice = replace(study, attacks=(attack, replace(attack, spec=attack.spec.model_copy(update={"attack": "other"}))))
    points = collapse_points(twice)
    told = "Alignment falls significantly in 2 of 6 cells of layers aligned with words."
    assert told in collapse_words(twice, points).caption
    assert "No layer is aligned" in collapse_words(twice, points.filter(pl.col("layer") == "loose")).caption


def test_untrusted_names_are_never_markup(study):
    shape = Shape(layers=("$x_", "#a", "<b>&", "😀水", "مرحبا", "\x07", "L" * 200))
    first = study.attacks[0]
    attacks = tuple(
        replace(
            first,
            spec=first.spec.model_copy(update={"attack": name, "norm": "linf", "eps": eps}),
            layers=layer_table(shape, loss=0.6),
        )
        for name in ("$p_ #<i>\x07", "q" * 200)
        for eps in ("1/255", "0." + "3" * 60)
    )
    (found,) = collapse_map_illustration(replace(study, attacks=attacks))
    (figure,), words = found.pieces, found.words
    svg = render(figure, "svg", selectable=True).decode()
    assert "$x_" in svg
    assert "&lt;b&gt;&amp;" in svg
    assert "&lt;i&gt;" in svg
    assert "\x07" not in svg + words.caption + words.alt
    assert "q" * 30 not in svg


def test_lines_between_attacks_are_as_long_as_their_names(study):
    figure = collapse_map(collapse_points(study))
    axes = figure.axes[0]
    assert axes.get_yticks(minor=True).tolist() == [1, 4, 5]
    figure.draw_without_rendering()
    assert figure.get_tightbbox().x0 >= 0


def test_axes_of_others_are_drawn_into(study):
    from matplotlib.figure import Figure

    axes = Figure(figsize=(3, 2)).add_subplot()
    keys = draw_collapse_map(axes, collapse_points(study))
    assert f"{MARKS['eroded'].letter} eroded" in keys
    assert "not aligned when clean" in keys
