"""Small networks and attacks: honest ones, and ones with a planted fault that the audit must find.

Images are 3x8x8: a smooth pattern of its class plus noise. Everything is trained here, in a second or two.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from advwindow.attacks import Budget, Candidates, Goal, Norm, slope_at
from advwindow.models import Classifier

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from advwindow.attacks import Problem

CLASSES = 5
SIDE = 8
#: Where a plain network falls and an adversarially trained one mostly stands.
EPS = "0.06"
BUDGET = Budget(Norm.LINF, EPS)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def photographs(count: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Images ``(N, 3, 8, 8)`` in [0, 1] and labels ``(N,)``."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % CLASSES
    noise = 0.15 * torch.randn(count, 3, SIDE, SIDE, generator=draw)
    return (0.5 + 0.22 * _patterns()[labels] + noise).clamp(0, 1), labels


@functools.cache
def _patterns() -> Tensor:
    coarse = torch.randn(CLASSES, 3, 3, 3, generator=torch.Generator().manual_seed(7))
    smooth = nn.functional.interpolate(coarse, size=(SIDE, SIDE), mode="bilinear")
    return smooth / smooth.flatten(1).abs().amax(1)[:, None, None, None]


class KWTA(nn.Module):
    """Only the largest tenth of a layer's activations passes: the output jumps where their order changes."""

    def forward(self, values: Tensor) -> Tensor:
        flat = values.flatten(1)
        count = max(1, flat.shape[1] // 10)
        bar = flat.topk(count, dim=1).values[:, -1:]
        return (flat * (flat >= bar)).view_as(values)


def _network(activation: type[nn.Module]) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        activation(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.BatchNorm2d(32),
        activation(),
        nn.Flatten(),
        nn.Linear(32 * (SIDE // 2) ** 2, CLASSES),
    )


def _attacked(model: Classifier, images: Tensor, labels: Tensor, steps: int) -> Tensor:
    eps = BUDGET.value
    goal, point = Goal(labels), images
    for _ in range(steps):
        slope = slope_at(model, point, lambda logits: goal.loss(logits, "ce"))
        point = torch.minimum(torch.maximum(point - 0.5 * eps * slope.gradient.sign(), images - eps), images + eps)
        point = point.clamp(0, 1)
    return point


def _trained(
    activation: type[nn.Module] = nn.SiLU, *, inner: int = 0, steps: int = 60, name: str, seed: int = 0
) -> Classifier:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Classifier(_network(activation), mean=MEAN, std=STD, name=name)
        images, labels = photographs(1000, seed=1)
        optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 5e-3, total_steps=steps)
        for _ in range(steps):
            some = torch.randint(len(images), (100,))
            batch = _attacked(model.eval(), images[some], labels[some], inner)
            optimiser.zero_grad()
            nn.functional.cross_entropy(model.train()(batch), labels[some]).backward()
            optimiser.step()
            schedule.step()
    return model.eval().requires_grad_(False)


@functools.cache
def plain(seed: int = 0) -> Classifier:
    """Trained as usual."""
    return _trained(name="plain", seed=seed)


@functools.cache
def hardened(seed: int = 0) -> Classifier:
    """Trained on adversarial examples of projected gradient descent (Madry et al. 2018)."""
    return _trained(inner=3, steps=120, name="hardened", seed=seed)


@functools.cache
def k_wta() -> Classifier:
    """Trained as usual, with activations that let only the largest tenth pass."""
    return _trained(KWTA, name="k-WTA")


class Faulty(nn.Module):
    """A sound network with a fault before or after it."""

    def __init__(
        self,
        inner: Classifier,
        *,
        before: Callable[[Tensor], Tensor] | None = None,
        after: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.inner = inner
        self.before = before
        self.after = after
        self.train(inner.training)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.inner(images if self.before is None else self.before(images))
        return logits if self.after is None else self.after(logits)


def _four_levels(images: Tensor) -> Tensor:
    return (images * 3).round() / 3


def _noisy(images: Tensor) -> Tensor:
    return images + 0.1 * torch.randn_like(images)


def _drowned(images: Tensor) -> Tensor:
    return images + 0.5 * torch.randn_like(images)


def _detached(images: Tensor) -> Tensor:
    return images.detach()


def _times_ten_thousand(logits: Tensor) -> Tensor:
    return 1e4 * logits


def _clipped(logits: Tensor) -> Tensor:
    return logits.clamp(-2, 2)


def _probabilities(logits: Tensor) -> Tensor:
    return logits.softmax(1)


def _centred_over_the_batch(logits: Tensor) -> Tensor:
    return logits - logits.mean(0)


def faulty(name: str) -> Classifier:
    """A plain network with the planted fault of that name."""
    return Classifier(FAULTS[name](), name=name) if name != "double normalisation" else _normalised_twice()


#: Faults that lie in the module, and how it comes by them.
FAULTS: dict[str, Callable[[], nn.Module]] = {
    "quantised input": lambda: Faulty(plain(), before=_four_levels),
    "noise": lambda: Faulty(plain(), before=_noisy),
    "loud noise": lambda: Faulty(plain(), before=_drowned),
    "detached graph": lambda: Faulty(plain(), before=_detached),
    "logits times 10,000": lambda: Faulty(plain(), after=_times_ten_thousand),
    "clipped outputs": lambda: Faulty(plain(), after=_clipped),
    "probabilities": lambda: Faulty(plain(), after=_probabilities),
    "batch-dependent": lambda: Faulty(plain(), after=_centred_over_the_batch),
    "k-WTA": lambda: Faulty(k_wta()),
    "no normalisation": lambda: plain().module,
}


def _normalised_twice() -> Classifier:
    return Classifier(plain(), mean=MEAN, std=STD, name="double normalisation")


class LastIterate:
    """Projected gradient descent that ends with a random step, and returns where it ends, not the best on its way."""

    steps = 10
    reach = 1.0
    last_step = 2.0

    def __call__(self, problem: Problem, budgets: Sequence[Budget]) -> list[Candidates]:
        return [self._at(problem, self.reach * budget.value) for budget in budgets]

    def _at(self, problem: Problem, eps: float) -> Candidates:
        low, high = (problem.images - eps).clamp(0, 1), (problem.images + eps).clamp(0, 1)
        draw, point = torch.Generator().manual_seed(problem.seed), problem.images
        for _ in range(self.steps):
            slope = problem.oracle.slope(point, _cross_entropy, problem.labels)
            point = torch.minimum(torch.maximum(point - 0.25 * eps * slope.gradient.sign(), low), high)
        signs = 2.0 * torch.randint(0, 2, point.shape, generator=draw) - 1
        point = torch.minimum(torch.maximum(point + self.last_step * eps * signs, low), high)
        # a hair inside, as rounding must not be its fault
        return told_nothing(problem, problem.images + (point - problem.images) * (1 - 1e-5), gradients=self.steps)


def _cross_entropy(logits: Tensor, classes: Tensor) -> Tensor:
    return Goal(classes).loss(logits, "ce")


class LeavesTheBall(LastIterate):
    """Descends as it should, but 10 % too far."""

    reach = 1.1
    last_step = 0.0


class DoesNothing:
    """Looks at a gradient and returns the clean image."""

    def __call__(self, problem: Problem, budgets: Sequence[Budget]) -> list[Candidates]:
        return [told_nothing(problem, problem.images, gradients=1) for _ in budgets]


def told_nothing(problem: Problem, images: Tensor, *, gradients: int) -> Candidates:
    """Candidates of an attack that reports only its costs."""
    count = torch.full((len(images),), gradients)
    return Candidates.unreported(images, forwards=count, backwards=count)
