"""What people read: the PDF, its figures, and tables on the terminal. Needs a run directory and nothing else."""

from advwindow.reports.comparison import print_comparison, save_comparison_figures
from advwindow.reports.export import save_figures
from advwindow.reports.html import write_html
from advwindow.reports.lens import print_words, word_frame
from advwindow.reports.pdf import write_pdf
from advwindow.reports.terminal import print_plan, print_run

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
