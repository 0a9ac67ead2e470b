"""What can be read back from a PDF."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import pypdfium2 as pdfium  # type: ignore[import-untyped]  # it has no stubs
import pypdfium2.raw as c  # type: ignore[import-untyped]  # as above

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def pages(path: Path) -> list[str]:
    """The text of each page, runs of white space as one space."""
    with pdfium.PdfDocument(path) as document:
        return [" ".join(page.get_textpage().get_text_range().split()) for page in document]


def outline(path: Path) -> list[tuple[int, str]]:
    """Level and title of each bookmark."""
    with pdfium.PdfDocument(path) as document:
        return [(mark.level, mark.get_title()) for mark in document.get_toc()]


def metadata(path: Path) -> dict[str, str]:
    """Title, creation date and so on."""
    with pdfium.PdfDocument(path) as document:
        return dict(document.get_metadata_dict())


def alternatives(path: Path) -> list[tuple[str, str]]:
    """Type and alternative text of every tagged element that may need one."""
    found = []
    with pdfium.PdfDocument(path) as document:
        for page in document:
            tree = c.FPDF_StructTree_GetForPage(page)
            for place in range(c.FPDF_StructTree_CountChildren(tree)):
                found += list(_walk(c.FPDF_StructTree_GetChildAtIndex(tree, place)))
            c.FPDF_StructTree_Close(tree)
    return found


def _walk(element: object) -> Iterator[tuple[str, str]]:
    if not element:
        return
    kind = _text(c.FPDF_StructElement_GetType, element)
    if kind in {"Figure", "Formula"}:
        yield kind, _text(c.FPDF_StructElement_GetAltText, element)
    for place in range(c.FPDF_StructElement_CountChildren(element)):
        yield from _walk(c.FPDF_StructElement_GetChildAtIndex(element, place))


def _text(ask, element: object) -> str:
    size = ask(element, None, 0)
    buffer = ctypes.create_string_buffer(size)
    ask(element, buffer, size)
    return buffer.raw[:size].decode("utf-16-le").rstrip("\0")
