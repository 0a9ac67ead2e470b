"""``advwindow attack``: run a sweep, go on with an interrupted one, or show the plan."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from advwindow.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advwindow.reports.outputs.places import Place
    from advwindow.sweep import Library, PlannedCell, Run, Sweep, Transport

INTERRUPTED = 130
STUDY, ATTACK, RUN = "What to study", "How to attack", "How to run (changes no result)"
SEND = "Where to send each cell as it finishes"


def attack(
    sweep_file: Annotated[
        Path | None, typer.Argument(metavar="[SWEEP.toml]", help="A sweep file; the embedded default without one.")
    ] = None,
    *,
    protocol: Annotated[
        Literal["words-as-a-window"] | None,
        typer.Option(help="A published protocol instead of a sweep file.", rich_help_panel=STUDY),
    ] = None,
    model: Annotated[list[str] | None, typer.Option(help="Reference of a model.", rich_help_panel=STUDY)] = None,
    defense: Annotated[
        list[str] | None,
        typer.Option(help="What protects the models, e.g. jpeg?quality=75; may be given again.", rich_help_panel=STUDY),
    ] = None,
    images: Annotated[list[str] | None, typer.Option(help="Reference of images.", rich_help_panel=STUDY)] = None,
    words: Annotated[
        list[str] | None,
        typer.Option(help="Reference of a word space; the first is the one of the verdicts.", rich_help_panel=STUDY),
    ] = None,
    attack_names: Annotated[
        list[str] | None, typer.Option("--attack", help="Attack instead of those in the file.", rich_help_panel=ATTACK)
    ] = None,
    eps: Annotated[
        str | None, typer.Option(help="Epsilons, comma separated: 4/255,8/255.", rich_help_panel=ATTACK)
    ] = None,
    norm: Annotated[str | None, typer.Option(help="linf, l2, l1 or l0.", rich_help_panel=ATTACK)] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all random streams.", rich_help_panel=ATTACK)] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("-S", "--set", help="key=value, as in the file.", rich_help_panel=ATTACK)
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; runs/NAME-PLAN by default.")] = None,
    pdf: Annotated[Path | None, typer.Option("--report", help="PDF to write; reports/RUN.pdf by default.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan and what it costs; compute nothing.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.", rich_help_panel=RUN)] = "auto",
    executor: Annotated[Literal["local"], typer.Option(help="Where cells run.", rich_help_panel=RUN)] = "local",
    workers: Annotated[int, typer.Option(min=1, help="Cells side by side.", rich_help_panel=RUN)] = 1,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Images side by side.", rich_help_panel=RUN)] = None,
    audit: Annotated[
        Literal["quick", "full", "off"],
        typer.Option(help="Check whether the attacks can be believed; see advwindow explain.", rich_help_panel=RUN),
    ] = "quick",
    keep_images: Annotated[bool, typer.Option(help="Keep all attacked images.", rich_help_panel=RUN)] = False,
    mlflow: Annotated[
        str, typer.Option(metavar="URI", help="MLflow store, e.g. sqlite:///mlflow.db.", rich_help_panel=SEND)
    ] = "",
    tensorboard: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of TensorBoard events.", rich_help_panel=SEND)
    ] = None,
) -> None:
    """Attack networks, look at every layer through the window of words, and report where meaning collapses.

    Goes on by itself where an earlier call was interrupted. Prints the PDF's path.
    """
    from advwindow import sweep as sweeps
    from advwindow.cli.progress import console
    from advwindow.reports import print_plan, print_run, write_pdf
    from advwindow.reports.outputs.places import sending_places

    del executor  # there is one so far
    if sweep_file and protocol:
        raise UserError("a sweep file and a protocol", got=f"{sweep_file}, {protocol}", expected="one of the two")
    places = sending_places(mlflow=mlflow, tensorboard=tensorboard)
    source = sweep_file or sweeps.embedded(protocol or "quick")
    lists = {
        "models": model,
        "defenses": defense,
        "images": images,
        "words": words,
        "seeds": None if seed is None else [seed],
    }
    parts = sweeps.split_parts(sweeps.read_toml(source), overrides=overrides or [])
    for content in parts:
        content |= {key: values for key, values in lists.items() if values}
        sweeps.change_attacks(content, names=attack_names or [], eps=eps.split(",") if eps else [], norm=norm or "")
    planned = [sweeps.make_sweep(content, source=str(sweep_file or "the sweep")) for content in parts]
    transport = sweeps.Transport(device, batch_size, workers, keep_images, audit)
    with console.status("Loading models, images and words; looking at the clean images"):
        library = sweeps.Library(sweeps.parse_device(device))
        cells = sweeps.make_plan(library, *planned)
    folder = out or sweeps.default_folder(planned[0].name, cells)
    if dry_run:
        done = sweeps.finished_cells(folder)
        print_plan(cells, sweeps.probe_speeds(cells, library), console, done=done)
        return
    run = run_watched(planned, cells, library, folder, transport, places=places)
    print_run(run.directory, console)
    target = pdf or Path("reports") / f"{run.path.resolve().name}.pdf"
    with console.status("Typesetting the report"):
        write_pdf(run.directory, target)
    console.print(f"Run    {run.path}", highlight=False)
    typer.echo(target)


def run_watched(
    planned: Sequence[Sweep],
    cells: list[PlannedCell],
    library: Library,
    folder: Path,
    transport: Transport,
    *,
    places: Sequence[Place] = (),
) -> Run:
    """Compute what is missing of a plan, with bars; an interrupt ends the command with what is done on disk.

    Every finished cell is sent to `places`; what fails there is told and changes nothing else.
    """
    from advwindow.cli.progress import Progress
    from advwindow.cli.sending import Sending
    from advwindow.sweep import run_plan, sweep_toml

    with Progress(cells) as progress:
        try:
            with Sending(progress, folder, places) as watcher:
                return run_plan(cells, library, sweep_toml(*planned), out=folder, transport=transport, watcher=watcher)
        except KeyboardInterrupt:
            progress.interrupted()
            raise typer.Exit(INTERRUPTED) from None
