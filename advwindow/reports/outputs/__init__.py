"""A run for programs and papers: JSON, Markdown, LaTeX, figures as files, experiment trackers."""
