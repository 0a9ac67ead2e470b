"""What people read: the PDF, its figures, and tables on the terminal. Needs a run directory and nothing else."""

from advwindow.reports.export import save_figures
from advwindow.reports.pdf import write_pdf
from advwindow.reports.terminal import print_plan, print_run

__all__ = ["print_plan", "print_run", "save_figures", "write_pdf"]
