"""Numbers and names as people read them."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Stands for a number that does not exist.
ABSENT = "–"

_REPLACEMENT = "�"
_HIDDEN = frozenset(("Cc", "Cs", "Co", "Cn"))
_NORMS = {"linf": "L∞", "l2": "L₂"}
_NAMES = {"fgsm": "FGSM", "pgd": "PGD", "cw": "C&W"}


def number(value: float | None, *, digits: int = 2) -> str:
    """A number with a true minus sign; `ABSENT` for None and NaN."""
    if value is None or value != value:  # noqa: PLR0124 - NaN is the one value that differs from itself
        return ABSENT
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def signed(value: float | None, *, digits: int = 2) -> str:
    """The same with a plus before what is above zero."""
    text = number(value, digits=digits)
    return f"+{text}" if text[0] not in f"−{ABSENT}" and float(text) > 0 else text


def span(low: float | None, high: float | None, *, digits: int = 2) -> str:
    """An interval, ``[0.10, 0.30]``; `ABSENT` where an end is missing."""
    ends = number(low, digits=digits), number(high, digits=digits)
    return ABSENT if ABSENT in ends else f"[{ends[0]}, {ends[1]}]"


def percent(share: float) -> str:
    """A share in [0, 1] in whole per cent; 0 and 100 are kept for nothing and everything."""
    rounded = round(100 * share)
    if rounded in {0, 100} and share not in {0, 1}:
        return "<1 %" if rounded == 0 else ">99 %"
    return f"{rounded} %"


def percent_span(low: float, high: float) -> str:
    """An interval of shares, ``70–97 %``; its ends are told as `percent` tells them, ``>99–100 %``."""
    return f"{percent(low).removesuffix(' %')}–{percent(high)}"


def p_value(value: float | None) -> str:
    """A p-value to three digits; `ABSENT` for None."""
    return "<0.001" if value is not None and value < 0.001 else number(value, digits=3)


def distance(value: float | None, norm: str) -> str:
    """The size of a perturbation of pixels in [0, 1]: in steps of 8-bit colour for the largest pixel, else as it is."""
    if value is None:
        return ABSENT
    return f"{255 * value:.1f}/255" if norm == "linf" else f"{value:.3g}"


def norm_name(norm: str) -> str:
    """``"L∞"`` for ``"linf"``."""
    return _NORMS.get(norm, norm)


def attack_name(name: str) -> str:
    """Attacks of ours as papers write them; others as they are called."""
    return _NAMES.get(name, name)


def eps_name(eps: str) -> str:
    """The exact text of an epsilon; in words where the smallest perturbation is sought."""
    return "smallest" if eps == "min" else eps


def printable(text: str) -> str:
    """One line without characters that cannot be seen, some of which would turn the text around them."""
    return "".join(_visible(character) for character in " ".join(text.split()))


def shorten(text: str, width: int) -> str:
    """At most `width` characters; what is left out of the middle is told by an ellipsis."""
    if len(text) <= width:
        return text
    head = (width - 1) // 2
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"


def without_common_start(names: Sequence[str]) -> list[str]:
    """Names with an ellipsis for what all begin with, up to a mark that parts them.

    Example:
        >>> without_common_start(["sample:net-a", "sample:net-b + jpeg"])
        ['…a', '…b + jpeg']
    """
    first, last, cut = min(names), max(names), 0
    while len(names) > 1 and cut < len(first) and first[cut] == last[cut]:
        cut += 1
    while cut and first[cut - 1] not in "._-/:":
        cut -= 1
    return [("…" if cut else "") + name[cut:] for name in names]


def short_names(names: Sequence[str], width: int) -> list[str]:
    """Names of layers for an axis, at most `width` characters.

    Where one is too long, what all begin with gives way to an ellipsis first, as the ends tell them apart.
    """
    long = any(len(name) > width for name in names)
    return [shorten(printable(name), width) for name in (without_common_start(names) if long else names)]


def count(n: int, noun: str) -> str:
    """``1 layer``, ``2 layers``."""
    return f"{n} {noun}{'' if n == 1 else 's'}"


def listing(parts: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)


def _visible(character: str) -> str:
    turning = "\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069"
    return _REPLACEMENT if turning or unicodedata.category(character) in _HIDDEN else character
