"""Which modules are a network's blocks: structure from the module tree, identity of tensors from one forward pass.

Vocabulary, used by every rule below:

* A *container* only holds modules or runs them one after the other (``ModuleList``, ``Sequential`` and those of their
  subclasses that keep ``Sequential.forward``).
* A *composite* is any other module with submodules that have parameters.
* A *unit* is a composite directly inside a container, or one of several composites side by side of which at least two
  are of one class (the inception modules, which Inception-v3 keeps as attributes of the network).
* A unit is a *stage*, and is opened, if the tensor it returns is the very one that a composite in a container inside it
  returned.
* A *block* is an outermost unit that is no stage and does not hold the classifier.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

_WEIGHT_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
_PASSING = (nn.Identity, nn.Flatten, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a module: its dotted name, itself, and the tensor that stands for its output."""

    name: str
    module: nn.Module
    output: Tensor


def block_names(root: nn.Module, calls: Sequence[Call], logits: Tensor) -> list[str]:
    """Names of the blocks in the order of the module tree, or nothing where the network has fewer than two.

    A lone block (a backbone in front of a head) is opened.
    """
    classifier = _classifier(calls, logits)
    inside = classifier.name if classifier else ""
    outputs = {call.name: call.output for call in calls}
    found = list(_blocks("", root, outputs, inside))
    while len(found) == 1:
        found = list(_blocks(found[0], root.get_submodule(found[0]), outputs, inside))
    return found


def inner_names(calls: Sequence[Call], logits: Tensor) -> list[str]:
    """Names of the non-linearities before the classifier, else of the convolutions and linear layers before it."""
    classifier = _classifier(calls, logits)
    before = calls[: calls.index(classifier)] if classifier else calls
    activations = [call.name for call in before if _is_activation(call.module)]
    return activations or [call.name for call in before if isinstance(call.module, _WEIGHT_LAYERS)]


def last_representation(calls: Sequence[Call], logits: Tensor, chosen: Collection[str]) -> str | None:
    """The name of the module that answers right before the classifier, if there are both.

    Passed over are dropout, identity and flattening (the same numbers again), containers, and modules that hold a
    chosen layer (they repeat it, or one of their own children answers right before them).
    """
    classifier = _classifier(calls, logits)
    for call in reversed(calls[: calls.index(classifier)] if classifier else ()):
        holds_chosen = any(name.startswith(f"{call.name}.") for name in chosen)
        if not (isinstance(call.module, _PASSING) or _is_container(call.module) or holds_chosen):
            return call.name
    return None


def _classifier(calls: Sequence[Call], logits: Tensor) -> Call | None:
    """The last convolution or linear layer, if its output has the logits' shape, apart from sides of one pixel."""
    weighted = [call for call in calls if isinstance(call.module, _WEIGHT_LAYERS)]
    return weighted[-1] if weighted and weighted[-1].output.flatten(1).shape == logits.shape else None


def _blocks(prefix: str, parent: nn.Module, outputs: Mapping[str, Tensor], classifier: str) -> Iterator[str]:
    units = set(_units(parent))
    for short, child in parent.named_children():
        name = f"{prefix}.{short}" if prefix else short
        holds_classifier = classifier.startswith(f"{name}.")
        if child in units and name in outputs and not holds_classifier and not _is_stage(name, child, outputs):
            yield name
        else:
            yield from _blocks(name, child, outputs, classifier)


def _units(parent: nn.Module) -> list[nn.Module]:
    composites = [child for child in parent.children() if _is_composite(child)]
    kinds = Counter(type(child) for child in composites)
    return composites if _is_container(parent) or max(kinds.values(), default=0) > 1 else []


def _is_stage(name: str, module: nn.Module, outputs: Mapping[str, Tensor]) -> bool:
    """Whether the module returns what a composite in a container inside it returned."""
    inner = [
        f"{name}.{container}.{short}"
        for container, part in module.named_modules()
        if _is_container(part)
        for short, child in part.named_children()
        if _is_composite(child)
    ]
    return any(outputs.get(path) is outputs[name] for path in inner)


def _is_container(module: nn.Module) -> bool:
    return type(module).forward in {nn.Module.forward, nn.Sequential.forward}


def _is_composite(module: nn.Module) -> bool:
    return not _is_container(module) and any(True for child in module.children() for _ in child.parameters())


def _is_activation(module: nn.Module) -> bool:
    return type(module).__module__ == nn.ReLU.__module__ and not isinstance(module, nn.MultiheadAttention)
