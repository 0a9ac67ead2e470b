"""Layers by name: which a network has, in the order they answer, and which to look at."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from advwindow.errors import UserError
from advwindow.models.blocks import Call, block_names, inner_names, last_representation
from advwindow.models.classifier import evaluating

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advwindow.models.classifier import Classifier


@dataclass(frozen=True)
class LayerInfo:
    """One layer of a traced network.

    Attributes:
        name: dotted path of the module, relative to `Classifier.module`.
        kind: class name of the module.
        shape: shape of its output for one image, at its first call.
        calls: how often it runs for one batch; a module that is used again is one layer with several calls.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    calls: int


def first_tensor(output: object) -> Tensor | None:
    """The tensor that stands for a module's output: itself, or the first element of a tuple, list or mapping.

    Returns:
        ``None`` where the output (or that first element) is no floating-point tensor.
    """
    if isinstance(output, Mapping):
        output = next(iter(output.values()), None)
    elif isinstance(output, (tuple, list)):
        output = output[0] if output else None
    return output if isinstance(output, Tensor) and output.is_floating_point() else None


def trace_layers(model: Classifier, example: Tensor) -> tuple[LayerInfo, ...]:
    """Every module that answers with one activation per image, in the order of their first answers.

    A module is left out if it never runs as a module, if `first_tensor` finds nothing in its output, or if the first
    dimension of that tensor is not the batch (a position embedding, say). The network itself, whose outputs are the
    logits, is left out too.

    Args:
        model: the network; its modes and hooks are as before afterwards.
        example: images ``(N, C, H, W)`` in [0, 1]; two are used.
    """
    calls, _ = _record(model, example)
    count = Counter(call.name for call in calls)
    first = {call.name: call for call in reversed(calls)}
    ordered = sorted(first.values(), key=calls.index)
    return tuple(
        LayerInfo(call.name, type(call.module).__name__, tuple(call.output.shape[1:]), count[call.name])
        for call in ordered
    )


def default_layers(model: Classifier, example: Tensor) -> tuple[str, ...]:
    """The layers to look at when nobody says which: every block's output, and the last representation.

    * Networks of blocks (residual, inverted residual, transformer, inception ...): the output of each block,
      see `advwindow.models.blocks.block_names`.
    * Plain chains (VGG, a small multi-layer perceptron or convolutional network): the output of each non-linearity
      or, where these are plain functions inside ``forward``, of each convolution and linear layer.
    * In both cases also the last representation before the classifier, see
      `advwindow.models.blocks.last_representation`: global pooling, a transformer's final norm.

    Returns:
        Names as in `trace_layers`, in the same order.

    Raises:
        UserError: the network has no inner layer.
    """
    calls, logits = _record(model, example)
    chosen = set(block_names(model.module, calls, logits) or inner_names(calls, logits))
    last = last_representation(calls, logits, chosen)
    chosen |= {last} if last else set()
    if not chosen:
        raise UserError(f"the network {model.name!r} has no inner layer", fix="study a network with hidden layers")
    return tuple(dict.fromkeys(call.name for call in calls if call.name in chosen))


def select_layers(model: Classifier, example: Tensor, patterns: Sequence[str]) -> tuple[str, ...]:
    """The layers whose names match any of the patterns.

    Args:
        model: the network.
        example: images ``(N, C, H, W)`` in [0, 1].
        patterns: exact names or shell wildcards (``*``, ``?``, ``[...]``; upper and lower case differ), e.g.
            ``"_blocks.*"``; a ``*`` crosses dots.

    Returns:
        Names in the order of `trace_layers`, each once.

    Raises:
        UserError: a pattern matches no layer.
    """
    names = [layer.name for layer in trace_layers(model, example)]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            near = difflib.get_close_matches(pattern, names, n=5, cutoff=0.3) or names[-5:]
            raise UserError(
                f"no layer of {model.name!r} matches",
                got=pattern,
                fix=f"near names: {', '.join(near)}; `advwindow list layers` shows all {len(names)}",
            )
    return tuple(name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns))


def _record(model: Classifier, example: Tensor) -> tuple[list[Call], Tensor]:
    """All calls of modules inside the network, in the order they return, and the logits."""
    pair = example[:2] if len(example) > 1 else example.repeat(2, *[1] * (example.ndim - 1))  # tells batch from 1
    calls: list[Call] = []
    names = {module: name for name, module in model.module.named_modules() if name}

    def returned(module: nn.Module, _: tuple[Any, ...], output: object) -> None:
        tensor = first_tensor(output)
        if tensor is not None and tensor.ndim > 1 and len(tensor) == len(pair):
            calls.append(Call(names[module], module, tensor))

    handles = [module.register_forward_hook(returned) for module in names]
    try:
        with evaluating(model), torch.no_grad():
            logits = model(pair)
    finally:
        for handle in handles:
            handle.remove()
    return calls, logits
