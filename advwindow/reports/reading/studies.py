"""A run as its readers see it: studies, each attacked in several ways, with a title for each attack."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from advwindow.attacks import Audit
from advwindow.errors import IncompleteError
from advwindow.reports.text import attack_name, count, eps_name, norm_name, printable
from advwindow.runs import run_half_lives

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from advwindow.runs import CellSpec, RunDirectory


#: Verdicts on the geometry of a layer, from bad luck to worst.
VERDICTS = ("unanchored", "intact", "eroded", "collapsed")

#: Level of all tests in a run.
ALPHA = 0.05

# What a subject has in common with a table of half-lives, besides the words.
_SUBJECT = ("model", "images", "seed")


class Subject(NamedTuple):
    """What is studied: everything about a cell but the attack."""

    model: str
    images: str
    words: str
    seed: int

    @classmethod
    def of(cls, spec: CellSpec) -> Subject:
        """The subject of a cell."""
        return cls(spec.subject, spec.images, " + ".join(spec.words), spec.seed)


@dataclass(frozen=True, eq=False)
class Attacked:
    """A finished cell.

    Attributes:
        spec: what was computed.
        title: of the attack, unique within the study.
        summary: the cell's plain numbers.
        samples: one row per image.
        layers: one row per layer and condition.
        conditions: one row per condition but clean: drift averaged over depth, and where each kind of damage begins.
        concepts: one row per layer, condition and concept.
        references: one row per reference (word spaces, pixels), layer and condition.
        agreement: one row per pair of references.
        trace: what word each layer says of some images; ``image`` counts those that were attacked.
        words: one row per label.
        pictures: ``index`` (n,), ``clean`` uint8 and ``delta`` float16 ``(n, C, H, W)``.
    """

    spec: CellSpec
    title: str
    summary: Mapping[str, Any]
    samples: pl.DataFrame
    layers: pl.DataFrame
    conditions: pl.DataFrame
    concepts: pl.DataFrame
    references: pl.DataFrame
    agreement: pl.DataFrame
    trace: pl.DataFrame
    words: pl.DataFrame
    pictures: Mapping[str, NDArray[np.generic]]

    def rows(self, condition: str = "attack") -> pl.DataFrame:
        """Layers under ``"clean"``, ``"noise"`` or ``"attack"``, in the order of the network."""
        return self._by_condition.get(condition, self.layers.clear())

    @cached_property
    def _by_condition(self) -> dict[str, pl.DataFrame]:
        parts = self.layers.sort("depth", maintain_order=True).partition_by("condition", as_dict=True)
        return {str(condition): rows for (condition,), rows in parts.items()}

    @property
    def tried(self) -> int:
        """Number of images that were attacked: those classified correctly."""
        return self.samples.filter(pl.col("status") != "skipped_misclassified").height

    @property
    def robust(self) -> float:
        """Share of all images that are classified correctly and withstood."""
        return float(self.summary["robust_accuracy"])


@dataclass(frozen=True, eq=False)
class Study:
    """One subject and its finished attacks, at least one, in the order of the plan.

    Attributes:
        subject: what was studied.
        title: what tells it from the other studies of the run.
        attacks: finished cells.
        audits: what the audit of one of them found, by the attack's title; empty where none was made.
        run: where it is from.
    """

    subject: Subject
    title: str
    attacks: tuple[Attacked, ...]
    audits: Mapping[str, Audit]
    run: RunDirectory

    @property
    def half_lives(self) -> pl.DataFrame:
        """One row per layer and attack that was made at several budgets; empty where none was.

        It reads all Grams of the run, so it is computed when it is asked for.
        """
        found = run_half_lives(self.run)
        words = pl.col("words") == ", ".join(self.attacks[0].spec.words)
        return found.filter(words, *(pl.col(field) == getattr(self.subject, field) for field in _SUBJECT))

    @property
    def layers(self) -> dict[str, pl.DataFrame]:
        """The table of layers of each attack by the attack's title."""
        return {attack.title: attack.layers for attack in self.attacks}

    @property
    def names(self) -> list[str]:
        """Names of the layers, in the order of the network."""
        return [str(name) for name in self.attacks[0].rows("clean")["layer"]]


def layers_under(layers: pl.DataFrame, condition: str) -> pl.DataFrame:
    """Rows of one condition, in the order of the network."""
    return layers.filter(pl.col("condition") == condition).sort("depth")


def read_studies(run: RunDirectory) -> list[Study]:
    """The finished part of a run.

    Raises:
        IncompleteError: no cell is finished.
    """
    done = run.done()
    if not done:
        raise IncompleteError(
            f"the run {run.path} has no finished cell",
            got=f"0 of {len(run.specs)} cells",
            fix=f"advwindow attack {run.path / 'sweep.toml'} --out {run.path}",
        )
    subjects = list(dict.fromkeys(Subject.of(spec) for spec in done))
    names = titles(run.specs)
    return [
        Study(
            subject,
            _distinction(subject, subjects),
            tuple(_read(run, spec, names[spec.cell_id]) for spec in done if Subject.of(spec) == subject),
            {
                names[spec.cell_id]: Audit.from_dict(found)
                for spec in done
                if Subject.of(spec) == subject and (found := run.audit(spec)) is not None
            },
            run,
        )
        for subject in subjects
    ]


def titles(specs: Sequence[CellSpec]) -> dict[str, str]:
    """What to call the attack of each cell; parameters are named where two attacks differ in nothing else."""
    plain = {spec.cell_id: _title(spec) for spec in specs}
    taken = Counter((Subject.of(spec), plain[spec.cell_id]) for spec in specs)
    return {
        spec.cell_id: plain[spec.cell_id]
        if taken[Subject.of(spec), plain[spec.cell_id]] == 1
        else f"{plain[spec.cell_id]} ({_parameters(spec)})"
        for spec in specs
    }


def _title(spec: CellSpec) -> str:
    goal = f" to {spec.target}" if spec.target else ""
    blind = " oblivious" if spec.access == "oblivious" else ""
    return printable(f"{attack_name(spec.attack)} {norm_name(spec.norm)} {eps_name(spec.eps)}{goal}{blind}")


def _parameters(spec: CellSpec) -> str:
    told = [*(f"{key} {value}" for key, value in spec.parameters.items()), *_drawn(spec.draws)]
    return printable(", ".join(told)) or "defaults"


def _drawn(draws: int) -> list[str]:
    """How many draws of a random network a gradient is the mean of, where there is more than one."""
    return [count(draws, "draw")] if draws > 1 else []


def _distinction(subject: Subject, subjects: Sequence[Subject]) -> str:
    varying = [
        f"seed {value}" if field == "seed" else str(value)
        for field, value in subject._asdict().items()
        if len({getattr(other, field) for other in subjects}) > 1
    ]
    return printable(" · ".join(varying) or subject.model)


def _read(run: RunDirectory, spec: CellSpec, title: str) -> Attacked:
    return Attacked(
        spec,
        title,
        summary=run.summary(spec),
        samples=run.table(spec, "samples"),
        layers=run.table(spec, "layers"),
        conditions=run.table(spec, "conditions"),
        concepts=run.table(spec, "concepts"),
        references=run.table(spec, "references"),
        agreement=run.table(spec, "agreement"),
        trace=run.table(spec, "trace"),
        words=run.table(spec, "words"),
        pictures=run.arrays(spec, "pictures")[0],
    )
