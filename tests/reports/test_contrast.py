"""Words in colour can be read: at least 4.5 to 1, as WCAG 2.2 asks for small text."""

from __future__ import annotations

import re
from importlib import resources

import pytest

_LEAST = 4.5


def luminance(color: str) -> float:
    """Relative luminance of ``#rrggbb``, as WCAG defines it."""
    shares = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Between 1 and 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def source(package: str, name: str) -> str:
    return resources.files(f"advwindow.reports.{package}").joinpath(name).read_text(encoding="utf-8")


def test_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("mode", [0, 1, 2], ids=["light", "dark by system", "dark by choice"])
@pytest.mark.parametrize("paper", ["paper", "panel"])
@pytest.mark.parametrize("verdict", ["pass", "warn", "fail"])
def test_verdicts_of_audits_can_be_read(mode, paper, verdict):
    sheet = source("page", "page.css")
    colors = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", re.findall(r":root[^{]*\{[^}]*\}", sheet)[mode]))
    (ink,) = re.findall(rf"\.found\.{verdict} \{{ color: var\(--([a-z-]+)\)", sheet)
    assert contrast(colors[ink], colors[paper]) >= _LEAST


@pytest.mark.parametrize("name", ["house.typ", "compared.typ", "comparison.typ", "report.typ", "images.typ"])
def test_words_of_documents_can_be_read(name):
    colors = dict(re.findall(r'#let ([a-z]+) = rgb\("(#[0-9A-F]{6})"\)', source("document", "house.typ")))
    inks = set(re.findall(r"text\([^()]*fill: ([a-z]+)", source("document", name))) & set(colors)
    assert inks
    assert {ink for ink in inks if contrast(colors[ink], "#ffffff") < _LEAST} == set()
