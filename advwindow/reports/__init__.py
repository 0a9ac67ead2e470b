"""What people read: the PDF, its figures, and tables on the terminal. Needs a run directory and nothing else."""

from advwindow.reports.pdf import write_pdf

__all__ = ["write_pdf"]
