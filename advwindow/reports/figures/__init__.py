"""Every figure, with its caption, its alternative text and its data."""
