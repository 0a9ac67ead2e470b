"""``advwindow list``: what can be named."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from torch import Tensor

    from advwindow.models import Classifier


def listing(
    what: Annotated[Literal["models", "images", "words", "attacks", "layers"], typer.Argument()],
    model: Annotated[str | None, typer.Argument(metavar="[MODEL]", help="Reference of a model, for layers.")] = None,
    pattern: Annotated[list[str] | None, typer.Option("--layer", help="Pattern of layer names.")] = None,
) -> None:
    """List models, images, words, attacks, or the layers of a model; the default choice of layers is marked."""
    rows = _layers(model or "sample:efficientnet-lite0", pattern or []) if what == "layers" else _LISTS[what]()
    table = [tuple(map(str, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _models() -> Iterable[tuple[str, ...]]:
    from advwindow.models import model_refs

    return model_refs()


def _images() -> Iterable[tuple[str, ...]]:
    from advwindow.data import image_refs

    return image_refs()


def _words() -> Iterable[tuple[str, ...]]:
    from advwindow.words import word_refs

    return word_refs()


def _attacks() -> Iterable[tuple[str, ...]]:
    from advwindow.attacks import NATIVE, foreign_names
    from advwindow.errors import MissingExtraError

    for name, info in NATIVE.items():
        yield name, " ".join(info.norms), info.summary, info.source
    for library in ("torchattacks", "foolbox"):
        try:
            names = foreign_names(library)
        except MissingExtraError as error:
            yield f"{library}:NAME", "", str(error), ""
        else:
            yield from ((name, "", f"of the library {library}", "") for name in names)


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
    "attacks": _attacks,
}
