"""Figures for papers with the layers of the network from left to right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from advwindow.errors import UserError
from advwindow.reports.figures import curves
from advwindow.reports.figures.panels import alone, names_height
from advwindow.reports.figures.references import draw_references
from advwindow.reports.figures.strip import draw_strip, strip_height, strip_keys
from advwindow.reports.plot.canvas import COLORS, Canvas, Options, Source
from advwindow.reports.style import MM

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Millimetres of a column that the titles of attacks take.
_STRIP_LABELS = 22
#: A cell of the strip narrower than this many millimetres has no letter.
_LEAST_CELL = 1.9


def alignment(run: Source, ax: Axes | None = None, **options: Unpack[Options]) -> Axes:
    """Alignment with words against depth: clean, matched noise, attack; bands hold for all layers at once.

    Args:
        run: a run, or its folder.
        ax: where to draw; a new figure if None.
        options: see `Options`.

    Returns:
        The axes; ``.figure.savefig`` writes them.

    Raises:
        UserError: no such attack or study, or the folder holds no run.
        IncompleteError: no cell is finished.
    """
    return _curves(curves.ALIGNMENT, run, ax, options)


def two_vs_two(run: Source, ax: Axes | None = None, **options: Unpack[Options]) -> Axes:
    """Share of pairs of concepts told apart, against depth; hollow where not above chance. See `alignment`."""
    return _curves(curves.TWO_VS_TWO, run, ax, options)


def drift(run: Source, ax: Axes | None = None, **options: Unpack[Options]) -> Axes:
    """Lost alignment with 95 % intervals, beside that under noise of the same size. See `alignment`."""
    return _curves(curves.DRIFT, run, ax, options)


def beyond_noise(run: Source, ax: Axes | None = None, **options: Unpack[Options]) -> Axes:
    """Drift under the attack minus drift under noise of the same size, with 95 % intervals. See `alignment`."""
    return _curves(curves.BEYOND_NOISE, run, ax, options)


def one_vs_two(run: Source, ax: Axes | None = None, **options: Unpack[Options]) -> Axes:
    """Share of fooled images that a layer still holds closer to the true word than to the wrong one. See `alignment`.

    Empty where no image was fooled into another word.
    """
    return _curves(curves.ONE_VS_TWO, run, ax, options)


def references(run: Source, ax: Axes | None = None, *, condition: str = "clean", **options: Unpack[Options]) -> Axes:
    """Alignment with everything that layers were compared with: word spaces, their mean, pixels. See `alignment`.

    Args:
        run: a run, or its folder.
        ax: where to draw; a new figure if None.
        condition: ``"clean"``, ``"noise"`` or ``"attack"``.
        options: see `Options`.
    """
    if condition not in COLORS:
        raise UserError("unknown condition", got=condition, expected=", ".join(COLORS))
    canvas = Canvas.of(run, ax, options)
    names, attacked = canvas.study.names, canvas.attacked
    title = attacked.title if condition == "attack" else {"clean": "clean images", "noise": "noise"}[condition]
    with canvas.axes(points=len(names)) as axes:
        alone(axes, names, ylabel=curves.ALIGNMENT.label(attacked.spec.measure))
        room = 2 * canvas.inches / MM  # keys stand in two lines
        keys = draw_references(axes, attacked.references, names, condition=condition, room=room)
        return canvas.fit(axes, 34 * MM + names_height(names), lines=canvas.keys_above(axes, keys, title=title))


def verdicts(run: Source, ax: Axes | None = None, **options: Unpack[Options]) -> Axes:
    """Verdict of every layer (left to right) under every attack (top to bottom). See `alignment`.

    The cell's colour and letter are the verdict on the geometry, a band below it says that images are hijacked.
    Letters are left out where cells are too narrow for them.
    """
    canvas = Canvas.of(run, ax, options)
    names, layers = canvas.study.names, canvas.study.layers
    with canvas.axes() as axes:
        cell = (canvas.inches / MM - _STRIP_LABELS) / len(names)
        draw_strip(axes, layers, letters=cell > _LEAST_CELL)
        lines = canvas.keys_below(axes, strip_keys())
        return canvas.fit(axes, strip_height(layers) + names_height(names), lines=lines)


def _curves(kind: curves.Curves, run: Source, ax: Axes | None, options: Options) -> Axes:
    canvas = Canvas.of(run, ax, options)
    names, attacked = canvas.study.names, canvas.attacked
    with canvas.axes(points=len(names) * (2 if canvas.width == "column" else 1)) as axes:
        alone(axes, names, ylabel=kind.label(attacked.spec.measure))
        lines = canvas.keys_above(axes, kind.draw([axes], [attacked.layers]), title=attacked.title)
        return canvas.fit(axes, (kind.alone or kind.height) * MM + names_height(names), lines=lines)
