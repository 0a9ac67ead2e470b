import io

import pytest
from rich.console import Console

from advwindow.errors import UserError
from advwindow.reports.terminal.details import print_sample
from advwindow.reports.terminal.show import show_run
from tests.reports.awkward import targeted
from tests.reports.runs import ATTACKS, Shape, make_run


def shown(run, width=100, color=None, **options):
    file = io.StringIO()
    show_run(run, Console(file=file, width=width, color_system=color, force_terminal=color is not None), **options)
    return file.getvalue()


def test_a_glance_has_a_curve_and_verdicts_for_every_attack(run, study):
    text = shown(run)
    lines = text.splitlines()
    for attack in study.attacks:
        place = next(number for number, line in enumerate(lines) if line.startswith(attack.title))
        assert f"{attack.summary['successes']} of {attack.tried}" in lines[place]
        letters = "".join(
            "H" if hijacked else verdict[0].upper()
            for verdict, hijacked in attack.rows().select("verdict", "hijacked").rows()
        )
        assert letters in lines[place + 1]
    clean = next(line for line in lines if line.startswith("clean"))
    assert "█" in clean
    assert "\x1b" not in text


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_no_line_is_wider_than_the_terminal(tmp_path, width):
    layers = tuple(f"features.{place}.conv" for place in range(150))
    run = make_run(tmp_path / "run", Shape(layers=layers, attacks=ATTACKS[2:4]))
    for options in ({}, {"layers": ["features.149.conv"]}, {"samples": ["3"]}):
        assert max(len(line) for line in shown(run, width=width, **options).splitlines()) <= width


@pytest.mark.parametrize("width", [60, 80, 100])
def test_curves_are_thinned_only_where_columns_left_out_give_no_room(run, width):
    assert "layers in" not in shown(run, width=width)


def test_colours_only_where_they_are_wanted(run, monkeypatch):
    assert "\x1b[" in shown(run, color="standard")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[33m" not in shown(run, color="standard")


def test_a_layer_in_full(run, study):
    text = shown(run, width=200, layers=["head"])
    assert "head (layer 17 of 17)" in text
    row = study.attacks[3].rows().row(-1, named=True)
    assert f"+{row['drift']:.2f}" in text
    assert "eroded and hijacked" in text
    assert "blocks.15" not in text


def test_patterns_choose_layers_in_the_order_of_the_network(run):
    text = shown(run, layers=["head", "blocks.1?"])
    assert text.index("blocks.10 (") < text.index("blocks.15 (") < text.index("head (")


@pytest.mark.parametrize("wanted", ["3", "image-3", "image-3*"])
def test_a_sample_in_full(run, wanted):
    text = shown(run, width=120, samples=[wanted])
    assert "image-3 (image 3 of 20): tree frog" in text
    assert "fooled" in text
    assert "What layers say" in text


@pytest.mark.parametrize(
    ("place", "told"),
    [(0, "wrong when clean"), (2, "fooled"), (5, "misclassified, target missed"), (19, "withstood")],
)
def test_a_target_that_was_missed_is_no_correct_answer(study, place, told):
    file = io.StringIO()
    print_sample(targeted(study, reached=3), place, Console(file=file, width=140))
    (line,) = (line for line in file.getvalue().splitlines() if line.startswith("PGD L∞ 4/255 to random"))
    assert line.removeprefix("PGD L∞ 4/255 to random").strip().startswith(told)


def test_an_image_that_was_not_attacked_says_so(run):
    text = shown(run, samples=["0"])
    assert "wrong when clean" in text
    assert "What layers say" not in text


@pytest.mark.parametrize(
    ("options", "message"),
    [({"layers": ["blocks.99"]}, "no such layer"), ({"samples": ["image-99"]}, "no such sample")],
)
def test_unknown_names_are_refused_before_anything_is_shown(run, options, message):
    file = io.StringIO()
    with pytest.raises(UserError, match=message):
        show_run(run, Console(file=file), **options)
    assert file.getvalue() == ""


def test_missing_cells_are_told(tmp_path):
    run = make_run(tmp_path / "run", Shape(attacks=ATTACKS[:3]), missing=1)
    assert "Incomplete: 1 of 3 cells missing." in shown(run)
