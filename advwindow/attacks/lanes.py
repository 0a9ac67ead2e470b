"""The work queue: chains of jobs share one batch, finished jobs leave and new ones take their place.

Every sample has a *chain*, a generator that yields one job after the other and decides from each result what to do next
(the next restart, the next epsilon, the next constant of a binary search). A *search* runs many jobs side by side, one
in each lane of a batch. A chain sees only its own results, so what becomes of a sample never depends on its batch
mates.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from torch import Tensor


@dataclass(frozen=True)
class Job:
    """One search from one start.

    Attributes:
        sample: index of the sample among those attacked.
        radius: epsilon as a number.
        restart: number of the restart.
        constant: weight of the misclassification term (Carlini and Wagner's c).
    """

    sample: int
    radius: float = float("inf")
    restart: int = 0
    constant: float = 0.0


@dataclass(frozen=True)
class JobResult:
    """What a job found.

    Attributes:
        image: ``(C, H, W)``: the best iterate: success first, then the search's own order.
        success: whether the image reached the goal in the search's eyes (the judge decides later).
        margin: adversarial margin of the image, in logits.
        distance: size of the perturbation for searches that minimise it, else 0.
        first_success_step: first adversarial iterate, -1 if none.
        forwards: forward passes spent.
        backwards: backward passes spent.
        zero_gradients: steps whose gradient vanished.
        nonfinite_gradients: steps whose gradient was not finite.
    """

    image: Tensor
    success: bool
    margin: float
    distance: float
    first_success_step: int
    forwards: int
    backwards: int
    zero_gradients: int
    nonfinite_gradients: int


State = dict[str, "Tensor"]


class Search(Protocol):
    """An iterative search, vectorised over lanes; all its memory is in the state tensors, one row per lane."""

    def start(self, jobs: Sequence[Job]) -> State:
        """Fresh rows for these jobs; must hold a bool row ``done``."""
        ...

    def step(self, state: State) -> None:
        """Advance every lane by one iterate, in place."""
        ...

    def result(self, state: State, lane: int) -> JobResult:
        """What the finished lane found."""
        ...


def common_rows(samples: Tensor) -> State:
    """Rows that every search keeps for the jobs of these samples ``(n,)``: where it stands, and what it met."""
    zeros = torch.zeros_like(samples)
    return {
        "sample": samples,
        "margin": torch.full(samples.shape, torch.inf, device=samples.device),
        "won": zeros.bool(),
        "done": zeros.bool(),
        "age": zeros,
        "first": zeros - 1,
        "zero": zeros,
        "nonfinite": zeros,
    }


def harvest(state: State, lane: int, *, forwards: int, backwards: int, distance: float = 0.0) -> JobResult:
    """The result of a finished lane, from `common_rows` and its row ``best``."""
    return JobResult(
        image=state["best"][lane].clone(),
        success=bool(state["won"][lane]),
        margin=float(state["margin"][lane]),
        distance=distance,
        first_success_step=int(state["first"][lane]),
        forwards=forwards,
        backwards=backwards,
        zero_gradients=int(state["zero"][lane]),
        nonfinite_gradients=int(state["nonfinite"][lane]),
    )


def run_chains(chains: Iterable[Generator[Job, JobResult, None]], search: Search, *, lanes: int) -> None:
    """Drive all chains to their end with at most `lanes` jobs side by side.

    Args:
        chains: one generator per sample; it receives the result of each job that it yields.
        search: runs the jobs.
        lanes: capacity of the batch.
    """
    waiting = deque((chain, job) for chain in chains if (job := next(chain, None)) is not None)
    running: list[Generator[Job, JobResult, None]] = []
    state: State = {}
    while waiting or running:
        fresh = [waiting.popleft() for _ in range(min(len(waiting), lanes - len(running)))]
        if fresh:
            state = _append(state, search.start([job for _, job in fresh]))
            running += [chain for chain, _ in fresh]
        search.step(state)
        done: list[bool] = state["done"].tolist()
        if any(done):
            for lane, chain in enumerate(running):
                if done[lane]:
                    _resume(chain, search.result(state, lane), waiting)
            keep = torch.tensor([lane for lane, over in enumerate(done) if not over], device=state["done"].device)
            state = {name: rows[keep.long()] for name, rows in state.items()}
            running = [chain for lane, chain in enumerate(running) if not done[lane]]


def _resume(
    chain: Generator[Job, JobResult, None],
    result: JobResult,
    waiting: deque[tuple[Generator[Job, JobResult, None], Job]],
) -> None:
    try:
        waiting.append((chain, chain.send(result)))
    except StopIteration:
        return


def _append(state: State, fresh: State) -> State:
    if not state or not len(state["done"]):
        return fresh
    return {name: torch.cat([rows, fresh[name]]) for name, rows in state.items()}
