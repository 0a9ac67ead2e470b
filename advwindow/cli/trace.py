"""``advwindow trace``: alignment with words, layer by layer, over the checkpoints of a training."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from advwindow.sweep.checkpoints import Trace

_KEY = (
    "Change: from the first to the last checkpoint, with its 95 % interval over the choice of concepts. "
    "From: the epoch since which every look is significantly aligned (relabelled words, adjusted over layers, 5 %)."
)


def trace(
    checkpoints: Annotated[
        list[Path],
        typer.Argument(help="Folder of a training or of checkpoints, or the files (.safetensors, .pt, .pth, .ckpt)."),
    ],
    *,
    images: Annotated[str, typer.Option(help="Reference of the images, always the same.")],
    words: Annotated[str, typer.Option(help="Reference of a word space.")] = "glove-6b-50d",
    model: Annotated[
        str, typer.Option(metavar="REF", help="Network that the weights fit; not needed after advwindow train.")
    ] = "",
    layer: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Layer, or a pattern such as '*.1?'; may be repeated.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder; one in runs/ by default.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
) -> None:
    """Look through the window of words after every epoch of a training: a table, and a figure of all layers.

    Goes on by itself where an earlier call was interrupted, or the training has grown. Prints the folder's path.
    """
    from advwindow.cli.progress import console
    from advwindow.reports.figures.training import save_training
    from advwindow.sweep import parse_device
    from advwindow.sweep.checkpoints import trace_checkpoints

    with console.status("Reading") as status:
        found = trace_checkpoints(
            checkpoints,
            images=images,
            words=words,
            model=model,
            layers=layer or [],
            out=out,
            device=parse_device(device),
            told=status.update,
        )
        status.update("Drawing")
        save_training(found.table, found.folder, measure=found.measure)
    console.print(_table(found))
    console.print(_KEY, style="dim", highlight=False)
    typer.echo(found.folder)


def _table(found: Trace) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from advwindow.reports.text import ABSENT, number, printable, signed, span

    epochs = found.table["epoch"].to_list()
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False)
    columns = (f"epoch {min(epochs)}", f"epoch {max(epochs)}", "change", "95 % interval", "best (epoch)", "from")
    table.add_column("layer", overflow="fold")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    for row in found.onsets.iter_rows(named=True):
        best, since = row["best_epoch"], row["significant_from"]
        cells = [
            number(row["first"]),
            number(row["last"]),
            signed(row["change"]),
            span(row["change_ci_low"], row["change_ci_high"]),
            ABSENT if best is None else f"{number(row['best'])} ({best})",
            ABSENT if since is None else str(since),
        ]
        table.add_row(Text(printable(row["layer"])), *map(Text, cells))
    return table
