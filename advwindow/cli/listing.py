"""``advwindow list``: what can be named."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from torch import Tensor

    from advwindow.models import Classifier

#: The costs of some attacks grow with the network's outputs; they are listed for so many.
CLASSES = 1000


class AttackRow(NamedTuple):
    """One attack, as text.

    Attributes:
        name: what a sweep file calls it.
        norms: the default first.
        access: ``"white"``, ``"score"`` or ``"decision"``.
        cost: most passes that one sample can cost at one budget.
        source: where it is published, which class it is another name for, or the library where nobody tells.
        remark: what it does or needs.
    """

    name: str
    norms: str
    access: str
    cost: str
    source: str
    remark: str


HEADER = AttackRow("ATTACK", "NORMS", "ACCESS", "COST PER SAMPLE, AT MOST", "SOURCE", "REMARK")


def listing(
    what: Annotated[Literal["models", "images", "words", "attacks", "defenses", "layers"], typer.Argument()],
    model: Annotated[str | None, typer.Argument(metavar="[MODEL]", help="Reference of a model, for layers.")] = None,
    pattern: Annotated[list[str] | None, typer.Option("--layer", help="Pattern of layer names.")] = None,
) -> None:
    """List models, images, words, attacks, defences, or the layers of a model; the default choice of layers is marked.

    An attack's cost is told in forward passes and gradients: at one budget in its first norm, with default parameters.
    """
    match what:
        case "attacks":
            lines = attack_lines()
        case "layers":
            lines = aligned(_layers(model or "sample:efficientnet-lite0", pattern or []))
        case _:
            lines = aligned(_LISTS[what]())
    for line in lines:
        typer.echo(line)


def aligned(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """One line for each row, columns below each other.

    Example:
        >>> list(aligned([("name", "norms"), ("fgsm", "linf"), ("hop-skip-jump", "l2")]))
        ['name           norms', 'fgsm           linf', 'hop-skip-jump  l2']
    """
    table = [tuple(map(str, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def attack_lines() -> Iterator[str]:
    """Our own attacks, then those of each back end, as tables with a header; a missing back end is one line."""
    from advwindow.attacks.catalog import BACK_ENDS
    from advwindow.errors import MissingExtraError

    yield from aligned([HEADER, *own_attacks()])
    for library in BACK_ENDS:
        yield ""
        try:
            rows = foreign_attacks(library)
        except MissingExtraError as error:
            yield f"{library}:NAME  {error}"
        else:
            yield from aligned([HEADER, *rows])


def own_attacks() -> list[AttackRow]:
    """Our own attacks; the remark says what they do."""
    from advwindow.attacks import NATIVE

    return [
        AttackRow(name, " ".join(info.norms), info.access, _cost(name), info.source, info.summary)
        for name, info in NATIVE.items()
    ]


def foreign_attacks(library: str) -> list[AttackRow]:
    """All attacks of a back end, raises `MissingExtraError`; the remark says what they need."""
    from advwindow.attacks.catalog import BACK_ENDS, foreign_names

    kind = BACK_ENDS[library]
    attacks = [kind(name.removeprefix(f"{library}:")) for name in foreign_names(library)]
    return [
        AttackRow(
            attack.full_name,
            " ".join(attack.norms()),
            attack.access,
            _cost(attack.full_name),
            attack.source or f"{library} itself",
            attack.remark,
        )
        for attack in attacks
    ]


def _cost(name: str) -> str:
    """E.g. ``11 fwd 10 grad``, with default parameters and in the first norm."""
    from advwindow.attacks import cost_per_sample

    cost = cost_per_sample(name, {})
    known = cost or cost_per_sample(name, {}, classes=CLASSES)
    if known is None:
        return "not known"
    kinds = {"fwd": known.forwards, "grad": known.backwards}
    passes = " ".join(f"{count:,} {kind}" for kind, count in kinds.items() if count) or "nothing"
    return passes if cost else f"{passes} at {CLASSES:,} classes"


def _models() -> Iterable[tuple[str, ...]]:
    from advwindow.models import model_refs

    return model_refs()


def _images() -> Iterable[tuple[str, ...]]:
    from advwindow.data import image_refs

    return image_refs()


def _words() -> Iterable[tuple[str, ...]]:
    from advwindow.words import word_refs

    return word_refs()


def _defenses() -> Iterable[tuple[str, ...]]:
    from advwindow.defenses import defense_refs

    return defense_refs()


def _layers(reference: str, patterns: list[str]) -> Iterable[tuple[str, ...]]:
    from advwindow.models import default_layers, load_model, select_layers, trace_layers

    model = load_model(reference)
    example = _example(model)
    chosen = set(select_layers(model, example, patterns) if patterns else default_layers(model, example))
    for layer in trace_layers(model, example):
        shape = "x".join(map(str, layer.shape))
        yield "*" if layer.name in chosen else " ", layer.name, layer.kind, shape


def _example(model: Classifier) -> Tensor:
    """Grey images of a shape the network takes: its own size, or else one of the usual ones."""
    import torch

    from advwindow.errors import UserError

    sizes = [model.input_size] if model.input_size else [(224, 224), (32, 32), (28, 28)]
    for channels, (height, width) in itertools.product((3, 1), sizes):
        example = torch.full((2, channels, height, width), 0.5, device=model.device)
        with contextlib.suppress(RuntimeError), torch.inference_mode():
            model.eval()(example)
            return example
    raise UserError(f"the network {model.name} takes none of the usual images", fix="give it an input_size")


_LISTS: dict[str, Callable[[], Iterable[tuple[str, ...]]]] = {
    "models": _models,
    "images": _images,
    "words": _words,
    "defenses": _defenses,
}
