"""The policy file: TOML, checked before any run is read."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from advwindow.errors import UserError, did_you_mean
from advwindow.gates.policy import KINDS, Policy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def read_policy(path: Path) -> Policy:
    """The policy in a file.

    Raises:
        UserError: no such file, no TOML, or no policy.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        got, fix = error.strerror or str(error), "name the TOML file that holds the gates, as in docs/gates.md"
        raise UserError(f"cannot read the policy {path}", got=got, fix=fix) from error
    except ValueError as error:
        raise UserError(f"{path} is no policy", got=str(error), expected="TOML in UTF-8") from error
    return make_policy(text, source=str(path))


def make_policy(text: str, *, source: str = "the policy") -> Policy:
    """The policy that a text in TOML says.

    Args:
        text: of the file.
        source: what it is called in errors.

    Raises:
        UserError: no TOML, an unknown table or key, a value that no gate takes, or no gate at all.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{source} is no policy", got=str(error), expected="TOML") from error
    for kind in KINDS:
        if isinstance(content.get(kind), dict):
            raise UserError(f"{source} has a table where it needs a list", got=f"[{kind}]", fix=f"write [[{kind}]]")
    try:
        policy = Policy.model_validate(content)
    except ValidationError as error:
        raise _first_error(error, source) from error
    if not policy.gates():
        raise UserError(f"{source} has no gate", expected=f"one of {', '.join(f'[[{kind}]]' for kind in KINDS)}")
    return policy


def _first_error(error: ValidationError, source: str) -> UserError:
    first = error.errors()[0]
    place: Sequence[Any] = first["loc"]
    if first["type"] == "extra_forbidden":
        known = KINDS if len(place) == 1 else KINDS[place[0]].model_fields
        fix = did_you_mean(str(place[-1]), known)
        return UserError(f"{source} has an unknown {_unknown(place)}", got=str(place[-1]), fix=fix)
    if first["type"] == "missing":
        return UserError(f"{source}: {_where(place[:-1])} lacks a key", expected=str(place[-1]))
    if first["type"] == "value_error":
        return UserError(f"{source}: {_where(place)}: {first['ctx']['error']}")
    return UserError(f"{source}: {_where(place)} is not usable", got=str(first["input"])[:80], expected=first["msg"])


def _unknown(place: Sequence[Any]) -> str:
    return "kind of gate" if len(place) == 1 else f"key in {_where(place[:-1])}"


def _where(place: Sequence[Any]) -> str:
    """``[[retention]] no. 2: at_least``."""
    kind, *rest = place
    if not rest:
        return str(kind)
    number, *keys = rest
    told = f"[[{kind}]] no. {number + 1}"
    return f"{told}: {keys[0]}" if keys else told
