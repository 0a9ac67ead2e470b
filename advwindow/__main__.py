"""``python -m advwindow`` is ``advwindow``."""

from advwindow.cli import main

main()
