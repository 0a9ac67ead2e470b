"""Which images runs were tested on, whatever they are called there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advwindow.errors import IncompleteError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from advwindow.runs import CellSpec, RunDirectory


def image_sets(runs: Sequence[RunDirectory]) -> tuple[str, ...]:
    """References of the image sets of the runs' untargeted cells: each can be compared by itself.

    Of several references to the same ids, labels and pixels only the first is told.
    """
    found: dict[str, set[str]] = {}
    for spec in _untargeted(runs):
        same = (name for name, hashes in found.items() if name == spec.images or spec.images_sha256 in hashes)
        found.setdefault(next(same, spec.images), set()).add(spec.images_sha256)
    return tuple(found)


def cells_on(runs: Sequence[RunDirectory], images: str) -> list[list[CellSpec]]:
    """Each run's untargeted cells on an image set, all if empty; the same images count under other references, too.

    Raises:
        IncompleteError: cells that are wanted are not finished.
    """
    hashes = {spec.images_sha256 for spec in _untargeted(runs) if spec.images == images}
    return [
        _finished(run, [s for s in _untargeted([run]) if images in {"", s.images} or s.images_sha256 in hashes])
        for run in runs
    ]


def _untargeted(runs: Sequence[RunDirectory]) -> Iterator[CellSpec]:
    return (spec for run in runs for spec in run.specs if not spec.target)


def _finished(run: RunDirectory, specs: list[CellSpec]) -> list[CellSpec]:
    missing = [spec for spec in specs if not run.is_done(spec)]
    if missing:
        raise IncompleteError(
            f"the run {run.path} is not finished, and an attack that is missing may be the strongest",
            got=f"{len(missing)} of {len(specs)} cells missing, the first {missing[0].subject}, {missing[0].condition}",
            fix=f"advwindow attack {run.path / 'sweep.toml'} --out {run.path}",
        )
    return specs
