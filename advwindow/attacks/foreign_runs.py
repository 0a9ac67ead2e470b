"""How attacks of other libraries are run: in batches of a fixed size, counted, quiet, with private randomness.

Of a fixed size because they stop and draw by batch, so that another size would give other results.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import logging
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from advwindow.attacks.ball import Ball
from advwindow.attacks.door import Candidates, Problem
from advwindow.attacks.foreign_facts import NOT_ATTACKS
from advwindow.attacks.isolation import private_randomness
from advwindow.errors import MissingExtraError, UserError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from advwindow.attacks.budget import Budget


#: Images that a library gets at once, whatever the device and the batch size asked for.
BATCH = 16

#: Where each library keeps its attacks, and the class that all of them extend.
_MODULES = {"torchattacks": "torchattacks", "foolbox": "foolbox.attacks"}
_BASES = {"torchattacks": "torchattacks.attack", "foolbox": "foolbox.attacks.base"}


class Metered(nn.Module):
    """A network that counts the rows it is asked for, forward and backward."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.forwards = 0
        self.backwards = 0
        self.train(model.training)

    def forward(self, images: Tensor) -> Tensor:
        """The network's own answer."""
        self.forwards += len(images)
        logits = self.model(_CountBackward.apply(images, self))  # type: ignore[no-untyped-call] # torch types it so
        assert isinstance(logits, Tensor)
        return logits


class _CountBackward(torch.autograd.Function):
    """Identity; counts backward passes and hands the gradient on in the plain memory format that `view` needs."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, meter: Metered) -> Tensor:  # noqa: ANN401 - torch's own context
        ctx.meter = meter
        return images.view_as(images)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401 - as above
        ctx.meter.backwards += len(gradients[0])
        return gradients[0].contiguous(), None


class Batch(NamedTuple):
    """What a library is asked to attack at once.

    Attributes:
        model: counts what it is asked.
        images: ``(n, C, H, W)``, n at most `BATCH`.
        labels: ``(n,)`` true classes.
        target: ``(n,)`` classes to reach, or None.
        budget: what may be spent.
    """

    model: Metered
    images: Tensor
    labels: Tensor
    target: Tensor | None
    budget: Budget


def run_in_batches(
    problem: Problem, budget: Budget, name: str, perturb: Callable[[Batch], Tensor], *, needs: str
) -> Candidates:
    """Candidates of a library's attack at one budget, cut to its ball so that its rounding errors cost no success.

    Raises:
        UserError: the library gave up; tells what the attack `needs`.
    """
    metered = Metered(problem.model)
    found, forwards, backwards = [], [], []
    for start in range(0, len(problem.images), BATCH):
        span = slice(start, start + BATCH)
        images = problem.images[span].contiguous()
        target = problem.goal.classes[span] if problem.goal.targeted else None
        metered.forwards = metered.backwards = 0
        batch = Batch(metered, images.clone(), problem.labels[span], target, budget)
        with private_randomness(problem.seed, name, *problem.ids[span]), _quiet():
            candidates = _tried(name, perturb, batch, needs).detach()
        found.append(_fitted(images, candidates, budget))
        forwards += [-(-metered.forwards // len(images))] * len(images)
        backwards += [-(-metered.backwards // len(images))] * len(images)
    return Candidates.unreported(
        torch.cat([problem.images[:0], *found]),
        forwards=torch.tensor(forwards, dtype=torch.int64),
        backwards=torch.tensor(backwards, dtype=torch.int64),
    )


def _tried(name: str, perturb: Callable[[Batch], Tensor], batch: Batch, needs: str) -> Tensor:
    try:
        return perturb(batch)
    except UserError:
        raise
    except ModuleNotFoundError as error:
        raise MissingExtraError(name, package=error.name or str(error)) from error
    except Exception as error:
        raise UserError(f"{name} failed", got=f"{type(error).__name__}: {error}", expected=needs) from error


def _fitted(images: Tensor, candidates: Tensor, budget: Budget) -> Tensor:
    if budget.minimal:
        return candidates.clamp(0, 1)
    radius = torch.full((len(images),), budget.value, dtype=torch.float64, device=images.device)
    return Ball.around(images, radius, budget.norm).project(candidates)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    silenced = logging.root.manager.disable
    logging.disable(logging.WARNING)  # foolbox logs each search
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(silenced)


def load_library(name: str) -> ModuleType:
    """A module of a back end; raises `MissingExtraError` where it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        package = name.partition(".")[0]
        raise MissingExtraError(f"the back end {package}", package=package, extra=package) from error


def class_names(library: str) -> list[str]:
    """Names of the attacks a back end ships, other names for the same class among them.

    Args:
        library: ``"torchattacks"`` or ``"foolbox"``.
    """
    base = load_library(_BASES[library]).Attack
    return sorted(
        name
        for name, found in vars(load_library(_MODULES[library])).items()
        if inspect.isclass(found) and issubclass(found, base) and not inspect.isabstract(found)
        if found is not base and name not in NOT_ATTACKS[library]
    )


def find_class(library: str, name: str) -> type[Any]:
    """The class of an attack; raises `UserError` with the nearest names if there is none, or if it is no attack."""
    if name in NOT_ATTACKS[library]:
        raise UserError(f"{library}:{name} cannot run by itself", expected=NOT_ATTACKS[library][name])
    names = class_names(library)
    if name not in names:
        raise UserError(f"{library} has no such attack", got=name, fix=did_you_mean(name, names))
    found: type[Any] = getattr(load_library(_MODULES[library]), name)
    return found
