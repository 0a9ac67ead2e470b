"""The findings of a run as one Markdown page and as LaTeX tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from advwindow.comparison.markup import latex_table, markdown, markdown_table
from advwindow.reports.reading.findings import answer, audit_tally, caveats, headline, tally
from advwindow.reports.reading.studies import read_studies
from advwindow.reports.reading.tables import layer_table
from advwindow.reports.text import count, distance, percent, percent_span, printable, shorten

if TYPE_CHECKING:
    from advwindow.reports.reading.studies import Attacked, Study
    from advwindow.runs import RunDirectory

_MADE_OF = "In brackets 95 % intervals, of shares Wilson's; p-values are adjusted over all layers."
_NAME_WIDTH = 60


def summary_markdown(run: RunDirectory) -> str:
    """What the report says first: verdict, attacks, layers under the most harmful one, what to bear in mind.

    Args:
        run: at least one cell must be finished.

    Raises:
        IncompleteError: no cell is finished.
    """
    left = len(run.missing())
    missing = [f"**Incomplete: {left} of {count(len(run.specs), 'cell')} missing.**"] if left else []
    studies = [part for study in read_studies(run) for part in _study(study)]
    return "\n\n".join(["# Report", *missing, *studies, _MADE_OF]) + "\n"


def summary_latex(run: RunDirectory) -> str:
    r"""Two tables for each study, to be read in with ``\input`` where the package ``booktabs`` is used.

    The tables of attacks are labelled ``tab:attacks-1``, those of layers under the most harmful attack
    ``tab:layers-1``; further studies are counted on.

    Args:
        run: at least one cell must be finished.

    Raises:
        IncompleteError: no cell is finished.
    """
    parts = []
    for place, study in enumerate(read_studies(run), start=1):
        first = headline(study)
        about = f"{_subject(study)}; 95 % intervals in brackets"
        parts += [
            latex_table(_attacks(study), caption=f"Attacks on {about}.", label=f"tab:attacks-{place}"),
            latex_table(_layers(first), caption=f"Layers under {first.title} of {about}.", label=f"tab:layers-{place}"),
        ]
    return "\n".join(parts)


def _study(study: Study) -> list[str]:
    first = headline(study)
    summary = first.summary
    clean = f"{percent(summary['clean_accuracy'])} [{percent_span(summary['clean_low'], summary['clean_high'])}]"
    facts = (
        f"{count(summary['images'], 'image')}, clean accuracy {clean}; {count(first.tried, 'image')} attacked; "
        f"{count(summary['concepts'], 'concept')}, {count(len(study.names), 'layer')}."
    )
    audits = [f"Audit of {title}: {audit_tally(audit)}." for title, audit in study.audits.items()]
    kept = [f"- {markdown(sentence)}" for sentence in [*audits, *caveats(study)]]
    return [
        f"## {markdown(_subject(study))}",
        markdown(" ".join(answer(study))),
        markdown(facts),
        "### Attacks",
        markdown_table(_attacks(study)),
        f"### Layers under {markdown(first.title)}",
        markdown_table(_layers(first)),
        *(["### To bear in mind", "\n".join(kept)] if kept else []),
    ]


def _subject(study: Study) -> str:
    subject = study.subject
    parts = (shorten(printable(part), _NAME_WIDTH) for part in (subject.model, subject.images, subject.words))
    return ", ".join([*parts, f"seed {subject.seed}"])


def _attacks(study: Study) -> pl.DataFrame:
    return pl.DataFrame([_attack(attack) for attack in study.attacks])


def _attack(attack: Attacked) -> dict[str, str]:
    summary, counted = attack.summary, tally(attack)
    return {
        "attack": shorten(attack.title, _NAME_WIDTH),
        "robust accuracy": f"{percent(attack.robust)} [{percent_span(summary['robust_low'], summary['robust_high'])}]",
        "fooled": f"{summary['successes']} of {attack.tried}",
        "median distance": distance(summary["median_distance"], attack.spec.norm),
        **{verdict: str(number) for verdict, number in counted.verdicts.items()},
        "hijacked": str(counted.hijacked),
    }


def _layers(attack: Attacked) -> pl.DataFrame:
    rows = zip(layer_table(attack)["rows"], attack.rows().select("verdict", "hijacked").rows(), strict=True)
    return pl.DataFrame(
        [
            {
                "layer": row["layer"],
                "clean": row["clean"],
                "noise": row["noise"],
                "attack": row["attack"],
                "drift": row["drift"],
                "p": row["p"],
                "1 vs 2": row["one_vs_two"],
                "verdict": f"{verdict}, hijacked" if hijacked else str(verdict),
            }
            for row, (verdict, hijacked) in rows
        ]
    )
