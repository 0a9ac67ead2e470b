"""A comparison as files."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Literal

from advwindow.comparison.cards import card_json, cards
from advwindow.comparison.compare import TABLES
from advwindow.comparison.markup import latex_table, markdown, markdown_table
from advwindow.comparison.readable import readable_tables
from advwindow.errors import UserError, did_you_mean
from advwindow.runs import remove, write_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import polars as pl

    from advwindow.comparison.compare import Comparison

Format = Literal["csv", "markdown", "latex", "parquet", "json"]
FORMATS: tuple[Format, ...] = ("csv", "markdown", "latex", "parquet", "json")

_CARDS = "cards"
_MADE_OF = (
    "Shares are of all images, an image that is misclassified when clean is not robust; in square brackets 95 % "
    "intervals: Wilson's of shares, Newcombe's of differences, the bootstrap's of ranks. Robust is the worst per image "
    "of all attacks. p-values are those of McNemar's exact test, adjusted over all pairs and budgets by Holm's "
    "procedure."
)


def export(
    comparison: Comparison,
    folder: Path,
    *,
    formats: Sequence[str] = FORMATS,
) -> list[Path]:
    r"""Write the comparison.

    ``csv`` and ``parquet``: one file for each of `TABLES`, all digits. ``markdown``: ``comparison.md`` with call-outs
    and the tables as people read them. ``latex``: one file for each of those, to be read in with ``\input`` where the
    package ``booktabs`` is used. ``json``: a card for each entry in ``cards/``, whose cards of entries that are no more
    are removed.

    Args:
        comparison: the whole.
        folder: where to; it is made.
        formats: some of `FORMATS`.

    Returns:
        The files.

    Raises:
        UserError: an unknown format, or the folder cannot be written.
    """
    for name in formats:
        if name not in FORMATS:
            raise UserError("unknown format of tables", got=name, fix=did_you_mean(name, FORMATS))
    files: dict[str, bytes] = {}
    for name in formats:
        files |= _WRITERS[name](comparison)
    for stale in (folder / _CARDS).glob("[0-9][0-9]*-*.json") if "json" in formats else ():
        if f"{_CARDS}/{stale.name}" not in files:
            remove(stale)
    paths = [folder / name for name in files]
    for path, content in zip(paths, files.values(), strict=True):
        write_bytes(path, content)
    return paths


def markdown_text(comparison: Comparison) -> str:
    """Call-outs, tables and notes as one Markdown page."""
    called = [f"- {markdown(sentence)}" for sentence in comparison.callouts]
    noted = [f"- {markdown(sentence)}" for sentence in comparison.notes]
    spec = comparison.entries[0].spec
    parts = [
        "# Comparison",
        f"{len(comparison.entries)} entries on {len(comparison.entries[0].ids)} images of {markdown(spec.images)}.",
        *(["## Call-outs", "\n".join(called)] if called else []),
        *(part for title, table in _titled(comparison) for part in (f"## {title}", markdown_table(table))),
        *(["## Notes", "\n".join(noted)] if noted else []),
        _MADE_OF,
    ]
    return "\n\n".join(parts) + "\n"


def _titled(comparison: Comparison) -> list[tuple[str, pl.DataFrame]]:
    return list(readable_tables(comparison).items())


def _csv(comparison: Comparison) -> dict[str, bytes]:
    return {f"{name}.csv": getattr(comparison, name).write_csv().encode() for name in TABLES}


def _parquet(comparison: Comparison) -> dict[str, bytes]:
    return {f"{name}.parquet": _parquet_bytes(getattr(comparison, name)) for name in TABLES}


def _parquet_bytes(table: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.write_parquet(buffer)
    return buffer.getvalue()


def _markdown(comparison: Comparison) -> dict[str, bytes]:
    return {"comparison.md": markdown_text(comparison).encode()}


def _latex(comparison: Comparison) -> dict[str, bytes]:
    files = {}
    for title, table in _titled(comparison):
        name = title.lower().replace(" ", "-")
        files[f"{name}.tex"] = latex_table(table, caption=f"{title}.", label=f"tab:{name}").encode()
    return files


def _cards(comparison: Comparison) -> dict[str, bytes]:
    return {
        f"{_CARDS}/{place:02d}-{_file_name(card['name'])}.json": card_json(card).encode()
        for place, card in enumerate(cards(comparison), start=1)
    }


def _file_name(name: str) -> str:
    """Letters, digits and hyphens, so that no name of a model leads out of the folder."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:80] or "entry"


_WRITERS: dict[str, Callable[[Comparison], dict[str, bytes]]] = {
    "csv": _csv,
    "parquet": _parquet,
    "markdown": _markdown,
    "json": _cards,
    "latex": _latex,
}
