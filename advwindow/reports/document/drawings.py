"""Figures as files beside a template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from advwindow.reports.style import render

if TYPE_CHECKING:
    from collections.abc import Iterable

    from advwindow.reports.figures.illustration import Illustration


def drawings(illustrations: Iterable[Illustration], folder: str, files: dict[str, bytes]) -> dict[str, Any]:
    """What a template needs of figures, by name: paths of their pieces, caption and words for those who do not see.

    Args:
        illustrations: what to draw.
        folder: of the paths.
        files: by path; the drawings are put among them.
    """
    figures = {}
    for illustration in illustrations:
        names = [f"{folder}/{illustration.name}-{place}.svg" for place in range(len(illustration.pieces))]
        for name, piece in zip(names, illustration.pieces, strict=True):
            files[name] = render(piece, "svg", selectable=True)
        figures[illustration.name] = {"files": names, **illustration.words._asdict()}
    return figures
