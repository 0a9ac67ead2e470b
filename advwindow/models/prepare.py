"""A copy of a classifier that gives input gradients faster and computes the same function.

Parameters are frozen, batch normalisation with fixed statistics is folded into the convolution before it, and the
weights lie in the memory format that gives gradients faster. What a network bears is found by trying it on a few
images.
"""

from __future__ import annotations

import copy
import hashlib
import re
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from advwindow.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from advwindow.models.classifier import Classifier

PROBE_SIZE = 4
"""Images of the example that a candidate copy is tried on."""
TOLERANCE = 1e-4
"""Largest accepted difference of a logit, as a share of the largest absolute logit."""
CLEARLY = 1.3
"""How many times faster the plain memory format must be to be taken: nearly equal ones would change with every run."""


def prepare(model: Classifier, example: Tensor) -> Classifier:
    """A frozen copy in evaluation mode that gives the same logits as the original.

    A batch normalisation is folded where the tensor it receives is the very output of a convolution and both run once.
    If the folded copy's logits on the example differ by more than `TOLERANCE`, or a label differs (the convolution's
    raw output is also used elsewhere, say), nothing is folded. Of channels-last and the plain memory format the faster
    is taken, as timed once for each structure of network, image shape and device; channels-last unless the other one is
    clearly faster. Folded layers exist no more: capture activations on the original.

    Args:
        model: the original; neither it nor its hooks, modes and gradients are touched.
        example: images ``(N, C, H, W)`` in [0, 1]; the first `PROBE_SIZE` are used.

    Raises:
        UserError: the network cannot be copied.
    """
    probe = example[:PROBE_SIZE].detach()
    plain = _frozen_copy(model)
    with torch.no_grad():
        expected = _answers(plain, probe)
        contiguous = _folded(plain, probe, expected)
        channels_last = _channels_last(contiguous)
        usable = _agrees(channels_last, probe, expected)
    return channels_last if usable and not _plain_is_faster(model, contiguous, channels_last, probe) else contiguous


def in_fast_format(model: Classifier, example: Tensor) -> Classifier:
    """A frozen copy in evaluation mode with the same layers, its weights in the memory format that is faster.

    Nothing is folded, so every layer gives what the original's gives but for rounding. The original itself where it
    cannot be copied or the copy disagrees.

    Args:
        model: the original, which is not touched.
        example: images ``(N, C, H, W)`` in [0, 1]; the first `PROBE_SIZE` are used.
    """
    probe = example[:PROBE_SIZE].detach()
    try:
        plain = _frozen_copy(model)
    except UserError:
        return model
    with torch.no_grad():
        expected = _answers(plain, probe)
        candidate = _channels_last(plain)
        if not _agrees(candidate, probe, expected) or _plain_is_faster(model, plain, candidate, probe):
            return model
    return candidate


_faster_plain: dict[str, bool] = {}


def memory_formats() -> dict[str, bool]:
    """What this process found so far, by hash of structure, image shape and device: whether the plain format is taken.

    Formats differ in rounding, and a clock chose between them: keep the choices where numbers must come out the same.
    """
    return dict(_faster_plain)


def recall_memory_formats(choices: Mapping[str, bool]) -> None:
    """Take over what `memory_formats` gave in another process."""
    _faster_plain.update(choices)


def _plain_is_faster(model: Classifier, contiguous: Classifier, channels_last: Classifier, probe: Tensor) -> bool:
    described = f"{model!r}|{tuple(probe.shape[1:])}|{probe.device.type}"
    key = hashlib.sha256(re.sub(r"0x[0-9a-f]+", "", described).encode()).hexdigest()[:16]
    if key not in _faster_plain:
        _faster_plain[key] = _seconds(contiguous, probe) * CLEARLY < _seconds(channels_last, probe)
    return _faster_plain[key]


def _seconds(model: Classifier, probe: Tensor) -> float:
    """Of the fastest of three gradients, after one to warm up."""
    times = []
    for _ in range(4):
        started = time.perf_counter()
        point = probe.clone().requires_grad_()
        with torch.enable_grad():
            total = _answers(model, point).sum()
        if total.requires_grad:
            torch.autograd.grad(total, point, allow_unused=True)
        if probe.is_cuda:
            torch.cuda.synchronize(probe.device)
        times.append(time.perf_counter() - started)
    return min(times[1:])


