"""HopSkipJump: the smallest perturbation from decisions alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from advwindow.attacks.boards import Found, candidates, cut_to_budget
from advwindow.attacks.budget import Norm, size
from advwindow.attacks.door import Cost
from advwindow.attacks.lanes import JobResult
from advwindow.attacks.queries import answer_chains
from advwindow.errors import UserError
from advwindow.streams import stream

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from torch import Tensor

    from advwindow.attacks.budget import Budget
    from advwindow.attacks.door import Candidates, Problem

#: Images that a chain asks about at once: few enough to fill batches evenly, and a constant, for results must not
#: depend on the size of the batch.
_AT_ONCE = 16
_HALVINGS = 20
#: float32 pixels tell no smaller share of a distance apart.
_FINEST = 2.0**-23
#: Directions that move a pixel by less than this (root mean square) drown in the rounding of float32.
_PIXEL_MOVE = 2.0**-16


@dataclass(frozen=True)
class HopSkipJump:
    """Decision-based walk along the boundary, towards the image.

    Chen, Jordan, Wainwright 2020, arXiv 1904.02144, algorithms 1 and 2. The nearest of all adversarial images that were
    asked about is returned, so more queries never do worse: a search with few is the beginning of one with many.

    A search starts from uniform noise, in blocks of growing size where white noise does not do; a targeted one from
    the nearest image of the target class among those attacked.

    Attributes:
        queries: most images that each sample may ask about.
        initial_evaluations: queries of the first estimate of the gradient; the t-th takes sqrt(t) times as many.
        max_evaluations: most queries of one estimate.
        gamma: the binary search ends at a share gamma / d^(3/2) of the distance in L2, gamma / d^2 in Linf, and
            gradients are estimated at gamma / d of the distance, for d numbers in an image.
    """

    queries: int = 5000
    initial_evaluations: int = 100
    max_evaluations: int = 10_000
    gamma: float = 1.0

    def __post_init__(self) -> None:
        for name in ("queries", "initial_evaluations", "max_evaluations"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1", got=str(getattr(self, name)))
        if not self.gamma > 0:
            raise UserError("gamma must be positive", got=str(self.gamma))

    def cost(self) -> Cost:
        """Most passes that one sample can cost, whatever the budgets."""
        return Cost(self.queries, 0)

    def __call__(self, problem: Problem, budgets: Sequence[Budget]) -> list[Candidates]:
        """The smallest perturbation found in L2 or Linf; at a fixed epsilon, cut to its ball where larger."""
        norm = budgets[0].norm
        if norm not in (Norm.LINF, Norm.L2):
            raise UserError("hopskipjump has no such norm", got=str(norm), expected="l2 or linf")
        if problem.images.dim() != 4:
            shape = str(tuple(problem.images.shape))
            raise UserError("hopskipjump needs pictures", got=shape, expected="(N, C, H, W)")
        walks = [_Walk(problem, sample, self, norm) for sample in range(len(problem.images))]

        def decide(images: Tensor, owners: Tensor) -> Tensor:
            return problem.goal.take(owners).safely_reached(problem.oracle.logits(images))

        answer_chains((walk.run() for walk in walks), decide, lanes=problem.lanes)
        board = [Found() for _ in walks]
        for found, walk in zip(board, walks, strict=True):
            found.note(walk.result())
        return [cut_to_budget(problem.images, candidates(board), budget) for budget in budgets]


class _SpentError(Exception):
    """The next question would exceed the queries of this sample."""


class _Walk:
    """The search for one sample."""

    def __init__(self, problem: Problem, sample: int, settings: HopSkipJump, norm: Norm) -> None:
        self.problem = problem
        self.sample = sample
        self.settings = settings
        self.norm = norm
        self.image = problem.images[sample]
        key = stream(problem.seed, "hopskipjump", problem.ids[sample])
        self.generator = torch.Generator(self.image.device).manual_seed(int(key.integers(2**63)))
        self.best = self.image
        self.distance = math.inf
        self.first = -1
        self.spent = 0

    def run(self) -> Generator[Tensor, Tensor, None]:
        """Images to ask about, until the queries are spent."""
        try:
            yield from self._walk()
        except _SpentError:
            return

    def result(self) -> JobResult:
        """The nearest adversarial image, or the last that was tried as a start."""
        return JobResult(
            image=self.best,
            success=self.first >= 0,
            margin=math.nan,
            distance=self.distance,
            first_success_step=self.first,
            forwards=self.spent,
            backwards=0,
            zero_gradients=0,
            nonfinite_gradients=0,
            silent=False,
            trace=torch.empty(0),
        )

    def _walk(self) -> Generator[Tensor, Tensor, None]:
        point = yield from self._start()
        step = 0
        while True:
            point = yield from self._onto_boundary(point)
            step += 1
            distance = self._measured(point)
            count = min(int(self.settings.initial_evaluations * math.sqrt(step)), self.settings.max_evaluations)
            radius = 0.1 if step == 1 else self._radius(distance)
            gradient = yield from self._gradient(point, count, radius)
            direction = gradient if self.norm is Norm.L2 else gradient.sign()
            point = yield from self._jump(point, direction, distance / math.sqrt(step))

    def _ask(self, images: Tensor) -> Generator[Tensor, Tensor, Tensor]:
        if self.spent + len(images) > self.settings.queries:
            raise _SpentError
        self.spent += len(images)
        return (yield images)

    def _adversarial(self, image: Tensor) -> Generator[Tensor, Tensor, bool]:
        answers = yield from self._ask(image[None])
        if bool(answers[0]):
            self._note(image)
            return True
        return False

    def _note(self, image: Tensor) -> None:
        distance = self._measured(image)
        if self.first < 0:
            self.first = self.spent - 1
        if distance < self.distance:
            self.best, self.distance = image, distance

    def _note_nearest(self, probes: Tensor, answers: Tensor) -> None:
        sizes = size(probes.double() - self.image.double(), self.norm).where(answers, torch.inf)
        if bool(answers.any()):
            self._note(probes[sizes.argmin()])

    def _measured(self, image: Tensor) -> float:
        return float(size((image.double() - self.image.double())[None], self.norm))

    def _start(self) -> Generator[Tensor, Tensor, Tensor]:
        starts = self._starts()
        while True:
            start = self.best = next(starts)
            if (yield from self._adversarial(start)):
                return (yield from self._bisected(start, 1e-3, clip=False)) if self.norm is Norm.LINF else start

    def _starts(self) -> Iterator[Tensor]:
        if self.problem.goal.targeted:
            same = self.problem.images[self.problem.labels == self.problem.goal.classes[self.sample]]
            yield from same[size(same - self.image, self.norm).argsort(stable=True)]
        channels, height, width = self.image.shape
        while True:
            block = 1
            while block < 2 * max(height, width):
                shape = channels, -(-height // block), -(-width // block)
                noise = torch.rand(shape, generator=self.generator, device=self.image.device)
                yield noise.repeat_interleave(block, 1).repeat_interleave(block, 2)[:, :height, :width]
                block *= 2

    def _onto_boundary(self, point: Tensor) -> Generator[Tensor, Tensor, Tensor]:
        numbers = self.image.numel()
        share = self.settings.gamma / (numbers**2 if self.norm is Norm.LINF else numbers**1.5)
        return (yield from self._bisected(point, max(share, _FINEST), clip=self.norm is Norm.LINF))

    def _bisected(self, point: Tensor, share: float, *, clip: bool) -> Generator[Tensor, Tensor, Tensor]:
        """The adversarial end of a binary search between the image and an adversarial point."""
        delta = point - self.image
        reach = float(delta.abs().max())
        low, high = 0.0, 1.0
        while high - low > share:
            middle = (low + high) / 2
            change = delta.clamp(-middle * reach, middle * reach) if clip else middle * delta
            candidate = (self.image + change).clamp_(0, 1)
            if (yield from self._adversarial(candidate)):
                high, point = middle, candidate
            else:
                low = middle
        return point

    def _gradient(self, point: Tensor, count: int, radius: float) -> Generator[Tensor, Tensor, Tensor]:
        """Unit vector towards the adversarial side, from decisions around a point of the boundary (equation 15)."""
        signed, plain, hits = torch.zeros_like(point), torch.zeros_like(point), 0
        for asked in range(0, count, _AT_ONCE):
            probes = (point + radius * self._directions(min(_AT_ONCE, count - asked))).clamp_(0, 1)
            answers = yield from self._ask(probes)
            self._note_nearest(probes, answers)
            signs = answers.to(point) * 2 - 1
            directions = (probes - point) / radius
            signed += torch.tensordot(signs, directions, 1)
            plain += directions.sum(0)
            hits += int(answers.sum())
        mean = 2 * hits / count - 1
        gradient = mean * plain if abs(mean) == 1 else signed - mean * plain
        length: Tensor = torch.linalg.vector_norm(gradient)
        return gradient / length.clamp_min(1e-30)

    def _radius(self, distance: float) -> float:
        numbers = self.image.numel()
        return max(self.settings.gamma * distance / numbers, _PIXEL_MOVE * math.sqrt(numbers))

    def _directions(self, count: int) -> Tensor:
        shape = (count, *self.image.shape)
        noise = torch.empty(shape, device=self.image.device)
        if self.norm is Norm.LINF:
            noise.uniform_(-1, 1, generator=self.generator)
        else:
            noise.normal_(generator=self.generator)
        length: Tensor = torch.linalg.vector_norm(noise.flatten(1), dim=1)
        return noise / length[:, None, None, None]

    def _jump(self, point: Tensor, direction: Tensor, length: float) -> Generator[Tensor, Tensor, Tensor]:
        """The first adversarial point of steps that halve; the point itself where none is."""
        for _ in range(_HALVINGS):
            candidate = (point + length * direction).clamp_(0, 1)
            if (yield from self._adversarial(candidate)):
                return candidate
            length /= 2
        return point
