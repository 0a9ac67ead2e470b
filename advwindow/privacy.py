"""What must not stand in files and messages."""

from __future__ import annotations

import re


def without_password(text: str) -> str:
    """A text in which URIs keep their passwords to themselves.

    Example:
        >>> without_password("postgresql://me:secret@host/db")
        'postgresql://me:***@host/db'
    """
    plain = re.sub(r"(://[^/@\s:]*):[^/\s]*@", r"\1:***@", text)
    return re.sub(r"([?&](?:password|passwd|pwd|token)=)[^&\s'\"]+", r"\1***", plain, flags=re.IGNORECASE)
