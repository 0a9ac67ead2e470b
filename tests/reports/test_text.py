from __future__ import annotations

import math

import pytest

from advwindow.reports import text


@pytest.mark.parametrize(
    ("value", "digits", "wanted"),
    [(0.125, 2, "0.12"), (-0.5, 2, "−0.50"), (-0.001, 2, "0.00"), (None, 2, "–"), (math.nan, 2, "–"), (3.0, 0, "3")],
)
def test_number(value, digits, wanted):
    assert text.number(value, digits=digits) == wanted


@pytest.mark.parametrize(
    ("value", "wanted"), [(0.2, "+0.20"), (-0.2, "−0.20"), (0.0, "0.00"), (0.001, "0.00"), (None, "–")]
)
def test_signed(value, wanted):
    assert text.signed(value) == wanted


def test_span():
    assert text.span(-0.1, 0.25) == "[−0.10, 0.25]"
    assert text.span(None, 0.25) == "–"


@pytest.mark.parametrize(
    ("share", "wanted"), [(0, "0 %"), (1, "100 %"), (0.001, "<1 %"), (0.999, ">99 %"), (0.494, "49 %"), (0.9, "90 %")]
)
def test_percent_keeps_the_ends_for_none_and_all(share, wanted):
    assert text.percent(share) == wanted


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [(0, 0.004, "0–<1 %"), (0.996, 1, ">99–100 %"), (0.004, 0.999, "<1–>99 %"), (0.7, 0.966, "70–97 %")],
)
def test_ends_of_an_interval_of_shares_are_told_as_shares_are(low, high, wanted):
    assert text.percent_span(low, high) == wanted


@pytest.mark.parametrize(("p", "wanted"), [(0.0005, "<0.001"), (0.0499, "0.050"), (1.0, "1.000"), (None, "–")])
def test_p_value(p, wanted):
    assert text.p_value(p) == wanted


@pytest.mark.parametrize(
    ("value", "norm", "wanted"),
    [(8 / 255, "linf", "8.0/255"), (1.99973, "l2", "2"), (0.382, "l2", "0.382"), (None, "l2", "–")],
)
def test_distance(value, norm, wanted):
    assert text.distance(value, norm) == wanted


def test_printable_is_one_line_without_hidden_characters():
    assert text.printable("a\n\tb  c") == "a b c"
    assert text.printable("bell\x07") == "bell�"
    assert text.printable("\u202eesrever\u2066x") == "�esrever�x"
    assert text.printable("\ud800") == "�"
    assert text.printable("😀 水母 مرحبا é") == "😀 水母 مرحبا é"


def test_shorten_keeps_both_ends_within_the_width():
    assert text.shorten("abcdef", 6) == "abcdef"
    assert text.shorten("abcdefgh", 5) == "ab…gh"
    assert all(len(text.shorten("x" * 200, width)) == width for width in range(3, 40))


@pytest.mark.parametrize(
    ("names", "width", "wanted"),
    [
        (["blocks.0", "blocks.1"], 10, ["blocks.0", "blocks.1"]),
        (["model.encoder.layer_0.mlp", "model.encoder.layer_1.mlp"], 18, ["…0.mlp", "…1.mlp"]),
        (["a_very_long_name_indeed"], 9, ["a_ve…deed"]),
        (["same.name.twice.over", "same.name.twice.over"], 10, ["…over", "…over"]),
        (["stem", "a.much.longer.name"], 9, ["stem", "a.mu…name"]),
    ],
)
def test_short_names(names, width, wanted):
    assert text.short_names(names, width) == wanted


def test_sentences():
    assert text.count(1, "layer") == "1 layer"
    assert text.count(1200, "layer") == "1200 layers"
    assert [text.listing(list(parts)) for parts in ("", "a", "ab", "abc")] == ["", "a", "a and b", "a, b and c"]
