import io
import itertools

import matplotlib as mpl
import numpy as np
import polars as pl
import pypdfium2  # type: ignore[import-untyped]  # it has no stubs
import pytest
from matplotlib.patches import Rectangle
from PIL import Image

from advwindow.reports.figures.training import save_training, training_figure
from tests.reports.trainings import training_table

SIZES = [(1, 1), (5, 3), (5, 12), (20, 40), (50, 200)]


def panels(figure):
    accuracy, heat, curves, bar = figure.axes
    return curves, heat, accuracy, bar


def lines(axes, label):
    return [line for line in axes.get_lines() if line.get_label() == label]


def test_curves_show_the_data_of_layers_spread_over_depth():
    table = training_table(layers=20, epochs=[1, 2, 4])
    curves = panels(training_figure(table))[0]
    names = [text.get_text() for text in curves.get_legend().get_texts()]
    assert names == [f"block.{layer}" for layer in (19, 14, 10, 5, 0)]
    for name in names:
        (line,) = lines(curves, name)
        np.testing.assert_array_equal(line.get_ydata(), table.filter(pl.col("layer") == name)["alignment"])


def test_marks_are_filled_where_significant():
    table = training_table(layers=1, epochs=range(8)).with_columns(
        alignment_p_adjusted=pl.Series([0.5, 0.05, 0.051, 0.01, 1.0, 0.02, 0.06, 0.001])
    )
    curves = panels(training_figure(table))[0]
    (sure,), (unsure,) = lines(curves, "significant"), lines(curves, "not significant")
    assert list(sure.get_xdata()) == [1, 3, 5, 7]
    assert list(unsure.get_xdata()) == [0, 2, 4, 6]
    assert unsure.get_markerfacecolor() == "white"


def test_chance_is_the_widest_of_the_layers_shown():
    curves = panels(training_figure(training_table(layers=5)))[0]
    low, high = (line.get_ydata() for line in lines(curves, "chance"))
    np.testing.assert_allclose(low, [-0.14] * 3)
    np.testing.assert_allclose(high, [0.14] * 3)


def test_the_map_shows_every_layer_and_hatches_what_is_not_significant():
    table = training_table(layers=30, epochs=range(1, 11))
    heat = panels(training_figure(table))[1]
    drawn = np.asarray(heat.images[0].get_array())
    hatched = np.zeros(drawn.shape, bool)
    for patch in heat.patches:
        if isinstance(patch, Rectangle) and patch.get_hatch():
            left, bottom = patch.get_xy()
            hatched[round(bottom + 0.5), round(left + 0.5) : round(left + 0.5 + patch.get_width())] = True
    for row in table.iter_rows(named=True):
        at = row["depth"], row["epoch"] - 1
        assert drawn[at] == row["alignment"]
        assert hatched[at] == (row["alignment_p_adjusted"] > 0.05)


def test_white_means_no_alignment():
    image = panels(training_figure(training_table()))[1].images[0]
    assert image.cmap(image.norm(0.0))[:3] == pytest.approx((1, 1, 1), abs=0.01)


def test_the_epoch_stands_beside_each_layer():
    p = [0.5, 0.01, 0.01, 0.01, 0.01, 0.5]
    table = training_table(layers=2, epochs=[1, 5, 9]).sort("depth", "epoch")
    heat = panels(training_figure(table.with_columns(alignment_p_adjusted=pl.Series(p))))[1]
    assert [text.get_text().strip() for text in heat.texts] == ["from", "5", "–"]


def test_accuracies_are_drawn_where_there_are_any():
    figure = training_figure(training_table(epochs=[1, 2, 3]))
    told = [text.get_text() for text in panels(figure)[2].get_legend().get_texts()]
    assert told == ["the images looked at", "validation, clean", "validation, under PGD"]
    (robust,) = lines(panels(figure)[2], "validation, under PGD")
    np.testing.assert_allclose(robust.get_ydata(), [0, 1 / 6, np.nan])
    bare = training_figure(training_table(history=False))
    assert len(panels(bare)[2].get_legend().get_texts()) == 1


def test_a_layer_without_numbers_leaves_a_gap():
    nothing = dict.fromkeys(("alignment", "alignment_p_adjusted", "ci_low", "ci_high", "chance_low", "chance_high"))
    table = training_table().with_columns(
        pl.when(pl.col("depth") == 0).then(None).otherwise(pl.col(name)).alias(name) for name in nothing
    )
    figure = training_figure(table)
    (line,) = lines(panels(figure)[0], "block.0")
    assert np.isnan(np.asarray(line.get_ydata(), float)).all()
    assert panels(training_figure(table.filter(pl.col("depth") == 0)))[3].get_ylim() == (0.0, 0.05)


@pytest.mark.parametrize(("layers", "epochs"), SIZES)
def test_all_text_lies_inside_and_none_on_another(layers, epochs):
    """With layers' names as long as they come."""
    table = training_table(layers=layers, epochs=range(1, epochs + 1), name="module.encoder.layers.attention")
    figure = training_figure(table)
    figure.draw_without_rendering()
    whole = figure.bbox
    assert figure.get_size_inches()[1] * 25.4 < 200
    for axes in figure.axes:
        box = axes.get_tightbbox()
        assert box.x0 >= 0
        assert box.x1 <= whole.x1 + 1
        assert box.y0 >= -1
        for axis in (axes.xaxis, axes.yaxis):
            labels = [label.get_window_extent() for label in axis.get_ticklabels() if label.get_text()]
            inside = [each for each in labels if each.width and each.y1 <= whole.y1]
            assert not any(one.overlaps(other) for one, other in itertools.pairwise(inside))
    assert figure.legends[0].get_window_extent().x1 <= whole.x1


def test_epochs_on_the_axis_are_round():
    curves = panels(training_figure(training_table(epochs=range(1, 101))))[2]
    assert [int(label.get_text()) for label in curves.get_xticklabels()] == list(range(5, 101, 5))
    sparse = panels(training_figure(training_table(epochs=[1, 7, 300])))[2]
    assert [label.get_text() for label in sparse.get_xticklabels()] == ["1", "7", "300"]


def test_files_are_the_same_each_time_and_open(tmp_path):
    table = training_table()
    first, second = (save_training(table, tmp_path / each, measure="spearman") for each in "ab")
    assert [file.name for file in first] == ["training.svg", "training.png", "training.pdf"]
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]
    assert Image.open(io.BytesIO(first[1].read_bytes())).width == int(170 / 25.4 * 200)
    document = pypdfium2.PdfDocument(first[2])
    assert len(document) == 1
    assert "alignment (Spearman)" in document[0].get_textpage().get_text_bounded()
    document.close()


def test_the_caller_s_settings_stay():
    before = dict(mpl.rcParams)
    training_figure(training_table())
    assert dict(mpl.rcParams) == before
