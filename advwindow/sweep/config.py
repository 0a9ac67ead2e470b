"""The sweep file: what to study, as TOML, checked before anything runs."""

from __future__ import annotations

import copy
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from advwindow.attacks import MINIMAL, NATIVE, check_budget, complete_parameters, default_norm, make_budgets
from advwindow.errors import UserError, did_you_mean
from advwindow.runs import Access, Scalar
from advwindow.sweep.targets import check_target
from advwindow.window import CORRECTIONS, POOLINGS, TIES

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

#: Published protocols that can be run by name.
PROTOCOLS = ("words-as-a-window",)


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AttackEntry(_Strict):
    """One ``[[attack]]`` of a sweep file.

    Attributes:
        name: ``"pgd"``, ``"torchattacks:PGD"``, ...
        eps: epsilons, as text; left out for the smallest perturbation.
        norm: left out for the attack's own.
        target: rules of `advwindow.sweep.targets`, one or several; left out for untargeted.
        access: ``"adaptive"`` (made on the defended model), ``"oblivious"`` (made on the model without its defence), or
            both; models without a defence are attacked adaptively only.
        draws: passes averaged for every gradient of a model that draws at random; left out for the defence's own.
        parameters: the attack's own parameters; in the file they stand beside the name.
    """

    name: str
    eps: tuple[str, ...] = (MINIMAL,)
    norm: str = ""
    target: tuple[str, ...] = ("",)
    access: tuple[Access, ...] = ("adaptive",)
    draws: int | None = Field(default=None, ge=1)
    parameters: dict[str, Scalar] = Field(default_factory=dict)

    @field_validator("eps", "target", "access", mode="before")
    @classmethod
    def _as_texts(cls, value: object) -> object:
        values = value if isinstance(value, list | tuple) else [value]
        return tuple(dict.fromkeys(str(each).strip() for each in values))

    @field_validator("target")
    @classmethod
    def _known_targets(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(check_target(rule) for rule in value)

    def resolved(self) -> AttackEntry:
        """The same with its norm and every default filled in; raises `UserError` for whatever would fail later."""
        norm = self.norm or default_norm(self.name, self.parameters)
        for budget in make_budgets(list(self.eps), norm):
            check_budget(self.name, self.parameters, budget)
        parameters = complete_parameters(self.name, self.parameters)
        return self.model_copy(update={"norm": norm, "parameters": parameters})


class WindowSettings(_Strict):
    """The ``[window]`` of a sweep file; see `advwindow.Window`."""

    layers: tuple[str, ...] = ()
    pooling: str = "mean"
    similarity: Literal["pearson", "cosine"] = "pearson"
    measure: Literal["pearson", "spearman"] = "pearson"
    permutations: int = Field(default=2000, ge=99)
    folds: int | None = Field(default=None, ge=1)
    ties: str = "half"
    image_sets: bool = False
    correction: str = "max-t"

    @field_validator("pooling", "ties", "correction")
    @classmethod
    def _known(cls, value: str, info: ValidationInfo) -> str:
        choices: dict[str, Collection[str]] = {"pooling": POOLINGS, "ties": TIES, "correction": CORRECTIONS}
        known = choices[str(info.field_name)]
        if value not in known:
            raise UserError(f"unknown {info.field_name}", got=value, fix=did_you_mean(value, known))
        return value


class Sweep(_Strict):
    """Everything that decides what is computed.

    Attributes:
        name: begins the name of the run's folder.
        models: references.
        images: references.
        defenses: references of what protects the models, each model with each; empty text for nothing.
        words: references of word spaces, all of which every cell looks through; the verdicts are about the first.
        attack: what to attack with, each at its epsilons.
        seeds: one set of cells for each.
        window: how layers are compared with words.
    """

    name: str = Field(default="sweep", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    models: tuple[str, ...] = Field(default=("sample:efficientnet-lite0",), min_length=1)
    images: tuple[str, ...] = Field(default=("sample:imagenet",), min_length=1)
    defenses: tuple[str, ...] = Field(default=("",), min_length=1)
    words: tuple[str, ...] = Field(default=("glove-6b-50d",), min_length=1)
    attack: tuple[AttackEntry, ...] = Field(min_length=1)
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    window: WindowSettings = WindowSettings()


def embedded(name: str) -> Path:
    """The sweep file of this name that comes with the package: ``"quick"``, ``"bench"`` or one of `PROTOCOLS`."""
    return Path(__file__).parent / f"{name}.toml"


def read_toml(path: Path) -> dict[str, Any]:
    """The plain values of a sweep file.

    Raises:
        UserError: no such file, or no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read the sweep file {path}", got=error.strerror or str(error)) from error
    except ValueError as error:
        raise UserError(f"{path} is no sweep file", got=str(error), expected="TOML") from error


def change_attacks(
    content: dict[str, Any], *, names: Sequence[str] = (), eps: Sequence[str] = (), norm: str = ""
) -> None:
    """Replace the attacks of a sweep's plain values, or their epsilons and norm, in place.

    Args:
        content: what `read_toml` gave.
        names: attacks instead of those in the file; none keeps them.
        eps: epsilons of all attacks that work at a fixed size; none keeps them.
        norm: norm of all attacks; empty keeps theirs.
    """
    if names:
        content["attack"] = [{"name": name} for name in names]
    entries = content.get("attack", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) and "name" in entry for entry in entries):
        raise UserError(
            "the sweep's attacks are not usable", got=str(entries)[:80], expected="[[attack]] tables with a name"
        )
    sized = [entry for entry in entries if entry["name"] not in NATIVE or not NATIVE[entry["name"]].minimal]
    norms = {entry.get("norm", "") for entry in sized}
    if eps and not norm and len(norms) > 1:
        raise UserError(
            "the sweep attacks in several norms, and these epsilons fit only one", fix="add --attack or --norm"
        )
    for entry in sized if eps else ():
        entry["eps"] = list(eps)
    for entry in entries if norm else ():
        entry["norm"] = norm


def split_parts(content: dict[str, Any], *, overrides: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The plain values of each ``[[part]]`` of a sweep file, with what stands before the parts as their default.

    A file without parts is its own only part. Parts are studies that share a run: other models with other images.

    Args:
        content: what `read_toml` gave.
        overrides: ``key=value``, for every part.

    Raises:
        UserError: parts that are no tables, or an override that cannot be read.
    """
    changes = [_parse_override(text) for text in overrides]
    parts = _parts(content)
    for part in parts:
        for change in changes:
            _merge(part, change)
    return parts


def _parts(content: dict[str, Any]) -> list[dict[str, Any]]:
    parts = content.get("part")
    if parts is None:
        return [content]
    if not isinstance(parts, list) or not parts or not all(isinstance(part, dict) for part in parts):
        raise UserError("the sweep's parts are not usable", got=str(parts)[:80], expected="[[part]] tables")
    shared = {key: value for key, value in content.items() if key != "part"}
    merged = [copy.deepcopy(shared) for _ in parts]
    for whole, part in zip(merged, parts, strict=True):
        _merge(whole, part)
    return merged


def make_sweep(content: dict[str, Any], *, source: str = "the sweep") -> Sweep:
    """A sweep from plain values, checked down to every epsilon and parameter."""
    entries = content.get("attack", [])
    content = {**content, "attack": [_gather(entry) for entry in entries] if isinstance(entries, list) else entries}
    try:
        sweep = Sweep.model_validate(content)
    except ValidationError as error:
        raise _first_error(error, source) from error
    resolved = tuple(entry.resolved() for entry in sweep.attack)
    return sweep.model_copy(update={"attack": resolved})


def sweep_toml(*sweeps: Sweep) -> str:
    """The sweeps as a file that gives the same ones again: one as it is, several as parts."""
    contents = [_plain(sweep) for sweep in sweeps]
    if len(contents) == 1:
        return tomli_w.dumps(contents[0])
    parts = [{key: value for key, value in content.items() if key != "name"} for content in contents]
    return tomli_w.dumps({"name": sweeps[0].name, "part": parts})


def _plain(sweep: Sweep) -> dict[str, Any]:
    content = sweep.model_dump(mode="json", exclude={"attack"}, exclude_none=True)
    content["attack"] = [
        entry.model_dump(mode="json", exclude={"parameters"}, exclude_defaults=True)
        | {key: value for key, value in entry.parameters.items() if value is not None}
        for entry in sweep.attack
    ]
    return content


def _gather(entry: object) -> object:
    """Parameters stand beside the name in the file; here they move into a table of their own."""
    if not isinstance(entry, dict):
        return entry
    own = {"name", "eps", "norm", "target", "access", "draws"}
    return {
        **{key: value for key, value in entry.items() if key in own},
        "parameters": {key: value for key, value in entry.items() if key not in own},
    }


def _parse_override(text: str) -> dict[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise UserError("an override needs a value", got=text, expected="key=value", fix="e.g. -S window.pooling=max")
    for candidate in (text, f"{key} = {tomli_w.dumps({'v': value.strip()})[4:]}"):
        try:
            return tomllib.loads(candidate)
        except tomllib.TOMLDecodeError:
            continue
    raise UserError("cannot read the override", got=text, expected="key=value as in TOML")


def _merge(content: dict[str, Any], change: dict[str, Any]) -> None:
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(content.get(key), dict):
            _merge(content[key], value)
        else:
            content[key] = value


def _first_error(error: ValidationError, source: str) -> UserError:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = [*Sweep.model_fields, *WindowSettings.model_fields]
        return UserError(f"{source} has an unknown key", got=place, fix=did_you_mean(str(first["loc"][-1]), known))
    return UserError(f"{source}: {place} is not usable", got=str(first.get("input"))[:80], expected=first["msg"])
