"""The way from a template to a PDF."""

from __future__ import annotations

import io
import json
from importlib import resources

import pytest
import typst
from PIL import Image

from advwindow.reports.document.typeset import typeset


def test_files_that_a_template_needs_must_be_named():
    with pytest.raises(typst.TypstError, match=r"file not found|house\.typ"):
        typeset("comparison.typ", {"data.json": json.dumps({}).encode()}, timestamp=0)


def test_the_template_of_the_package_wins_over_a_file_of_its_name():
    hijacked = {"comparison.typ": b"#panic()", "house.typ": b"#panic()"}
    with pytest.raises(typst.TypstError) as failed:
        typeset("comparison.typ", hijacked, timestamp=0, shared=("house.typ",))
    assert "panicked" not in str(failed.value)


@pytest.mark.parametrize(
    ("share", "wanted"), [(0, (255, 255, 255)), (1, (0xF3, 0xC1, 0x7A))], ids=["nothing lost", "everything lost"]
)
def test_a_tint_goes_from_white_to_its_colour(tmp_path, share, wanted):
    shared = resources.files("advwindow.reports.document").joinpath("house.typ").read_bytes()
    (tmp_path / "house.typ").write_bytes(shared)
    page = f'#import "house.typ": amber, tint\n#set page(width: 9pt, height: 9pt, fill: tint(amber, {share}))\n'
    (tmp_path / "page.typ").write_text(page)
    picture = Image.open(io.BytesIO(typst.compile(str(tmp_path / "page.typ"), format="png")))
    assert picture.convert("RGB").getpixel((4, 4)) == wanted
