"""Figures that are shown whole: their ids, pictures and hatches."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import matplotlib.pyplot as plt
import numpy as np
import pytest

from advwindow.reports.page.drawing import plate
from advwindow.reports.page.writer import hoist, written


@pytest.fixture
def figure():
    made, (left, right) = plt.subplots(1, 2, figsize=(4, 2))
    left.imshow(np.eye(7))
    left.bar([1, 2], [3, 4], hatch="//", fill=False)
    right.plot(np.arange(20) % 3, marker="s")
    yield made
    plt.close(made)


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)


def test_ids_are_unique_begin_as_told_and_every_reference_leads_to_one(figure):
    text = plate(figure, prefix="p3")
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids)) > 3
    assert all(name.startswith("p3-") for name in ids)
    led = re.findall(r"url\(#([^)]+)\)", text) + re.findall(r' href="#([^"]+)"', text)
    assert led
    assert set(led) <= set(ids)


def test_two_plates_of_a_page_share_no_id(figure):
    first, second = (set(re.findall(r' id="([^"]+)"', plate(figure, prefix=name))) for name in ("a", "b"))
    assert first
    assert not first & second


def test_pictures_keep_their_data_and_hatches_their_pattern(figure):
    root = parsed(plate(figure, prefix="p"))
    (image,) = root.iter("image")
    assert image.get("href", "").startswith("data:image/png;base64,")
    (pattern,) = root.iter("pattern")
    assert [each for each in root.iter("path") if each.get("fill") == f"url(#{pattern.get('id')})"]


def test_it_has_the_size_of_its_figure_and_no_styles_that_a_strict_policy_forbids(figure):
    text = plate(figure, prefix="p")
    assert parsed(text).get("viewBox") == "0 0 288.0 144.0"
    assert "style=" not in text


def test_what_all_elements_of_a_group_say_is_said_once():
    group = ET.fromstring(
        "<g><text fill='red' x='1' font-size='5'>a</text><text fill='red' x='1' font-size='6'>b</text></g>"
    )
    hoist(group)
    assert group.attrib == {"fill": "red"}
    assert [dict(each.attrib) for each in group] == [{"x": "1", "font-size": "5"}, {"x": "1", "font-size": "6"}]


def test_words_are_never_markup_and_empty_elements_close_themselves():
    group = ET.Element("g")
    ET.SubElement(group, "text").text = "<b>&"
    ET.SubElement(group, "path", {"d": 'M"0'})
    assert written(group) == '<g><text>&lt;b&gt;&amp;</text><path d="M&quot;0"/></g>'
