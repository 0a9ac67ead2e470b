"""Everything a report says, as plain values for the template."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from advwindow.reports.reading.depth import beginning_rows, half_life_tables
from advwindow.reports.reading.findings import answer, audit_tally, caveats, details, headline, question
from advwindow.reports.reading.provenance import created, day, hashes, pairs, printable_lines, run_facts
from advwindow.reports.reading.studies import titles
from advwindow.reports.reading.tables import attack_row, concept_table, layer_table, losers, word_rows
from advwindow.reports.reading.trace import trace_table
from advwindow.reports.reading.wording import TOLD
from advwindow.reports.style import MARKS
from advwindow.reports.text import count, listing, printable, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advwindow.attacks import Audit
    from advwindow.reports.reading.studies import Study
    from advwindow.runs import CellSpec, RunDirectory

_MOST_MISSING = 12
_MOST_NAMED = 3
#: What the adjusted p-values of the drift promise, by the name of the correction.
_CORRECTIONS = {
    "max-t": "The step-down max-T procedure (Westfall & Young 1993) then bounds the chance of even one false alarm "
    "over all layers by 5 %.",
    "bh": "The procedure of Benjamini & Hochberg (1995, Journal of the Royal Statistical Society B 57) then bounds the "
    "share of false alarms that is to be expected among the layers called significant by 5 %, as long as layers depend "
    "on each other positively.",
    "by": "The procedure of Benjamini & Yekutieli (2001, Annals of Statistics 29) then bounds the share of false "
    "alarms that is to be expected among the layers called significant by 5 %, however layers depend on each other.",
}


def whole(run: RunDirectory, studies: Sequence[Study]) -> dict[str, Any]:
    """What is said once: title, missing cells, method, provenance."""
    manifest = run.manifest()
    specs = [attack.spec for study in studies for attack in study.attacks]
    title = f"{_named([spec.subject for spec in specs], 'network')} under attack"
    return {
        "title": title,
        "running": shorten(title, 90),
        "images": _named([spec.images for spec in specs], "set of images", plural="sets of images"),
        "words": _named([words for spec in specs for words in spec.words], "word space"),
        "date": day(created(manifest)),
        "description": " ".join(answer(studies[0])),
        "plan": run.plan_id,
        "missing": _missing(run),
        "several": len(studies) > 1,
        "told": TOLD,
        "marks": {verdict: mark._asdict() for verdict, mark in MARKS.items()},
        "method": _method(specs[0]),
        "provenance": _provenance(run, specs),
        "sweep": printable_lines(run.sweep_toml()),
        "again": _again(run),
    }


def about(study: Study) -> dict[str, Any]:
    """What is said about one study, but for its figures and pictures."""
    first = headline(study)
    return {
        "title": study.title,
        "subject": {field: printable(str(value)) for field, value in study.subject._asdict().items()},
        "facts": f"{count(first.summary['images'], 'image')}, {first.tried} classified correctly and attacked; "
        f"{count(first.summary['concepts'], 'concept')}; {count(len(study.names), 'layer')}",
        "question": question(study),
        "answer": answer(study),
        "details": details(study),
        "caveats": caveats(study),
        "attacks": [attack_row(attack) for attack in study.attacks],
        "beginnings": beginning_rows(study),
        "lives": half_life_tables(study),
        "trace": trace_table(study),
        "concepts": concept_table(study),
        "losers": losers(study),
        "words": word_rows(study),
        "numbers": [layer_table(attack) for attack in study.attacks],
        "audits": [_audited(title, audit) for title, audit in study.audits.items()],
    }


def _audited(title: str, audit: Audit) -> dict[str, Any]:
    """The checks that gave an answer, those that fired first; and which were left out."""
    order = {"fail": 0, "warn": 1, "pass": 2}
    skipped = [each.code for each in audit if each.verdict == "skipped"]
    left_out = f"Left out at this level: {', '.join(skipped)}." if skipped else ""
    asked = sorted((each for each in audit if each.verdict in order), key=lambda each: order[each.verdict])
    return {
        "head": f"The audit ({audit.level}) of {title} on {audit.images} images: {audit_tally(audit)}.",
        "rows": [
            {"code": each.code, "title": each.title, "verdict": each.verdict, "summary": each.summary,
             "remedy": each.remedy if each.fired else ""}
            for each in asked
        ],
        "caption": f"{TOLD['checks']} {left_out}".strip(),
    }  # fmt: skip


def _named(references: Sequence[str], noun: str, *, plural: str = "") -> str:
    different = list(dict.fromkeys(printable(reference) for reference in references))
    if len(different) > _MOST_NAMED:
        return f"{len(different)} {plural or noun + 's'}"
    return listing([shorten(reference, 60) for reference in different])


def _missing(run: RunDirectory) -> list[str]:
    left = run.missing()
    if not left:
        return []
    names = titles(run.specs)
    told = [f"{names[spec.cell_id]} on {shorten(printable(spec.subject), 60)}, seed {spec.seed}" for spec in left]
    more = [f"and {len(told) - _MOST_MISSING} more"] if len(told) > _MOST_MISSING else []
    return [f"{len(left)} of {len(run.specs)} cells are missing", *told[:_MOST_MISSING], *more]


def _method(spec: CellSpec) -> dict[str, str]:
    return {
        "measure": spec.measure.capitalize(),
        "similarity": {"pearson": "Pearson correlation", "cosine": "cosine similarity"}.get(
            spec.similarity, spec.similarity
        ),
        "pooling": {"mean": "averaged over space or tokens"}.get(spec.pooling, f"pooled by {spec.pooling}"),
        "permutations": f"{spec.permutations:,}",
        "correction": _CORRECTIONS[spec.correction],
    }


def _provenance(run: RunDirectory, specs: Sequence[CellSpec]) -> list[dict[str, Any]]:
    """Pairs of a name and lines of text."""
    seconds = sum(run.summary(spec).get(part, 0.0) for spec in specs for part in ("attack_seconds", "window_seconds"))
    return pairs(
        run_facts(run)
        | {
            "Time spent": [f"{seconds:.0f} s in finished cells"],
            "Seeds": [", ".join(dict.fromkeys(str(spec.seed) for spec in specs))],
            "Networks": hashes((spec.subject, spec.model_sha256) for spec in specs),
            "Images": hashes((spec.images, spec.images_sha256) for spec in specs),
            "Words": hashes(pair for spec in specs for pair in zip(spec.words, spec.words_sha256, strict=True)),
        }
    )


def _again(run: RunDirectory) -> list[str]:
    folder = run.path.name or str(run.path)
    sweep = shlex.quote(f"{folder}/sweep.toml")
    return printable_lines(
        f"advwindow attack {sweep} --out {shlex.quote(folder + '-again')}\n"
        f"advwindow report {shlex.quote(folder + '-again')}"
    )
