"""The way from a template to a PDF."""

from __future__ import annotations

import json

import pytest
import typst

from advwindow.reports.document.typeset import typeset


def test_files_that_a_template_needs_must_be_named():
    with pytest.raises(typst.TypstError, match=r"file not found|house\.typ"):
        typeset("comparison.typ", {"data.json": json.dumps({}).encode()}, timestamp=0)


def test_the_template_of_the_package_wins_over_a_file_of_its_name():
    hijacked = {"comparison.typ": b"#panic()", "house.typ": b"#panic()"}
    with pytest.raises(typst.TypstError) as failed:
        typeset("comparison.typ", hijacked, timestamp=0, shared=("house.typ",))
    assert "panicked" not in str(failed.value)
