"""What every layer says: pooled activations, taken by forward hooks that never stay behind.

Maps are read as ``(N, C, H, W)``, or as ``(N, H, W, C)`` where a network (Swin, say) keeps its channels last, see
`_channels_last`. Poolings over positions need to know; what cannot be known is an error, never a guess.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from advwindow.errors import UserError, did_you_mean
from advwindow.models.classifier import evaluating
from advwindow.models.layers import first_tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from advwindow.models.classifier import Classifier


def capture(model: Classifier, images: Tensor, layers: Sequence[str], *, pooling: str = "mean") -> dict[str, Tensor]:
    """Pooled activations of one batch, from one forward pass without gradients, in evaluation mode.

    Args:
        model: the network; its training flags are left as found.
        images: ``(N, C, H, W)`` in [0, 1]; moved to the model's device.
        layers: names of submodules of ``model.module``.
        pooling: a key of `POOLINGS`.

    Returns:
        layer to ``(N, d)``, float32 on the CPU, in the order of `layers`; the calls of a module that is called several
        times are ``layer``, ``layer#2``, ``layer#3``, ...

    Raises:
        UserError: unknown pooling or layer, or a layer that is never called, returns no tensor (or one not first), does
            not keep the batch in its first dimension, does not suit the pooling, whose channels cannot be told from its
            positions, or whose activations are not finite.
    """
    return capture_with_logits(model, images, layers, pooling=pooling)[0]


def capture_with_logits(
    model: Classifier, images: Tensor, layers: Sequence[str], *, pooling: str = "mean"
) -> tuple[dict[str, Tensor], Tensor]:
    """As `capture`, with the logits ``(N, K)`` of the same pass, float32 on the CPU."""
    with torch.no_grad(), evaluating(model), recording(model.module, layers, pooling=pooling) as calls:
        logits = model(images.to(model.device))
    for layer, pooled in calls.items():
        _check(layer, pooled, len(images))
    chosen = {layer: pooled.cpu() for layer, pooled in _ordered(calls, layers).items()}
    return chosen, logits.float().cpu()


@contextmanager
def recording(module: nn.Module, layers: Sequence[str], *, pooling: str = "mean") -> Iterator[dict[str, Tensor]]:
    """Record the pooled output of every call of these layers while the context is open.

    Pooling happens inside the hook and always copies, so what later layers do in place cannot reach the record. The
    hooks are removed on the way out, also after an exception.

    Args:
        module: the module whose submodules are named.
        layers: as for `capture`.
        pooling: a key of `POOLINGS`.

    Yields:
        ``layer``, ``layer#2``, ... to the pooled output ``(N, d)``, float32 on its own device; forward passes fill it.

    Raises:
        UserError: unknown pooling or layer.
    """
    if pooling not in POOLINGS:
        raise UserError("unknown pooling", got=pooling, fix=did_you_mean(pooling, POOLINGS))
    modules = dict(module.named_modules(remove_duplicate=False))
    calls: dict[str, Tensor] = {}
    seen: Counter[str] = Counter()
    scene = _Scene(any(isinstance(part, _LAST_NORMS) for part in modules.values()))

    def hook_for(name: str) -> Callable[[nn.Module, object, object], None]:
        def hook(module: nn.Module, _inputs: object, output: object) -> None:
            seen[name] += 1
            label = name if seen[name] == 1 else f"{name}#{seen[name]}"
            calls[label] = _pooled(label, output, pooling, lambda maps: _channels_last(label, module, maps, scene))

        return hook

    with ExitStack() as hooks:
        hooks.callback(module.register_forward_pre_hook(scene.look).remove)
        for part in module.modules():
            if isinstance(part, nn.Linear):
                hooks.callback(part.register_forward_hook(scene.listen).remove)
        for name in dict.fromkeys(layers):
            if name not in modules or not name:
                raise UserError(
                    "the network has no such layer", got=name, fix=did_you_mean(name, filter(None, modules))
                )
            hooks.callback(modules[name].register_forward_hook(hook_for(name)).remove)
        yield calls


def _ordered(calls: Mapping[str, Tensor], layers: Sequence[str]) -> dict[str, Tensor]:
    chosen: dict[str, Tensor] = {}
    for layer in layers:
        names = [name for name in calls if name.partition("#")[0] == layer]
        if not names:
            fix = "leave it out; the forward pass of this network does not use it"
            raise UserError("the layer is never called", got=layer, fix=fix)
        chosen |= {name: calls[name] for name in names}
    return chosen


def _check(layer: str, pooled: Tensor, images: int) -> None:
    if len(pooled) != images:
        raise UserError(
            f"layer {layer!r} does not keep one row per image",
            got=f"{len(pooled)} rows for {images} images",
            fix="choose a layer whose first dimension is the batch",
        )
    bad = int((~torch.isfinite(pooled)).sum())
    if bad:
        fix = "check the weights and the range of the images, or leave the layer out"
        raise UserError(f"activations of layer {layer!r} are not finite", got=f"{bad} NaN or infinite values", fix=fix)


def _pooled(layer: str, output: object, pooling: str, channels_last: Callable[[Tensor], bool]) -> Tensor:
    tensor = first_tensor(output)
    if tensor is None or tensor.dim() == 0:
        raise UserError(
            f"layer {layer!r} returns no activations", got=type(output).__name__, fix="choose another layer"
        )
    if tensor.dim() <= 2:
        return tensor.to(torch.float32, copy=True).reshape(len(tensor), -1)
    if tensor.dim() == 4 and pooling in _POSITIONAL and channels_last(tensor):
        tensor = tensor.movedim(-1, 1)
    return POOLINGS[pooling](tensor.float(), layer)


@dataclass
class _Scene:
    """What a network and its forward pass tell of the layout of maps.

    Attributes:
        last: whether anything in the network works on the last dimension of maps.
        size: ``(H, W)`` of the images; square until seen.
    """

    last: bool
    size: tuple[int, int] = (1, 1)

    def look(self, _module: nn.Module, inputs: tuple[object, ...]) -> None:
        if inputs and isinstance(inputs[0], Tensor) and inputs[0].dim() == 4:
            self.size = inputs[0].shape[2], inputs[0].shape[3]

    def listen(self, _module: nn.Module, _inputs: object, output: object) -> None:
        self.last |= isinstance(output, Tensor) and output.dim() == 4


def _channels_last(layer: str, module: nn.Module, maps: Tensor, scene: _Scene) -> bool:
    """Whether ``(N, a, b, c)`` is ``(N, H, W, C)``.

    The first of these rules that decides:

    1. Where nothing in the network works on a last dimension (no norm over it, no linear layer on maps), channels come
       first. So it is in every purely convolutional network.
    2. Convolutions, their norms and two-dimensional poolings give channels first; linear layers and
       `torch.nn.LayerNorm` itself, channels last.
    3. Positions have the images' proportions: of square images, maps ``(c, h, h)`` or ``(h, h, c)``.
    4. The order in memory: what lies there in the other order was permuted from it.
    5. The module's weights have as many rows as it has channels; a module with convolutions and without norms or linear
       layers over the last dimension gives channels first.
    """
    if not scene.last or isinstance(module, _FIRST):
        return False
    if isinstance(module, nn.Linear) or type(module) in _LAST_NORMS:
        return True
    shape = tuple(maps.shape[1:])
    for first, last in (_by_proportions(shape, scene.size), _by_memory(maps), _by_weights(shape, module)):
        if first != last:
            return last
    raise UserError(
        f"channels and positions of layer {layer!r} cannot be told apart",
        got=f"shape {tuple(maps.shape)}",
        fix="use pooling 'flatten', leave the layer out, or give images of another size",
    )


def _by_proportions(shape: tuple[int, ...], size: tuple[int, int]) -> tuple[bool, bool]:
    def fits(height: int, width: int) -> bool:
        # strides round each side by less than a position
        return height == width if size[0] == size[1] else abs(height * size[1] - width * size[0]) < max(size)

    return fits(*shape[1:]), fits(*shape[:2])


def _by_memory(maps: Tensor) -> tuple[bool, bool]:
    a, b, c = maps.stride()[1:]
    return a < c < b, b < a < c


def _by_weights(shape: tuple[int, ...], module: nn.Module) -> tuple[bool, bool]:
    rows = {len(weight) for weight in module.parameters() if weight.dim()}
    first, last = shape[0] in rows, shape[2] in rows
    kinds = list(module.modules())
    convolutional = any(isinstance(part, nn.Conv2d) for part in kinds)
    mixed = any(isinstance(part, (nn.Linear, *_LAST_NORMS)) for part in kinds)
    return (True, False) if first == last and convolutional and not mixed else (first, last)


def _positions(tensor: Tensor) -> Tensor:
    """``(N, d, positions)`` of maps ``(N, d, ...)`` or of tokens ``(N, T, d)``."""
    return tensor.transpose(1, 2) if tensor.dim() == 3 else tensor.flatten(2)


def _mean(tensor: Tensor, _layer: str) -> Tensor:
    return _positions(tensor).mean(2)


def _max(tensor: Tensor, _layer: str) -> Tensor:
    return _positions(tensor).amax(2)


def _cls(tensor: Tensor, layer: str) -> Tensor:
    if tensor.dim() != 3:
        raise _misfit(layer, tensor, "cls", "tokens (N, T, D)")
    return tensor[:, 0].clone()


def _grid2(tensor: Tensor, layer: str) -> Tensor:
    if tensor.dim() != 4:
        raise _misfit(layer, tensor, "grid2", "maps (N, C, H, W)")
    return torch.nn.functional.adaptive_avg_pool2d(tensor, 2).flatten(1)


def _flatten(tensor: Tensor, _layer: str) -> Tensor:
    return tensor.flatten(1).clone()


def _misfit(layer: str, tensor: Tensor, pooling: str, expected: str) -> UserError:
    what = f"pooling {pooling!r} does not suit layer {layer!r}"
    return UserError(
        what, got=f"shape {tuple(tensor.shape)}", expected=expected, fix="use pooling 'mean' or another layer"
    )


_LAST_NORMS = (nn.LayerNorm, nn.RMSNorm)
_FIRST = (
    nn.Conv2d,
    nn.ConvTranspose2d,
    nn.BatchNorm2d,
    nn.InstanceNorm2d,
    nn.GroupNorm,
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool2d,
)
_POSITIONAL = frozenset({"mean", "max", "grid2"})

#: How ``(N, C, H, W)`` maps and ``(N, T, D)`` tokens become ``(N, d)``; outputs of two dimensions stay as they are.
POOLINGS: dict[str, Callable[[Tensor, str], Tensor]] = {
    "mean": _mean,
    "max": _max,
    "cls": _cls,
    "grid2": _grid2,
    "flatten": _flatten,
}
