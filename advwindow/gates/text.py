"""Names from elsewhere, made safe to show."""

from __future__ import annotations

import unicodedata

_HIDDEN = frozenset(("Cc", "Cs", "Co", "Cn"))
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def visible(text: str) -> str:
    """One line without characters that cannot be seen or that no XML may hold; each becomes a replacement sign."""
    return "".join(
        "\ufffd" if character in _TURNING or unicodedata.category(character) in _HIDDEN else character
        for character in " ".join(text.split())
    )
