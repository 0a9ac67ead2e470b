"""Training, epoch by epoch: each leaves a checkpoint, and a killed training goes on to the same weights."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, NamedTuple, Protocol

import torch
from torch import nn
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from advwindow.attacks import Norm, pgd
from advwindow.errors import UserError
from advwindow.streams import stream
from advwindow.training.adversary import perturbed
from advwindow.training.augment import augmented, cut_out

if TYPE_CHECKING:
    from torch import Tensor

    from advwindow.models import Classifier
    from advwindow.training.recipe import Recipe

#: Validation images that are attacked after each epoch, and the attack's gradients.
ATTACKED = 500
ATTACK_STEPS = 10
#: Robust accuracy that fell below this share of the best one before, while examples of the training's own attack are
#: classified better than ever, is catastrophic overfitting (Wong et al. 2020, arXiv 2001.03994, section 5).
FALLEN = 0.5
#: Robust accuracy below this one was no robustness that could be lost.
LEARNED = 0.2


class Samples(NamedTuple):
    """Images ``(N, C, H, W)`` in [0, 1] with their labels ``(N,)``."""

    images: Tensor
    labels: Tensor


class Epoch(NamedTuple):
    """What is logged of an epoch.

    Attributes:
        epoch: from 1.
        loss: mean training loss.
        trained_accuracy: share of the images that were trained on (perturbed, where the method does) classified right.
        clean_accuracy: of the validation images.
        robust_accuracy: of the first `ATTACKED` validation images under PGD of `ATTACK_STEPS` steps.
        seconds: that the epoch took, with its validation.
        note: what went wrong, in words; empty if nothing did.
    """

    epoch: int
    loss: float
    trained_accuracy: float
    clean_accuracy: float
    robust_accuracy: float
    seconds: float
    note: str = ""


class Progress(Protocol):
    """Is told how a training goes on."""

    def batch_done(self, epoch: int, done: int, of: int) -> None:
        """One step is done."""
        ...

    def epoch_done(self, record: Epoch) -> None:
        """An epoch is over and its checkpoint on disk."""
        ...


def train_epoch(
    model: Classifier,
    optimizer: torch.optim.Optimizer,
    data: Samples,
    recipe: Recipe,
    epoch: int,
    progress: Progress,
) -> tuple[float, float]:
    """One pass over the images in random order; returns mean loss and accuracy on what was trained on.

    Everything random is drawn from streams of the seed and the epoch, so an epoch is the same whatever came before in
    the same process.

    Raises:
        UserError: the loss is no longer finite.
    """
    draw = torch.Generator().manual_seed(int(stream(recipe.seed, "training", epoch).integers(2**62)))
    order = torch.split(torch.randperm(len(data.labels), generator=draw), recipe.batch_size)
    total, right, seen = 0.0, 0, 0
    model.train()
    for place, index in enumerate(order):
        if len(index) < 2:  # a batch norm cannot learn from one image
            continue
        share = (epoch - 1 + place / len(order)) / recipe.epochs
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate(share)
        loss, logits = _step(model, optimizer, _batch(data, index, recipe, draw), recipe, draw)
        if not math.isfinite(loss):
            raise UserError(
                f"training diverged in epoch {epoch}", got=f"a loss of {loss}", fix="lower --learning-rate, begin anew"
            )
        total += loss * len(index)
        right += int((logits.argmax(1) == data.labels[index].to(logits.device)).sum())
        seen += len(index)
        progress.batch_done(epoch, place + 1, len(order))
    return total / seen, right / seen


def _batch(data: Samples, index: Tensor, recipe: Recipe, draw: torch.Generator) -> Samples:
    images = augmented(data.images[index], padding=recipe.padding, flip=recipe.flip, draw=draw)
    images = cut_out(images, side=recipe.cutout, draw=draw)
    return Samples(images.contiguous(memory_format=torch.channels_last), data.labels[index])


def _step(
    model: Classifier, optimizer: torch.optim.Optimizer, batch: Samples, recipe: Recipe, draw: torch.Generator
) -> tuple[float, Tensor]:
    with torch.autocast(model.device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16"):
        shown = batch.images if recipe.inner is None else perturbed(model, *batch, recipe, draw)
        logits = model(shown).float()
        loss = (
            _trades(model, batch, logits, recipe) if recipe.method == "trades" else cross_entropy(logits, batch.labels)
        )
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    optimizer.step()
    return float(loss.detach()), logits.detach()


def _trades(model: Classifier, batch: Samples, attacked: Tensor, recipe: Recipe) -> Tensor:
    """Zhang et al. 2019 (arXiv 1901.08573), equation 5."""
    clean = model(batch.images).float()
    robust = kl_div(log_softmax(attacked, 1), log_softmax(clean, 1), reduction="batchmean", log_target=True)
    return cross_entropy(clean, batch.labels) + recipe.beta * robust


def make_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.SGD:
    """Stochastic gradient descent with Nesterov's momentum; the learning rate is set before each step."""
    return torch.optim.SGD(
        model.parameters(),
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        nesterov=recipe.momentum > 0,
    )


def validate(model: Classifier, held_out: Samples, recipe: Recipe) -> tuple[float, float]:
    """Clean accuracy of the images set aside, and robust accuracy of the first of them."""
    model.eval()
    with torch.no_grad():
        pieces = zip(torch.split(held_out.images, 250), torch.split(held_out.labels, 250), strict=True)
        right = sum(int((model(images).argmax(1) == labels).sum()) for images, labels in pieces)
    some = held_out.images[:ATTACKED], held_out.labels[:ATTACKED]
    norm = "linf" if recipe.threat is Norm.LINF else "l2"
    withstood = pgd(model, *some, eps=recipe.eps, norm=norm, steps=ATTACK_STEPS, until="success", seed=recipe.seed)
    assert not isinstance(withstood, list)
    return right / len(held_out.labels), withstood.withstood() / len(some[1])


def note_on(history: list[Epoch], trained_accuracy: float, robust_accuracy: float) -> str:
    """A warning where robust accuracy fell while accuracy on the training's own attack rose; empty otherwise."""
    best = max((each.robust_accuracy for each in history), default=0.0)
    learned = max((each.trained_accuracy for each in history), default=1.0)
    if best > LEARNED and robust_accuracy < FALLEN * best and trained_accuracy > learned:
        return (
            f"catastrophic overfitting: robust accuracy fell from {best:.1%} to {robust_accuracy:.1%} while accuracy "
            f"on the training's own attack rose to {trained_accuracy:.1%}"
        )
    return ""


def one_epoch(
    model: Classifier,
    optimizer: torch.optim.Optimizer,
    data: Samples,
    held_out: Samples,
    recipe: Recipe,
    history: list[Epoch],
    progress: Progress,
) -> Epoch:
    """Train for the epoch after those in the history, look at the images set aside."""
    started = time.perf_counter()
    epoch = len(history) + 1
    loss, trained = train_epoch(model, optimizer, data, recipe, epoch, progress)
    clean, robust = validate(model, held_out, recipe)
    note = note_on(history, trained, robust) if recipe.inner is not None else ""
    return Epoch(epoch, loss, trained, clean, robust, time.perf_counter() - started, note)
