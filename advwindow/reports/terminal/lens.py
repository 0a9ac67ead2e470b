"""The word trace on the terminal."""

from __future__ import annotations

import difflib
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import polars as pl
from rich import box
from rich.table import Table
from rich.text import Text

from advwindow.errors import UserError
from advwindow.reports.reading.findings import harm
from advwindow.reports.reading.studies import read_studies
from advwindow.reports.reading.trace import guessed_rank, read_trace, traced_images
from advwindow.reports.text import printable, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from advwindow.reports.reading.studies import Attacked, Study
    from advwindow.reports.reading.trace import Said, Traced
    from advwindow.runs import RunDirectory

_LAYER_WIDTH, _LABEL_WIDTH = 32, 60


def print_words(
    run: RunDirectory, console: Console, *, images: Sequence[int] = (), layers: Sequence[str] = (), attack: str = ""
) -> None:
    """What word each layer says of stored images, clean and attacked, and the rank of the true word.

    Args:
        run: at least one cell must be finished.
        console: where to.
        images: numbers among the attacked images, from 0; the first that has a trace if empty.
        layers: names or shell wildcards; all if empty.
        attack: parts of an attack's title, such as ``"pgd 8/255"``; of those that fit, the most harmful one is shown.

    Raises:
        IncompleteError: no cell is finished.
        UserError: no such attack, image or layer.
    """
    shown = [(*each, _images(each[1], images), _layers(each[0], layers)) for each in _chosen(run, attack)]
    for study, chosen, numbers, names in shown:
        console.print(Text(_subject(study), style="bold"), highlight=False)
        for image in numbers:
            traced = read_trace(chosen, image)
            console.print(Text(_heading(chosen, traced)), highlight=False)
            console.print(_table(chosen, traced, names))
    console.print(Text(_KEY, style="dim"), highlight=False)


def word_frame(
    run: RunDirectory, *, images: Sequence[int] = (), layers: Sequence[str] = (), attack: str = ""
) -> pl.DataFrame:
    """The same for programs: the rows of the table ``trace``, with model, seed and the attack's title in front.

    Raises:
        IncompleteError: no cell is finished.
        UserError: no such attack, image or layer.
    """
    tables = []
    for study, chosen in _chosen(run, attack):
        numbers, names = _images(chosen, images), _layers(study, layers)
        told = {"model": study.subject.model, "seed": study.subject.seed, "attack": chosen.title}
        tables.append(
            chosen.trace.filter(pl.col("image").is_in(numbers) & pl.col("layer").is_in(names)).select(
                *(pl.lit(value).alias(name) for name, value in told.items()), pl.all()
            )
        )
    return pl.concat(tables)


_KEY = (
    "Best words first, the true word bold; rank: of the true word among all words. A regression from each layer to "
    "word vectors says them; it has seen neither the images nor the word of this image's concept."
)


def _chosen(run: RunDirectory, attack: str) -> list[tuple[Study, Attacked]]:
    """The most harmful attack of every study that fits."""
    studies = read_studies(run)
    fitting = [(study, [each for each in study.attacks if _fits(each, attack)]) for study in studies]
    found = [(study, min(attacks, key=harm)) for study, attacks in fitting if attacks]
    if not found:
        titles = dict.fromkeys(each.title for study in studies for each in study.attacks)
        raise UserError("the run has no such attack", got=attack, expected=f"a part of: {', '.join(titles)}")
    return found


def _fits(attack: Attacked, wanted: str) -> bool:
    known = f"{attack.title} {attack.spec.condition}".lower().split()
    return all(any(part.startswith(each) for part in known) for each in wanted.lower().split())


def _images(attack: Attacked, wanted: Sequence[int]) -> list[int]:
    known = traced_images(attack)
    if not known:
        raise UserError(f"the run has no word trace under {attack.title}")
    for image in wanted:
        if image not in known:
            raise UserError(
                "no image of this number has a word trace",
                got=image,
                expected=f"one of {', '.join(map(str, known))}: evenly spaced attacked images whose label has a word",
            )
    return list(dict.fromkeys(wanted)) or known[:1]


def _layers(study: Study, patterns: Sequence[str]) -> list[str]:
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in study.names):
            near = difflib.get_close_matches(pattern, study.names, n=5, cutoff=0.3) or study.names[-5:]
            raise UserError("no layer of the run matches", got=pattern, expected=f"a name such as {', '.join(near)}")
    return [name for name in study.names if not patterns or any(fnmatchcase(name, each) for each in patterns)]


def _subject(study: Study) -> str:
    return printable(f"{study.subject.model} · {study.subject.images} · seed {study.subject.seed}")


def _heading(attack: Attacked, traced: Traced) -> str:
    label, prediction = (shorten(printable(each), _LABEL_WIDTH) for each in (traced.label, traced.prediction))
    guess = f"guessing ranks it {guessed_rank(attack):g} on average"
    words = f"True word: {printable(traced.word)}, of {attack.summary['concepts']}; {guess}."
    return f"Image {traced.image}: {label}; under {attack.title} the network says {prediction}. {words}"


def _table(attack: Attacked, traced: Traced, layers: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False)
    table.add_column("layer", no_wrap=True)
    for condition in ("clean", attack.title):
        table.add_column(Text(condition), overflow="fold")
        table.add_column("rank", justify="right", no_wrap=True)
    for layer in layers:
        cells = [part for on in ("clean", "attack") for part in _said(traced.said.get((layer, on)), traced.word)]
        table.add_row(Text(shorten(printable(layer), _LAYER_WIDTH)), *cells)
    return table


def _said(said: Said | None, true: str) -> tuple[Text, str]:
    if said is None:
        return Text("–"), "–"
    parts = [Text(printable(word), style="bold green" if word == true else "") for word in said.words]
    return Text(", ").join(parts), str(said.rank)
