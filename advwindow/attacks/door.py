"""The one door through which every attack passes, ours and other libraries'.

Check the input, look what kind of network it is, leave misclassified samples alone, hand the rest to the attack on a
frozen copy, judge what comes back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

import torch

from advwindow.attacks.budget import Norm, per_sample
from advwindow.attacks.isolation import private_randomness
from advwindow.attacks.judge import RANDOM_PASSES, Jury, judge
from advwindow.attacks.oracle import Oracle
from advwindow.attacks.outcome import Outcome, Status
from advwindow.attacks.precision import search_precision
from advwindow.attacks.request import Request
from advwindow.attacks.traits import probe_traits
from advwindow.errors import UserError
from advwindow.models import Classifier, prepare, reduced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from advwindow.attacks.budget import Budget
    from advwindow.attacks.goal import Goal

#: Passes averaged for a gradient where the network draws at random.
RANDOM_DRAWS = 8
#: Enough images to find which batch norms follow which convolutions, to check the folded copy and to try the network.
IMAGES_TO_TRY = 2


@dataclass(frozen=True)
class Problem:
    """What an attack gets to see: only samples that are worth attacking, and a frozen copy of the network.

    Attributes:
        model: frozen, in evaluation mode, prepared for gradients; its own parameters need none.
        oracle: asks the model, in batches that fit into memory.
        images: ``(n, C, H, W)`` float32 in [0, 1].
        labels: ``(n,)`` int64, the true classes.
        goal: what counts as adversarial.
        ids: ``n`` stable ids that key the random streams.
        seed: the user's seed.
        lanes: how many jobs may run side by side.
    """

    model: Classifier
    oracle: Oracle
    images: Tensor
    labels: Tensor
    goal: Goal
    ids: tuple[str, ...]
    seed: int
    lanes: int

    def only(self, index: Tensor) -> Problem:
        """The same problem for the samples at this index ``(m,)`` int64."""
        return replace(
            self,
            images=self.images[index],
            labels=self.labels[index],
            goal=self.goal.take(index),
            ids=tuple(self.ids[place] for place in index.tolist()),
        )


class Candidates(NamedTuple):
    """What an attack claims at one budget, for the ``n`` samples of its problem; see `Outcome` for the fields."""

    images: Tensor
    first_success_step: Tensor
    forwards: Tensor
    backwards: Tensor
    zero_gradients: Tensor
    nonfinite_gradients: Tensor
    claimed: Tensor
    silent: Tensor
    trace: Tensor

    @classmethod
    def unreported(cls, images: Tensor, *, forwards: Tensor, backwards: Tensor) -> Candidates:
        """Of an attack that tells nothing but its images: each is taken for a claim."""
        none = torch.zeros(len(images), dtype=torch.int64)
        yes = torch.ones(len(images), dtype=torch.bool)
        return cls(images, none - 1, forwards, backwards, none, none, yes, ~yes, torch.empty(len(images), 0))

    def costing(self, draws: int) -> Candidates:
        """The same where each answer of the network is a mean of so many passes."""
        return self._replace(forwards=self.forwards * draws, backwards=self.backwards * draws)


class Cost(NamedTuple):
    """Passes through the network for one sample at one budget, at most."""

    forwards: int
    backwards: int


class Attack(Protocol):
    """Finds candidates for each budget; may overshoot, exaggerate or fail: the judge decides."""

    def __call__(self, problem: Problem, budgets: Sequence[Budget]) -> list[Candidates]:
        """Candidates for each budget, in the order given."""
        ...


def perform(
    name: str,
    attack: Attack,
    model: Classifier,
    images: Tensor,
    labels: Tensor,
    budgets: Sequence[Budget],
    *,
    target: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    batch_size: int | None = None,
    clean_logits: Tensor | None = None,
    draws: int | None = None,
) -> list[Outcome]:
    """Run an attack and judge it: one `Outcome` per budget.

    A network that draws at random is attacked through the mean of several passes (expectation over transformation:
    Athalye et al. 2018, arXiv 1707.07397), and a success must hold in most of `RANDOM_PASSES`.

    Args:
        name: what the outcome calls the attack.
        attack: the attack itself.
        model: left exactly as found: modes, gradients, hooks, parameters.
        images: ``(N, C, H, W)`` in [0, 1].
        labels: ``(N,)`` true classes.
        budgets: what may be spent.
        target: ``(N,)`` classes to reach; None to leave the true class.
        seed: seed of the private random streams.
        ids: one stable id per sample, keys of the random streams; the position by default.
        batch_size: jobs side by side; changes speed and memory, and results only by rounding (and by the draws of a
            network that draws at random).
        clean_logits: what `judged_logits` gave for these images, where it is known already.
        draws: passes averaged for a gradient of a network that draws at random; `RANDOM_DRAWS` by default. More than
            one says that the network is random; otherwise it is found by asking it a few times.

    Raises:
        UserError: images, labels or targets that cannot be used, or a network whose answer for an image depends on the
            other images of its batch.
    """
    if draws is not None and draws < 1:
        raise UserError("a gradient needs at least one pass", got=f"draws={draws}")
    request = Request.checked(model, images, labels, target, ids=ids, batch_size=batch_size)
    with private_randomness(seed, name):
        random = bool(len(images)) and ((draws or 1) > 1 or _is_random(model, request.images))
        jury = Jury(model, passes=RANDOM_PASSES if random else 1)
        clean = request.clean_logits(clean_logits, jury)
        tried = (clean.argmax(1) == request.labels).nonzero().squeeze(1)
        found: list[Candidates | None] = [None] * len(budgets)
        if len(tried):
            passes = (draws or RANDOM_DRAWS) if random else 1
            exactly = passes > 1 or _vanishing(budgets, request.images)
            problem = _problem(request, seed, batch_size, draws=passes, exactly=exactly).only(tried)
            with search_precision():
                found = [each.costing(passes) for each in attack(problem, budgets)]
        bench = _Bench(name, request, jury, clean.argmax(1), tried, float(getattr(attack, "kappa", 0.0)))
        return [bench.outcome(*each) for each in zip(budgets, found, strict=True)]


def _is_random(model: Classifier, images: Tensor) -> bool:
    traits = probe_traits(model, images[:IMAGES_TO_TRY])
    if traits.batch_dependent:
        raise UserError(
            f"the network {model.name!r} answers differently for an image in other company",
            expected="an answer that depends on the image alone",
            fix="put batch statistics into evaluation mode",
        )
    return traits.random


#: Changes of a pixel that survive where pixels are rounded to bfloat16, which has 8 bits.
_SURVIVING = 0.999 / 255


def _vanishing(budgets: Sequence[Budget], images: Tensor) -> bool:
    """Whether some perturbation may be so small in every pixel that bfloat16 rounds it away."""

    def least(budget: Budget) -> float:
        match budget.norm:
            case Norm.LINF:
                return budget.value
            case Norm.L2:
                return budget.value / math.sqrt(images[0].numel())
            case _:
                return 0.0

    return any(least(budget) < _SURVIVING for budget in budgets)


def _problem(request: Request, seed: int, batch_size: int | None, *, draws: int, exactly: bool) -> Problem:
    example = request.images[:IMAGES_TO_TRY]
    prepared = prepare(request.model, example)
    rough = None if exactly else reduced(prepared, example)
    return Problem(
        prepared,
        Oracle(prepared, draws=draws, rough=rough),
        request.images,
        request.labels,
        request.goal,
        request.ids,
        seed,
        batch_size or default_lanes(request.images),
    )


#: Numbers in a batch of images. On a CPU the memory that a larger one needs is handed back to the system and cleared
#: again at every step, which costs more than a fuller batch gains.
_BATCH_NUMBERS = {"cpu": 8 * 3 * 224 * 224}
_BATCH_NUMBERS_ELSEWHERE = 128 * 3 * 224 * 224
#: Small images have activations of many channels: of 32 px, 400 at once are slower than 100 by two fifths on a CPU.
_MOST_LANES = {"cpu": 128}
_MOST_LANES_ELSEWHERE = 1024


def default_lanes(images: Tensor) -> int:
    """Jobs side by side: 8 images of 224 px on a CPU, 128 elsewhere, more of smaller ones (at most 128, or 1024)."""
    kind = images.device.type
    numbers = _BATCH_NUMBERS.get(kind, _BATCH_NUMBERS_ELSEWHERE)
    most = _MOST_LANES.get(kind, _MOST_LANES_ELSEWHERE)
    return max(1, min(most, numbers // max(1, images[0].numel())))


@dataclass(frozen=True)
class _Bench:
    """Where candidates are judged.

    Attributes:
        name: of the attack.
        request: what was asked.
        jury: shows images to the original network.
        clean_prediction: ``(N,)`` classes of the inputs.
        tried: ``(n,)`` index of the samples that were attacked.
        kappa: confidence asked for.
    """

    name: str
    request: Request
    jury: Jury
    clean_prediction: Tensor
    tried: Tensor
    kappa: float

    def outcome(self, budget: Budget, found: Candidates | None) -> Outcome:
        """The judged outcome at one budget; `found` is None where no sample was worth attacking."""
        originals, goal = self.request.images, self.request.goal
        found = found or Candidates.unreported(originals[:0], forwards=self.tried, backwards=self.tried)
        images, usable = self._returned(found.images.to(originals.device, originals.dtype))
        verdict = judge(self.jury, originals, images, goal, budget, kappa=self.kappa)
        tried = self._spread(torch.ones_like(self.tried, dtype=torch.bool), empty=False)
        success = verdict.success & tried
        size = verdict.norms[budget.norm]
        return Outcome(
            attack=self.name,
            budget=budget,
            images=images,
            success=success,
            status=_statuses(tried, success),
            distance=torch.where(tried & ~success, torch.inf, size) if budget.minimal else size.clone(),
            margin=verdict.margin,
            prediction=verdict.prediction,
            clean_prediction=self.clean_prediction,
            labels=self.request.labels,
            target=goal.classes if goal.targeted else None,
            first_success_step=self._spread(found.first_success_step, empty=-1),
            forwards=self._spread(found.forwards),
            backwards=self._spread(found.backwards),
            norms=verdict.norms,
            success_8bit=verdict.success_8bit & tried,
            zero_gradients=self._spread(found.zero_gradients),
            nonfinite_gradients=self._spread(found.nonfinite_gradients),
            claimed=self._spread(found.claimed, empty=False),
            adversarial=verdict.adversarial & tried,
            eps_excess=size - budget.value,
            in_box=self._spread(usable, empty=True),
            silent=self._spread(found.silent, empty=False),
            trace=self._spread(found.trace, empty=torch.nan),
        )

    def _returned(self, found: Tensor) -> tuple[Tensor, Tensor]:
        """All images, the attacked ones in their places; what is no image at all is replaced by the original."""
        usable = (found.isfinite() & (found >= 0) & (found <= 1)).flatten(1).all(1)
        images = self.request.images.clone()
        images[self.tried] = torch.where(per_sample(usable, found), found, images[self.tried])
        return images, usable

    def _spread(self, values: Tensor, *, empty: float | bool = 0) -> Tensor:
        shape = (len(self.request.images), *values.shape[1:])
        rows = torch.full(shape, empty, dtype=values.dtype, device=self.tried.device)
        return rows.index_copy_(0, self.tried, values.to(rows.device))


def _statuses(tried: Tensor, success: Tensor) -> tuple[Status, ...]:
    return tuple(
        Status.SUCCESS if won else Status.FAILED if was_tried else Status.SKIPPED
        for was_tried, won in zip(tried.tolist(), success.tolist(), strict=True)
    )
