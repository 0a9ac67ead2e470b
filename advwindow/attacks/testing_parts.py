"""What the conformance checks work with: tiny networks, images, and photographs of state."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from advwindow.attacks.budget import Budget, Norm, make_budgets
from advwindow.attacks.door import Attack, Candidates, Problem
from advwindow.attacks.goal import Goal
from advwindow.attacks.isolation import private_randomness
from advwindow.attacks.judge import Jury, judge, judged_logits
from advwindow.attacks.oracle import Oracle
from advwindow.models import Classifier, prepare
from advwindow.streams import stream

if TYPE_CHECKING:
    from collections.abc import Sequence

CLASSES = 5
SHAPE = (3, 8, 8)
#: On the linear network the smallest fools nobody or few and the largest all or nearly all.
EPSILONS = {
    Norm.LINF: ("1/255", "4/255", "16/255"),
    Norm.L2: ("0.05", "0.2", "1"),
    Norm.L1: ("0.5", "2", "12"),
    Norm.L0: ("1", "4", "24"),
}


def demand(condition: bool | Tensor, complaint: str) -> None:  # noqa: FBT001 - reads like assert
    """Raise `AssertionError` unless the condition holds, also where Python leaves assertions out."""
    if not bool(condition):
        raise AssertionError(complaint)


class Linear(nn.Module):
    """Logits are weighted sums, one sample at a time, so that no sample's rounding depends on the others."""

    def __init__(self) -> None:
        super().__init__()
        weight = stream(0, "conformance", "weights").standard_normal((CLASSES, *SHAPE))
        self.weight = nn.Parameter(torch.from_numpy(weight.astype(np.float32)))

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``(N, CLASSES)``."""
        return ((images[:, None] - 0.5) * self.weight).flatten(2).sum(2)


def linear() -> Classifier:
    """The network on which attacks are compared: its margins have closed forms."""
    return Classifier(Linear().eval(), name="linear")


def convolutional() -> Classifier:
    """A network with what an attack can leave in another state: batch norm, dropout, parameters without gradients."""
    with private_randomness(0, "conformance"):
        layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(inplace=True),
            nn.Conv2d(8, 8, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Dropout(0.5),
            nn.Linear(128, CLASSES),
        )
    return Classifier(layers.eval(), mean=[0.5] * 3, std=[0.25] * 3, name="convolutional")


def random_images(count: int = 8) -> Tensor:
    """``(count, 3, 8, 8)`` uniform in [0, 1]."""
    drawn = stream(0, "conformance", "images").random((count, *SHAPE))
    return torch.from_numpy(drawn.astype(np.float32))


def grid_images() -> Tensor:
    """``(4, 3, 8, 8)`` with each of the 256 levels of 8 bits, 0 and 1 among them, at three places or more."""
    levels = np.resize(np.arange(256), 4 * int(np.prod(SHAPE)))
    drawn = stream(0, "conformance", "grid").permutation(levels)
    return torch.from_numpy((drawn / 255).astype(np.float32)).reshape(4, *SHAPE)


def labels_of(model: Classifier, images: Tensor) -> Tensor:
    """The network's own answers, so that every sample is worth attacking."""
    return judged_logits(model, images).argmax(1)


@dataclass(frozen=True)
class Subject:
    """An attack, and the budgets that it is examined at.

    Attributes:
        attack: what is examined.
        norm: the norm of all budgets.
        eps: epsilons as text, in ascending order; ``"min"`` last, for attacks that minimise.
        seed: of the private random streams.
    """

    attack: Attack
    norm: Norm
    eps: tuple[str, ...]
    seed: int

    @property
    def budgets(self) -> list[Budget]:
        """All budgets, in ascending order."""
        return make_budgets(self.eps, self.norm.value)

    @property
    def largest(self) -> Budget:
        """The largest epsilon."""
        return max((budget for budget in self.budgets if not budget.minimal), key=lambda budget: budget.value)

    def problem(self, model: Classifier, images: Tensor, *, shift: int = 0) -> Problem:
        """What the door would hand to the attack; with a shift, the class so much further is the target."""
        labels = labels_of(model, images)
        goal = Goal((labels + shift) % CLASSES, targeted=True) if shift else Goal(labels)
        prepared = prepare(model, images[:2])
        ids = tuple(f"image {place}" for place in range(len(images)))
        return Problem(prepared, Oracle(prepared), images.clone(), labels, goal, ids, self.seed, len(images))

    def run(self, problem: Problem, budgets: Sequence[Budget] | None = None) -> list[Candidates]:
        """Candidates at these budgets, all of them by default; raises `AssertionError` unless there is one for each."""
        asked = self.budgets if budgets is None else budgets
        found = [*self.attack(problem, asked)]
        demand(len(found) == len(asked), f"{len(found)} results for {len(asked)} budgets")
        return found

    def succeeded(self, model: Classifier, problem: Problem, found: Candidates, budget: Budget) -> Tensor:
        """``(n,)`` bool: what the judge says of candidates."""
        kappa = float(getattr(self.attack, "kappa", 0.0))
        images = found.images.to(problem.images.dtype)
        return judge(Jury(model), problem.images, images, problem.goal, budget, kappa=kappa).success


_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def state_of(problem: Problem) -> dict[str, object]:
    """Everything that an attack must leave as it was, by what it is called."""
    modules, parameters = [*problem.model.modules()], [*problem.model.parameters()]
    tensors = problem.model.state_dict().values()
    return {
        "training modes": [module.training for module in modules],
        "requires_grad of the parameters": [parameter.requires_grad for parameter in parameters],
        "gradients of the parameters": [parameter.grad is None for parameter in parameters],
        "hooks": [len(getattr(module, kind)) for module in modules for kind in _HOOKS],
        "dtype and layout of the parameters": [(tensor.dtype, tensor.stride()) for tensor in tensors],
        "parameters and buffers": [_bytes(tensor) for tensor in tensors],
        "images": (_bytes(problem.images), problem.images.requires_grad),
        "labels": _bytes(problem.labels),
        "goal": _bytes(problem.goal.classes),
        "gradient mode": torch.is_grad_enabled(),
        "default dtype": torch.get_default_dtype(),
    }


def random_state() -> dict[str, object]:
    """The global random states."""
    kind, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002 - other people's code draws from it
    assert isinstance(keys, np.ndarray)
    return {
        "torch": _bytes(torch.get_rng_state()),
        "NumPy": (kind, keys.tobytes(), *rest),
        "Python": random.getstate(),
    }


def changed(before: dict[str, object], after: dict[str, object]) -> str:
    """Names of what is not as it was, ``""`` where all is."""
    return ", ".join(name for name in before if before[name] != after[name])


def _bytes(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().numpy().tobytes()


class AccidentError(RuntimeError):
    """What a network raises here while it is attacked."""


class Accident:
    """A forward hook that lets so many passes through and stops every later one.

    Attributes:
        happened: whether it has stopped one.
    """

    def __init__(self, passes: int) -> None:
        self._left = passes
        self.happened = False

    def __call__(self, _: nn.Module, __: object) -> None:
        """Raise `AccidentError` when it is time."""
        self._left -= 1
        self.happened = self._left < 0
        if self.happened:
            raise AccidentError


def stems_from_accident(error: BaseException | None) -> bool:
    """Whether an exception is the accident, or was raised because of it."""
    while error is not None and not isinstance(error, AccidentError):
        error = error.__cause__ or error.__context__
    return error is not None
