"""HTML from values: whatever is not `Markup` is escaped, so nothing that a user wrote is ever read as markup."""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

_VOID = frozenset({"img", "meta", "link", "br", "hr", "input", "col"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def escape(text: str) -> Markup:
    """Text as HTML; what is HTML stays as it is.

    Example:
        >>> escape("<b>"), escape(Markup("<b>"))
        ('&lt;b&gt;', '<b>')
    """
    return text if isinstance(text, Markup) else Markup(html.escape(text, quote=True))


def tag(name: str, /, *children: str, **attributes: str | float | None) -> Markup:
    """An element.

    Args:
        name: of the element.
        children: `Markup`, or text that is escaped.
        attributes: None leaves one out, an empty text stands for itself; ``_`` in a name is written as ``-``, one at
            its end is dropped (``class_``).

    Example:
        >>> tag("td", "1 < 2", class_="low", data_row=3)
        '<td class="low" data-row="3">1 &lt; 2</td>'
    """
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value), quote=True)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{told}>" if name in _VOID else f"<{name}{told}>{join(children)}</{name}>")


def join(parts: Iterable[str], between: str = "") -> Markup:
    """Parts one after the other, escaped where they are text."""
    return Markup(escape(between).join(escape(part) for part in parts))


def coded(text: str) -> Markup:
    """Text whose parts between backticks are code.

    Example:
        >>> coded("run `a < b`")
        'run <code>a &lt; b</code>'
    """
    parts = text.split("`")
    return join(tag("code", part) if place % 2 else part for place, part in enumerate(parts))


def embedded(value: Any) -> Markup:  # noqa: ANN401 - whatever JSON can say
    """JSON that can stand inside a script element: no text in it can end that element or begin a comment."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)