def _folded(plain: Classifier, probe: Tensor, expected: Tensor) -> Classifier:
    pairs = _foldable(plain, probe)
    if pairs:
        candidate = copy.deepcopy(plain)
        _fold(candidate, pairs)
        if _agrees(candidate, probe, expected):
            return candidate
    return plain


def _frozen_copy(model: Classifier) -> Classifier:
    try:
        twin = copy.deepcopy(model)
    except (RuntimeError, TypeError, ValueError, AttributeError, copy.Error) as error:
        raise UserError(
            f"the network {model.name!r} cannot be copied",
            got=f"{type(error).__name__}: {error}",
            fix="keep tensors that carry gradients, open files and locks out of its attributes",
        ) from error
    return twin.eval().requires_grad_(False)


def _foldable(model: Classifier, probe: Tensor) -> list[tuple[str, str]]:
    """Names ``(convolution, batch normalisation)`` of neighbours that both run exactly once."""
    outputs: list[tuple[str, Tensor]] = []
    inputs: list[tuple[str, Tensor]] = []

    def seen(module: nn.Module, args: tuple[Any, ...], output: object) -> None:
        if isinstance(module, nn.Conv2d) and isinstance(output, Tensor):
            outputs.append((names[module], output))
        elif args:
            inputs.append((names[module], args[0]))

    names = {module: name for name, module in model.named_modules() if _is_fixed_norm(module) or _is_plain_conv(module)}
    with _hooked(list(names), seen):
        _answers(model, probe)
    calls = Counter(name for name, _ in (*outputs, *inputs))
    pairs = [(conv, norm) for conv, out in outputs for norm, given in inputs if given is out]
    fed = Counter(conv for conv, _ in pairs)
    return [(conv, norm) for conv, norm in pairs if calls[conv] == calls[norm] == fed[conv] == 1]


def _is_plain_conv(module: nn.Module) -> bool:
    """A convolution whose weight is a parameter of its own (not computed from others, as weight norm does)."""
    return isinstance(module, nn.Conv2d) and "weight" in dict(module.named_parameters(recurse=False))


def _is_fixed_norm(module: nn.Module) -> bool:
    return isinstance(module, nn.BatchNorm2d) and module.running_mean is not None and module.running_var is not None


@contextmanager
def _hooked(modules: list[nn.Module], hook: Any) -> Iterator[None]:  # noqa: ANN401 - torch types hooks as Any too
    handles = [module.register_forward_hook(hook) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _fold(model: Classifier, pairs: list[tuple[str, str]]) -> None:
    """Fold each normalisation into its convolution, in place; what it did besides (an activation) stays."""
    replaced: dict[nn.Module, nn.Module] = {}
    for conv_name, norm_name in pairs:
        conv, norm = model.get_submodule(conv_name), model.get_submodule(norm_name)
        assert isinstance(conv, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        conv.weight, conv.bias = fuse_conv_bn_weights(
            conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )
        # nothing, or timm's dropout and activation, which are applied in this order
        replaced[norm] = nn.Sequential(*norm.children()).eval()
    for name, module in list(model.named_modules(remove_duplicate=False)):
        if module in replaced:
            model.set_submodule(name, replaced[module])


def _channels_last(model: Classifier) -> Classifier:
    twin = copy.deepcopy(model)
    for parameter in twin.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return twin


def _answers(model: Classifier, probe: Tensor) -> Tensor:
    """Logits with the same draws each time, should the network draw at random."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        logits: Tensor = model(probe)
    return logits


def _agrees(candidate: Classifier, probe: Tensor, expected: Tensor) -> bool:
    try:
        logits = _answers(candidate, probe)
    except (RuntimeError, AttributeError, TypeError, UserError):  # it needs the lost layer, or a contiguous tensor
        return False
    close = bool((logits - expected).abs().max() <= TOLERANCE * expected.abs().max())
    return close and bool((logits.argmax(1) == expected.argmax(1)).all())
