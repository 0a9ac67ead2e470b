"""Where the commands of an SVG path lead, read one by one as its standard tells."""

from __future__ import annotations

import re

_PART = re.compile(r"[A-Za-z]|[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?")


def corners(path: str) -> list[tuple[float, float]]:
    """Every corner of straight lines in absolute coordinates; a ``z`` leads back to where its part began."""
    parts = _PART.findall(path)
    at = begun = (0.0, 0.0)
    command, found = "", []
    while parts:
        if parts[0].isalpha():
            command = parts.pop(0)
        if command in "Zz":
            at = begun
            found.append(at)
            continue
        x, y = float(parts.pop(0)), float(parts.pop(0))
        at = (at[0] + x, at[1] + y) if command.islower() else (x, y)
        if command in "Mm":
            begun, command = at, "L" if command == "M" else "l"
        found.append(at)
    return found
