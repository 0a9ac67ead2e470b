"""Gates on single layers: verdicts, and how much alignment is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from advwindow.errors import UserError
from advwindow.gates.decision import Finding, compared, layers, share
from advwindow.gates.selection import attacked, chosen, grouped, titles
from advwindow.window import Verdict
from advwindow.window.verdict import COLLAPSE_CONCEPTS, DRIFT_CONCEPTS
from advwindow.window.window import ATTACK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from advwindow.gates.policy import Retention, Verdicts
    from advwindow.runs import CellSpec, RunDirectory

#: From best to worst.
_GRAVITY = (Verdict.INTACT, Verdict.ERODED, Verdict.COLLAPSED)

# How many layers a sentence names.
_NAMED = 8


def verdicts(gate: Verdicts, run: RunDirectory) -> Iterator[Finding]:
    """Whether no layer has a verdict graver than allowed, under each attack by itself.

    Raises:
        UserError: no layer that fits is aligned with words, or the run has too few concepts to show what is forbidden.
    """
    limit = _GRAVITY.index(Verdict(gate.no_worse_than))
    needed = (DRIFT_CONCEPTS, COLLAPSE_CONCEPTS)[limit]
    for about, spec in _cells(gate, run):
        rows, left_out = anchored(run, spec, gate.layers, or_hijacked=not gate.allow_hijacked)
        if rows[0]["concepts"] < needed:
            raise UserError(
                f"{about} cannot show what the gate forbids, so it would always pass",
                got=f"{rows[0]['concepts']} concepts",
                expected=f"at least {needed} for the verdict {_GRAVITY[limit + 1]}",
                fix="study images of more classes, or use [[retention]]",
            )
        bad = [row for row in rows if _is_bad(row, limit, allow_hijacked=gate.allow_hijacked)]
        told = "; ".join(_verdict(row) for row in bad[:_NAMED]) + (" ..." if len(bad) > _NAMED else "")
        good = f"none worse than {gate.no_worse_than}{'' if gate.allow_hijacked else ', none hijacked'}"
        sentence = f"{len(bad)} of {layers(len(rows))}: {told}" if bad else f"{layers(len(rows))}, {good}"
        yield Finding(about, not bad, sentence + left_out)


def retention(gate: Retention, run: RunDirectory) -> Iterator[Finding]:
    """Whether enough of every layer's clean alignment is surely left, under each attack by itself.

    Raises:
        UserError: no layer that fits is aligned with words.
    """
    for about, spec in _cells(gate, run):
        rows, left_out = anchored(run, spec, gate.layers)
        worst = min(rows, key=lambda row: -1.0 if row["retention_low"] is None else row["retention_low"])
        failed = sum(row["retention_low"] is None or row["retention_low"] < gate.at_least for row in rows)
        counted = f"{failed} of {layers(len(rows))} below {100 * gate.at_least:g} %" if failed else layers(len(rows))
        told = _retention(worst, gate.at_least)
        yield Finding(about, not failed, f"{counted}, least in {worst['layer']}: {told}{left_out}")


def anchored(
    run: RunDirectory, spec: CellSpec, patterns: tuple[str, ...], *, or_hijacked: bool = False
) -> tuple[list[dict[str, Any]], str]:
    """Rows of a cell's layers under attack that fit and have meaning to lose, and how many had none, in words.

    Args:
        run: where the cell is.
        spec: the cell.
        patterns: of layers.
        or_hijacked: whether hijacked layers are kept, too: that test does not ask for an aligned geometry.

    Raises:
        UserError: a pattern fits no layer, or no layer that fits is aligned with words.
    """
    table = run.table(spec, "layers").filter(pl.col("condition") == ATTACK)
    names = chosen(table["layer"], patterns, what="layer of the run")
    rows = [row for row in table.iter_rows(named=True) if row["layer"] in names]
    kept = [row for row in rows if row["verdict"] != Verdict.UNANCHORED or (or_hijacked and row["hijacked"])]
    if not kept:
        raise UserError(
            f"no layer that fits the gate is aligned with words in {spec.subject}, so there is nothing to judge",
            got=", ".join(names),
            fix="name layers that are; advwindow report shows them",
        )
    left_out = len(rows) - len(kept)
    return kept, f" ({left_out} more not aligned with words even without attack)" if left_out else ""


def _cells(gate: Verdicts | Retention, run: RunDirectory) -> Iterator[tuple[str, CellSpec]]:
    """Each cell with what it is called."""
    for group in grouped(run.specs, gate.subject):
        names = titles(group)
        for spec in attacked(group, gate, eps=gate.eps, minimal=False).cells:
            yield f"{group}, {names[spec.cell_id]}", spec


def _is_bad(row: dict[str, Any], limit: int, *, allow_hijacked: bool) -> bool:
    return row["verdict"] in _GRAVITY[limit + 1 :] or (row["hijacked"] and not allow_hijacked)


def _verdict(row: dict[str, Any]) -> str:
    """``head collapsed (drift 0.38 [0.30, 0.45], upper bound 0.061 < collapse bound 0.080)``."""
    words = row["verdict"] + (", hijacked" if row["hijacked"] else "")
    facts = [f"drift {row['drift']:.2f} [{row['drift_ci_low']:.2f}, {row['drift_ci_high']:.2f}]"]
    if row["verdict"] == Verdict.COLLAPSED:
        facts.append(f"upper bound {row['upper']:.3f} < collapse bound {row['collapse_bound']:.3f}")
    if row["hijacked"]:
        facts.append(f"1 vs 2 {share(row['one_vs_two'])} %, p = {row['one_vs_two_p_adjusted']:.3f}")
    return f"{row['layer']} {words} ({', '.join(facts)})"


def _retention(row: dict[str, Any], limit: float) -> str:
    if row["retention_low"] is None:
        return f"retention {share(row['retention'])} %, not bounded from below by the data"
    high = "∞" if row["retention_high"] is None else share(row["retention_high"])
    bound = compared(row["retention_low"], limit, name="lower bound", at_least=True)
    return f"retention {share(row['retention'])} % [{share(row['retention_low'])}, {high}]: {bound}"
