"""``advwindow compare`` and ``advwindow bench``: models and defences side by side, from runs or from a sweep file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from advwindow.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advwindow.runs import RunDirectory

RUN = "How to run (changes no result)"


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs.")],
    *,
    images: Annotated[str, typer.Option(help="Image set to compare on; each by itself without.")] = "",
    out: Annotated[Path | None, typer.Option(help="Folder for the report, tables, cards and figures.")] = None,
) -> None:
    """Compare the models and defences of finished runs; refuses what is not comparable, and says why.

    Prints tables. Writes a report to --out (comparison.pdf, comparison.html), tables as CSV, Parquet, Markdown and
    LaTeX, a JSON card for each entry, and figures.
    """
    from advwindow.runs import RunDirectory

    _compare([RunDirectory(run) for run in runs], images=images, out=out)


def bench(
    bench_file: Annotated[
        Path | None, typer.Argument(metavar="[BENCH.toml]", help="A sweep file; the embedded default without one.")
    ] = None,
    *,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; runs/NAME-PLAN by default.")] = None,
    report: Annotated[Path | None, typer.Option(help="Folder for the report, tables, cards and figures.")] = None,
    overrides: Annotated[list[str] | None, typer.Option("-S", "--set", help="key=value, as in the file.")] = None,
    certify: Annotated[
        int, typer.Option(min=0, help="Noisy copies per image for certificates of smoothed models; 0 for none.")
    ] = 1000,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan and what it costs; compute nothing.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...", rich_help_panel=RUN)] = "auto",
    batch_size: Annotated[int | None, typer.Option(help="Samples side by side.", rich_help_panel=RUN)] = None,
    workers: Annotated[int, typer.Option(help="Cells side by side.", rich_help_panel=RUN)] = 1,
    audit: Annotated[Literal["quick", "full", "off"], typer.Option(rich_help_panel=RUN)] = "quick",
) -> None:
    """Attack several defences in several ways, and compare them: a sweep that ends in a comparison.

    Goes on by itself where an earlier call was interrupted. Prints the folder of report, tables, cards and figures.
    """
    from advwindow import sweep as sweeps
    from advwindow.cli.attack import run_watched
    from advwindow.cli.progress import console
    from advwindow.reports import print_plan

    parts = sweeps.split_parts(sweeps.read_toml(bench_file or sweeps.embedded("bench")), overrides=overrides or [])
    planned = [sweeps.make_sweep(part, source=str(bench_file or "the bench")) for part in parts]
    if not any("" in entry.target for sweep in planned for entry in sweep.attack):
        raise UserError("there is nothing to compare", got="targeted attacks only", fix="add an untargeted attack")
    library = sweeps.Library(sweeps.parse_device(device))
    with console.status("Loading models, images and words; looking at the clean images"):
        cells = sweeps.make_plan(library, *planned)
    folder = out or sweeps.default_folder(planned[0].name, cells)
    if dry_run:
        print_plan(cells, sweeps.probe_speeds(cells, library), console, done=sweeps.finished_cells(folder))
        return
    run = run_watched(planned, cells, library, folder, sweeps.Transport(device, batch_size, workers, audit=audit))
    with console.status("Certifying smoothed models"):
        if certify:
            sweeps.certify_run(run.directory, library, copies=certify)
    target = report or Path("reports") / run.path.resolve().name
    _compare([run.directory], images="", out=target)
    console.print(f"Run    {run.path}", highlight=False)
    typer.echo(target)


def _compare(runs: Sequence[RunDirectory], *, images: str, out: Path | None) -> None:
    from rich.console import Console

    from advwindow.comparison import compare_runs, export, image_sets
    from advwindow.reports import print_comparison, save_comparison_figures
    from advwindow.reports.document.comparison import write_comparison_pdf
    from advwindow.reports.page.comparison import write_comparison_html

    console = Console()
    known = image_sets(runs)
    if not known:
        raise UserError("there is nothing to compare", got="targeted attacks only", expected="untargeted ones")
    if images and all(spec.images != images for run in runs for spec in run.specs):
        raise UserError("no run has these images", got=images, expected=", ".join(known))
    for chosen in [images] if images else known:
        comparison = compare_runs(runs, images=chosen)
        print_comparison(comparison, console)
        if out is not None:
            folder = out if len(known) == 1 or images else out / _folder(chosen)
            export(comparison, folder)
            save_comparison_figures(comparison, folder)
            write_comparison_pdf(comparison, folder / "comparison.pdf")
            write_comparison_html(comparison, folder / "comparison.html")


def _folder(images: str) -> str:
    from advwindow.runs import short_hash

    plain = "".join(letter if letter.isalnum() else "-" for letter in images).strip("-")
    return f"{plain[:60]}-{short_hash(images)[:6]}"
