"""Figures of a run for papers: each draws into given axes, or makes a figure of a column's or a page's width.

Example::

    import advwindow as aw
    import matplotlib.pyplot as plt

    run = aw.open_run("runs/quick")
    aw.plot.alignment(run).figure.savefig("alignment.pdf")  # 89 mm wide, the most harmful attack

    figure, (left, right) = plt.subplots(1, 2, layout="constrained")
    aw.plot.drift(run, left, attack="PGD L∞ 8/255")
    aw.plot.two_vs_two(run, right, attack="PGD L∞ 8/255", legend=False)

All take the options of `Options` by name, and raise `UserError` (no such attack or study, no run in the folder) and
`IncompleteError` (no cell is finished). Colours are those of all reports: one for each condition, told apart also by
lines and marks. For figures of your own beside them: ``plt.style.use("advwindow.reports.paper")``.
"""

from advwindow.reports.plot.budgets import collapse_map, retention, robustness
from advwindow.reports.plot.canvas import COLORS, Options, Source
from advwindow.reports.plot.concepts import concept_map, matrices
from advwindow.reports.plot.layers import (
    alignment,
    beyond_noise,
    drift,
    one_vs_two,
    references,
    two_vs_two,
    verdicts,
)
from advwindow.reports.style import WIDTHS, house_style

__all__ = [
    "COLORS",
    "WIDTHS",
    "Options",
    "Source",
    "alignment",
    "beyond_noise",
    "collapse_map",
    "concept_map",
    "drift",
    "house_style",
    "matrices",
    "one_vs_two",
    "references",
    "retention",
    "robustness",
    "two_vs_two",
    "verdicts",
]
