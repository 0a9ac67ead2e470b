"""How often tests, intervals and verdicts go wrong where the truth is known, and how often they find what is there.

``pytest -m experiment -s tests/window/test_calibration.py`` prints the table of docs/calibration.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from scipy import stats

from advwindow.window.report import analyse

from .calibration import (
    HARDER,
    KEPT,
    OPTIONS,
    PLANTED,
    Condition,
    World,
    aligned,
    analysed,
    anchored_plan,
    evidence_from,
    rates,
    unrelated_plan,
)

if TYPE_CHECKING:
    from .calibration import Plan, Rate, Rates

RUNS = {30: 300, 60: 200, 100: 120}


class Row(NamedTuple):
    """A line of the table: what is asked of which condition, and the share of yes that it should have, if any."""

    title: str
    condition: str
    question: str
    nominal: str = ""


NULL = (
    Row("swap test rejects, a layer", "same", "swap test", "5"),
    Row("swap test with max-T rejects, any of 8 layers", "same", "swap test, any", "5"),
    Row("interval of drift misses the truth, a layer", "same", "drift interval", "5"),
    Row("band of drift misses the truth, any of 8 layers", "same", "drift band", "5"),
    Row("interval of drift beyond noise misses the truth, a layer", "same", "beyond noise", "5"),
    Row("verdict eroded or collapsed, any of 8 layers", "same", "fallen, any", "2.5"),
    Row("verdict collapsed, any of 8 layers", "same", "collapsed, any"),
    Row("interval of alignment misses the truth, a layer", "clean", "alignment interval", "5"),
    Row("band of alignment misses the truth, any of 8 layers", "clean", "alignment band", "5"),
    Row("upper bound of alignment below the truth, a layer", "same", "upper bound", ""),
    Row("interval of retention misses 100 %, a layer", "same", "retention interval", "5"),
)

UNRELATED = (
    Row("label test rejects, a layer", "clean", "label test", "5"),
    Row("label test with max-T rejects, any of 8 layers (anchored)", "clean", "label test, any", "5"),
    Row("interval of alignment misses 0, a layer", "clean", "alignment interval", "5"),
    Row("band of alignment misses 0, any of 8 layers", "clean", "alignment band", "5"),
    Row("swap test with max-T rejects, any of 8 layers", "same", "swap test, any", "5"),
    Row("the same, the attack's noise 3 times as large and in one direction", "strange", "swap test, any", "5"),
    Row("band of drift misses 0 there, any of 8 layers", "strange", "drift band", "5"),
    Row("verdict eroded or collapsed there, any of 8 layers", "strange", "fallen, any"),
    Row("1 vs 2 test rejects, a layer", "same", "hijacked", "5"),
    Row("hijacked, any of 8 layers", "same", "hijacked, any", "5"),
)


def harder(name: str) -> tuple[Row, ...]:
    return (
        Row("swap test rejects, a layer", name, "swap test", "5"),
        Row("swap test with max-T rejects, any of 8 layers", name, "swap test, any", "5"),
        Row("interval of drift misses the truth, a layer", name, "drift interval", "5"),
        Row("band of drift misses the truth, any of 8 layers", name, "drift band", "5"),
        Row("verdict eroded or collapsed, any of 8 layers", name, "fallen, any"),
    )


def planted(name: str) -> tuple[Row, ...]:
    return (
        Row("verdict eroded or collapsed, a planted layer", name, "fallen"),
        Row("verdict eroded or collapsed, both planted layers", name, "fallen, both"),
        Row("verdict collapsed, a planted layer", name, "collapsed"),
        Row("verdict eroded or collapsed, any of the 6 others", name, "fallen elsewhere", "2.5"),
        Row("interval of drift misses the truth, a layer", name, "drift interval", "5"),
        Row("interval of retention misses the truth, a layer", name, "retention interval", "5"),
    )


def images(name: str, nominal: str = "") -> tuple[Row, ...]:
    return (
        Row("1 vs 2 test rejects, a layer", name, "hijacked", nominal),
        Row("hijacked, any of 8 layers", name, "hijacked, any", nominal),
    )


HARDER_TITLES = {
    "turned": "Same alignment, but the attack turns each layer's space",
    "offset": "Same alignment, but the attack adds half a pattern's length in one direction",
    "directions": "Same alignment, but the attack's noise lies in one direction",
    "uneven": "Same alignment, but the attack's noise differs in size between concepts",
}


def table(title: str, rows: tuple[Row, ...], found: dict[int, Rates]) -> str:
    """Markdown: percent of runs (or of layers in all runs) with standard errors."""
    lines = [f"### {title}", "", "| % | nominal | " + " | ".join(f"C = {count}" for count in found) + " |"]
    lines.append("|---" * (2 + len(found)) + "|")
    for row in rows:
        cells = (_cell(of[row.condition, row.question]) for of in found.values())
        lines.append(f"| {row.title} | {row.nominal} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def _cell(rate: Rate) -> str:
    return f"{100 * rate.value:.1f} ({100 * rate.se:.1f})"


def report(plan: Plan, anchored: dict[int, Rates], unrelated: dict[int, Rates]) -> str:
    runs = ", ".join(f"{next(iter(of.values())).runs} with {count} concepts" for count, of in anchored.items())
    clean = plan.truth["clean"]
    parts = [
        f"\nRuns: {runs}. True alignment of the clean layers: {' '.join(f'{a:.2f}' for a in clean)}.\n",
        table("Nothing happened: clean and attacked are exchangeable", NULL, anchored),
        *(table(HARDER_TITLES[name], harder(name), anchored) for name in HARDER),
        table("Layers that know nothing of words", UNRELATED, unrelated),
        table("Layers that know words, images half way between two concepts", images("same", "5"), anchored),
    ]
    for name, condition in KEPT.items():
        left = (plan.truth[name] / clean)[list(PLANTED)].mean()
        title = f"Planted in two of 8 layers: {condition.kept:.0%} of the signal kept, true retention {left:.0%}"
        parts.append(table(title.replace("-0%", "0%"), planted(name), anchored))
    for name, share in list(plan.leaning.items())[1:]:
        parts.append(table(f"Images that lean {share:.0%} towards another concept", images(name), anchored))
    return "\n".join(parts)


def at_most(nominal: float, runs: int) -> float:
    """The share of yes that comes up once in 10,000 experiments if the true one is `nominal`."""
    return float(stats.binom.ppf(1 - 1e-4, runs, nominal) / runs)


def check_nulls(anchored: Rates, unrelated: Rates, *, tolerated: float) -> None:
    """Errors in any layer are not above `tolerated`, but for chance."""
    guarded = [
        *(anchored["same", question] for question in ("swap test, any", "drift band", "fallen, any", "hijacked, any")),
        *(anchored[name, "fallen elsewhere"] for name in KEPT),
        *(unrelated["clean", question] for question in ("label test, any", "alignment band")),
        *(unrelated["same", question] for question in ("swap test, any", "fallen, any", "hijacked, any")),
    ]
    for rate in guarded:
        assert rate.value <= at_most(tolerated, rate.runs)
    for question in ("swap test", "drift interval", "beyond noise", "retention interval"):
        rate = anchored["same", question]
        assert abs(rate.value - 0.05) <= 4 * rate.se + tolerated - 0.05


@pytest.mark.slow
def test_errors_are_near_their_nominal_level_and_planted_collapses_are_found():
    plan, unrelated = anchored_plan(samples=4, matching=1), unrelated_plan()
    small = rates(plan, 30, runs=24)
    check_nulls(small, rates(unrelated, 30, runs=24), tolerated=0.08)
    assert small["kept 0.0", "fallen"].value > 0.5
    assert small["kept 0.0", "fallen"].value > small["kept 0.75", "fallen"].value
    large = rates(plan, 60, runs=10)
    check_nulls(large, rates(unrelated, 60, runs=10), tolerated=0.08)
    assert large["kept 0.0", "collapsed"].value > 0.25
    assert large["kept 0.75", "collapsed"].value < 0.1


def test_the_experiment_measures_what_analyse_reports():
    plan = unrelated_plan()
    evidence = evidence_from(plan, 20, np.random.default_rng(0))
    numbers, verdicts = analysed(evidence, OPTIONS)
    told = analyse(evidence, OPTIONS).layers
    for column in ("alignment", "band_low", "drift_p_adjusted", "drift_beyond_noise_low", "one_vs_two_p"):
        known = told[column].fill_null(np.nan).to_numpy().reshape(verdicts.shape)
        np.testing.assert_array_equal(numbers.columns[column], known)
    assert told["verdict"].fill_null("").to_list() == verdicts.ravel().tolist()


def test_a_turned_space_has_the_same_alignment():
    world = World()
    concepts = world.concepts(20, np.random.default_rng(0))
    straight, turned = (
        world.patterns(concepts, condition, np.random.default_rng(1)) for condition in (Condition(), HARDER["turned"])
    )
    np.testing.assert_allclose(aligned(concepts.words, straight), aligned(concepts.words, turned))


@pytest.mark.bench
@pytest.mark.experiment
@pytest.mark.timeout(3600)
def test_experiment():
    plan = anchored_plan(samples=60, matching=10)
    anchored = {count: rates(plan, count, runs=runs) for count, runs in RUNS.items()}
    unrelated = {count: rates(unrelated_plan(), count, runs=runs) for count, runs in RUNS.items()}
    print(report(plan, anchored, unrelated))
    for count in RUNS:
        check_nulls(anchored[count], unrelated[count], tolerated=0.06 if count > 30 else 0.08)
        power = [anchored[count][name, "fallen"].value for name in KEPT]
        assert power == sorted(power, reverse=True)
        assert anchored[count]["kept 0.75", "collapsed"].value < 0.05
