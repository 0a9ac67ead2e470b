"""The comparison that a run of several models or defences is by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from advwindow.comparison import compare_runs, image_sets
from advwindow.errors import UserError
from advwindow.reports.reading.comparison import brief
from advwindow.reports.text import printable, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advwindow.comparison import Comparison
    from advwindow.runs import RunDirectory


class Compared(NamedTuple):
    """The models and defences of a run on one set of images.

    Attributes:
        title: of the section.
        comparison: None where they cannot be compared.
        told: the answer, warnings and standings (`brief`); or why they cannot be compared, under ``refused``.
    """

    title: str
    comparison: Comparison | None
    told: dict[str, Any]


def compared(run: RunDirectory) -> list[Compared]:
    """One comparison for each set of images that two models or defences were attacked on; none of an unfinished run."""
    if run.missing():
        return []
    sets = image_sets([run])
    found = []
    for images in sets:
        subjects = {(spec.model, spec.defense) for spec in run.specs if spec.images == images and not spec.target}
        if len(subjects) > 1:
            where = f" on {shorten(printable(images), 60)}" if len(sets) > 1 else ""
            found.append(_compared(run, images, f"{_kinds(subjects)} compared{where}"))
    return found


def happened(found: Sequence[Compared]) -> str:
    """Title of what each network's attacks came to."""
    return "What happened, network by network" if found else "What happened"


def _compared(run: RunDirectory, images: str, title: str) -> Compared:
    try:
        comparison = compare_runs([run], images=images)
    except UserError as error:
        return Compared(title, None, {"title": title, "refused": printable(f"They are not compared: {error}")})
    return Compared(title, comparison, {**brief(comparison), "title": title, "refused": ""})


def _kinds(subjects: set[tuple[str, str]]) -> str:
    models, defences = ({subject[place] for subject in subjects} for place in (0, 1))
    if len(models) > 1:
        return "Models and defences" if len(defences) > 1 else "Models"
    return "Defences"
