"""The pieces that `advwindow.reports.html` makes a page of: markup, figures, tables, sections, a style and a script."""
