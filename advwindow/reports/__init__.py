"""What people read: the PDF, its figures, and tables on the terminal. Needs a run directory and nothing else."""

from advwindow.reports.document.pdf import write_pdf
from advwindow.reports.figures.comparison import save_comparison_figures
from advwindow.reports.outputs.export import save_figures
from advwindow.reports.page.html import write_html
from advwindow.reports.terminal.comparison import print_comparison
from advwindow.reports.terminal.lens import print_words, word_frame
from advwindow.reports.terminal.plan import print_plan
from advwindow.reports.terminal.runs import print_run

__all__ = [
    "print_comparison",
    "print_plan",
    "print_run",
    "print_words",
    "save_comparison_figures",
    "save_figures",
    "word_frame",
    "write_html",
    "write_pdf",
]
