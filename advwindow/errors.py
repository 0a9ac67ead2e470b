"""Errors that a user can mend; everything else is a bug and shows its traceback.

::

    UserError (exit code 2)
    ├── MissingExtraError   an optional package is not installed
    └── IncompleteError     (exit code 3) some cells failed or are missing
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable


_MAX_SHOWN = 20


class UserError(Exception):
    """Something the user can mend, told in one line: what, got, expected, fix.

    Args:
        what: the problem, as a sentence without its full stop.
        got: the offending value.
        expected: what would have been accepted.
        fix: what to do about it.

    Example:
        >>> print(UserError("epsilon is no number", got="8/x", expected="a fraction or a decimal", fix="write 8/255"))
        epsilon is no number: got '8/x'; expected a fraction or a decimal. Fix: write 8/255.
    """

    exit_code: ClassVar[int] = 2

    def __init__(self, what: str, *, got: object = None, expected: str = "", fix: str = "") -> None:
        shown = f"got {got!r}" if isinstance(got, str) else f"got {got}" if got is not None else ""
        details = "; ".join(part for part in (shown, f"expected {expected}" if expected else "") if part)
        text = (f"{what}: {details}" if details else what).rstrip(".") + "."
        super().__init__(" ".join(f"{text} Fix: {fix}.".split()) if fix else " ".join(text.split()))


class MissingExtraError(UserError):
    """An optional package is needed and not installed.

    Args:
        purpose: what needs it.
        package: its name in the package index.
        extra: the extra of advwindow that brings it; empty if none does.
    """

    def __init__(self, purpose: str, *, package: str, extra: str = "") -> None:
        wanted = f"'advwindow[{extra}]'" if extra else package
        super().__init__(f"{purpose} needs the package {package}", fix=f"pip install {wanted}")


class IncompleteError(UserError):
    """A run has failed or missing cells, so there is no answer yet."""

    exit_code = 3


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The fix for an unknown name: near matches first, then the list, shortened where it is long.

    Example:
        >>> did_you_mean("pdg", ["fgsm", "pgd"])
        'did you mean pgd? Known: fgsm, pgd'
    """
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    shown = names if len(names) <= _MAX_SHOWN else [*names[:_MAX_SHOWN], f"... ({len(names)} in all)"]
    return f"{hint}Known: {', '.join(shown)}"
