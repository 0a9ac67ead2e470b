"""Models and defences compared from finished runs: matrix, paired tests, ranks, fronts, call-outs, tables, cards."""

from advwindow.comparison.cards import card_json, cards
from advwindow.comparison.comparable import check_comparable
from advwindow.comparison.compare import TABLES, Comparison, compare_runs
from advwindow.comparison.entries import ACCESSES, Access, Entry, Tested, read_entries
from advwindow.comparison.export import FORMATS, export, markdown_text
from advwindow.comparison.images import image_sets
from advwindow.comparison.paired import Paired, holm, mcnemar, newcombe, paired
from advwindow.comparison.pareto import pareto_front
from advwindow.comparison.ranks import Ranks, ranks
from advwindow.comparison.readable import readable_tables

__all__ = [
    "ACCESSES",
    "FORMATS",
    "TABLES",
    "Access",
    "Comparison",
    "Entry",
    "Paired",
    "Ranks",
    "Tested",
    "card_json",
    "cards",
    "check_comparable",
    "compare_runs",
    "export",
    "holm",
    "image_sets",
    "markdown_text",
    "mcnemar",
    "newcombe",
    "paired",
    "pareto_front",
    "ranks",
    "read_entries",
    "readable_tables",
]
