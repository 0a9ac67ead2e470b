"""The report as one HTML page: markup, figures, tables, sections, a style and a script."""
