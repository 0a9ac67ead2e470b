"""Questions of many independent chains, packed into full batches.

A *chain* is a generator that searches for one sample: it yields images, receives the decisions about them, and goes on
from there. Chains ask for one image at a time or for many; the queue cuts and joins their questions into batches of one
size. A chain sees only its own answers, so what becomes of a sample never depends on its batch mates.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    Chain: TypeAlias = Generator[Tensor, Tensor, None]
    Decide: TypeAlias = Callable[[Tensor, Tensor], Tensor]


@dataclass
class _Question:
    """Images that a chain asked about, and what is known of them."""

    chain: Chain
    owner: int
    images: Tensor
    asked: int = 0
    answers: list[Tensor] = field(default_factory=list)

    @property
    def left(self) -> int:
        """Images that no batch has taken yet."""
        return len(self.images) - self.asked

    def take(self, count: int) -> Tensor:
        """The next `count` images."""
        self.asked += count
        return self.images[self.asked - count : self.asked]


def answer_chains(chains: Iterable[Chain], decide: Decide, *, lanes: int) -> None:
    """Drive all chains to their end.

    A new chain is started only when those at work do not fill a batch, so memory holds few questions at a time.

    Args:
        chains: yield images ``(m, C, H, W)``, ``m >= 1``, and receive decisions ``(m,)`` bool on the CPU.
        decide: images ``(n, C, H, W)`` and the numbers ``(n,)`` int64 of the chains they come from, to decisions
            ``(n,)`` bool, each of which depends on its own image and chain alone.
        lanes: images in a batch; every batch is full until too few questions are left.
    """
    fresh = iter(enumerate(chains))
    open_questions: deque[_Question] = deque()
    while True:
        _open_more(fresh, open_questions, lanes)
        if not open_questions:
            return
        batch = _next_batch(open_questions, lanes)
        images = torch.cat([part for _, part in batch])
        counts = [len(part) for _, part in batch]
        owners = torch.tensor([question.owner for question, _ in batch]).repeat_interleave(torch.tensor(counts))
        decisions = torch.split(decide(images, owners.to(images.device)).cpu(), counts)
        for (question, _), part in zip(batch, decisions, strict=True):
            question.answers.append(part)
            if not question.left:
                open_questions.extend(_asked_next(question.chain, question.owner, torch.cat(question.answers)))


def _open_more(fresh: Iterator[tuple[int, Chain]], open_questions: deque[_Question], lanes: int) -> None:
    waiting = sum(question.left for question in open_questions)
    while waiting < lanes and (numbered := list(islice(fresh, 1))):
        owner, chain = numbered[0]
        for images in islice(chain, 1):
            open_questions.append(_Question(chain, owner, images))
            waiting += len(images)


def _next_batch(open_questions: deque[_Question], lanes: int) -> list[tuple[_Question, Tensor]]:
    batch: list[tuple[_Question, Tensor]] = []
    room = lanes
    while room and open_questions:
        question = open_questions[0]
        count = min(room, question.left)
        batch.append((question, question.take(count)))
        room -= count
        if not question.left:
            open_questions.popleft()
    return batch


def _asked_next(chain: Chain, owner: int, answers: Tensor) -> Iterator[_Question]:
    try:
        yield _Question(chain, owner, chain.send(answers))
    except StopIteration:
        return
