"""The comparison as one page: all that the PDF says, nothing from outside, no name ever markup."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from advwindow.reports.figures.side_by_side import against_depth, front
from advwindow.reports.page.comparison import write_comparison_html
from advwindow.reports.reading.comparison import whole
from tests.reports.comparisons import called_out, hostile, several
from tests.reports.document.test_pdf import HOSTILE
from tests.reports.page.test_html import Page, plain

#: What stands in no cell: colours and letters of verdicts, references to the run, the name beside a pair's numbers.
_SILENT = {"marks", "letters", "verdicts", "running", "description", "bar", "tint", "strongest", "asked"}


def told(value):
    """Every text in plain values that a reader should meet."""
    if isinstance(value, dict):
        for key, each in value.items():
            if key not in _SILENT:
                yield from told(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from told(each)
    elif isinstance(value, str):
        yield value


def page_of(comparison, path):
    return Page(write_comparison_html(comparison, path).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Three networks at two budgets, and their page."""
    folder = tmp_path_factory.mktemp("several")
    comparison = several(folder)
    return comparison, page_of(comparison, folder / "deep" / "x.html")


@pytest.fixture(scope="module")
def called(tmp_path_factory):
    """A defence that only looks strong, and its page."""
    folder = tmp_path_factory.mktemp("called")
    comparison = called_out(folder)
    return comparison, page_of(comparison, folder / "x.html")


@pytest.mark.parametrize("made", ["called", "three"])
def test_everything_that_the_pdf_says_is_said(made, request):
    comparison, page = request.getfixturevalue(made)
    data = whole(comparison)
    del data["told"]["undrawn"]  # every budget is
    texts = {plain(text.replace("`", "")) for text in told(data)}
    known = page.text + " ".join(page.values("title"))
    assert sorted(text for text in texts if text not in known) == []
    for figure in (*front(comparison), *against_depth(comparison)):
        assert plain(figure.words.caption) in page.text
        assert plain(figure.words.alt) in page.text


def test_nothing_comes_from_outside_and_nothing_runs(called):
    _, page = called
    assert all(address.startswith("#") for address in page.values("href", "src"))
    assert not page.all("script")
    assert not [key for _, each in page.elements for key in each if key.startswith("on") or key == "style"]
    policy = next(each["content"] for each in page.all("meta") if "http-equiv" in each)
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'"
        for style in page.inner["style"]
    ]
    assert len(hashes) == 2
    assert policy == (
        f"default-src 'none'; img-src data:; style-src {' '.join(hashes)}; base-uri 'none'; form-action 'none'"
    )
    assert not re.search(r"https?://", "".join(page.inner["style"]))


def test_links_lead_to_sections_and_ids_are_unique(three):
    _, page = three
    ids = [each["id"] for _, each in page.elements if "id" in each]
    assert len(ids) == len(set(ids))
    assert {address[1:] for address in page.values("href")} <= set(ids)
    assert set(page.values("aria-describedby")) <= set(ids)


def test_names_are_never_markup(tmp_path):
    page = page_of(hostile(tmp_path, HOSTILE[:7]), tmp_path / "x.html")
    assert not page.all("script")
    assert not page.all("i")
    assert "<script>alert(1)</script>" in page.text
    assert "\u202e" not in page.source


def test_the_same_bytes_each_time(called, tmp_path):
    comparison, page = called
    assert write_comparison_html(comparison, tmp_path / "b.html").read_text(encoding="utf-8") == page.source


def test_tints_of_differences_follow_their_sign(three):
    _, page = three
    shades = {
        each["class"].partition("-")[0] for each in page.all("td") if re.match(r"(plus|tint)-", each.get("class", ""))
    }
    assert shades == {"tint"}
