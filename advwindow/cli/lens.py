"""``advwindow lens``: ways to read a layer, from a finished run."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer

app = typer.Typer(
    help="Read the layers of a finished run; needs neither model nor images.",
    no_args_is_help=True,
    add_completion=False,
)


@app.callback()
def _lenses() -> None:
    """A group even while it has one command."""


@app.command()
def words(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    image: Annotated[
        list[int] | None,
        typer.Option(metavar="N", help="Number of an attacked image, from 0; may be repeated. The first by default."),
    ] = None,
    layer: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Layer, or a pattern such as '*.1?'; may be repeated.")
    ] = None,
    attack: Annotated[
        str, typer.Option(metavar="TITLE-PART", help="Such as 'pgd 8/255'; the most harmful that fits.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line, for programs.")] = False,
) -> None:
    """Print the word trace: what word each layer says of an image, clean and attacked.

    A logit lens with words. A regression from the layer's clean activations to word vectors says the words; it is
    cross-fitted: it has seen neither the images nor the word of the image's own concept.
    """
    from rich.console import Console

    from advwindow.reports import print_words, word_frame
    from advwindow.runs import RunDirectory

    directory, images, layers = RunDirectory(run), image or [], layer or []
    if as_json:
        typer.echo(word_frame(directory, images=images, layers=layers, attack=attack).write_ndjson(), nl=False)
    else:
        print_words(directory, Console(), images=images, layers=layers, attack=attack)
