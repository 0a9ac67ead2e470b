"""``advwindow train``: a small network, trained plainly or against attacks; goes on where it was interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from advwindow.errors import UserError

if TYPE_CHECKING:
    from pydantic import ValidationError

METHOD, COURSE, NETWORK = "How to defend", "How to train", "What to train"


def train(
    images: Annotated[str, typer.Option(help="Reference of the training images, all of one small size.")],
    *,
    method: Annotated[
        Literal["standard", "fgsm-rs", "n-fgsm", "pgd", "trades"],
        typer.Option(help="standard, or adversarial training.", rich_help_panel=METHOD),
    ] = "standard",
    eps: Annotated[str, typer.Option(help="Budget of the inner attack.", rich_help_panel=METHOD)] = "8/255",
    norm: Annotated[Literal["linf", "l2"], typer.Option(help="Its norm.", rich_help_panel=METHOD)] = "linf",
    steps: Annotated[
        int | None, typer.Option(help="Its gradients; the method's own by default.", rich_help_panel=METHOD)
    ] = None,
    beta: Annotated[float, typer.Option(help="Weight of TRADES' robust term.", rich_help_panel=METHOD)] = 6.0,
    epochs: Annotated[int, typer.Option(help="Passes over the images.", rich_help_panel=COURSE)] = 15,
    batch_size: Annotated[int, typer.Option(help="Images of each step.", rich_help_panel=COURSE)] = 128,
    learning_rate: Annotated[float, typer.Option(help="The highest one.", rich_help_panel=COURSE)] = 0.2,
    cutout: Annotated[int, typer.Option(help="Side of a square put out of each image.", rich_help_panel=COURSE)] = 0,
    validation: Annotated[int, typer.Option(help="Images set aside.", rich_help_panel=COURSE)] = 1000,
    precision: Annotated[
        Literal["float32", "bfloat16"],
        typer.Option(help="bfloat16 is twice as fast where the processor has it.", rich_help_panel=COURSE),
    ] = "float32",
    seed: Annotated[int, typer.Option(help="Seed of everything random.", rich_help_panel=COURSE)] = 0,
    width: Annotated[int, typer.Option(help="Channels of the first stage.", rich_help_panel=NETWORK)] = 32,
    blocks: Annotated[
        str, typer.Option(help="Residual blocks of each stage, comma separated.", rich_help_panel=NETWORK)
    ] = "1,1,1,1",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
    out: Annotated[Path | None, typer.Option(help="Folder; runs/train-METHOD-SEED by default.")] = None,
) -> None:
    """Train a small residual network. The same command goes on after an interruption, to the same weights."""
    from pydantic import ValidationError

    from advwindow.cli.progress import training_progress
    from advwindow.sweep import parse_device
    from advwindow.training import Recipe
    from advwindow.training import train as run

    try:
        recipe = Recipe(
            method=method,
            eps=eps,
            norm=norm,
            steps=steps,
            beta=beta,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            cutout=cutout,
            validation=validation,
            precision=precision,
            seed=seed,
            width=width,
            blocks=_counts(blocks),
        )
    except ValidationError as error:
        raise _told(error) from error
    folder = out or Path("runs") / f"train-{method}-{seed}"
    with training_progress(recipe.epochs) as progress:
        file = run(images, recipe, folder, device=parse_device(device), progress=progress)
    typer.echo(f"trained:{file}")


def _counts(text: str) -> tuple[int, ...]:
    try:
        counts = tuple(int(each) for each in text.split(","))
    except ValueError:
        counts = ()
    if not counts or min(counts) < 1:
        raise UserError("blocks of the network", got=text, expected="positive numbers, comma separated, e.g. 1,2,2")
    return counts


def _told(error: ValidationError) -> UserError:
    first = error.errors(include_url=False)[0]
    name = "--" + str(first["loc"][0]).replace("_", "-")
    return UserError(f"the option {name} cannot be used", got=str(first["input"]), expected=first["msg"])
