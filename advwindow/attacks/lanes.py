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
        target: class that the search heads for, -1 for none.
    """

    sample: int
    radius: float = float("inf")
    restart: int = 0
    constant: float = 0.0
    target: int = -1


@dataclass(frozen=True)
class JobResult:
    """What a job found.

    Attributes:
        image: ``(C, H, W)``: the best iterate: success first, then the search's own order.
        success: whether the image reached the goal in the search's eyes (the judge decides later).
        margin: adversarial margin of the image, in logits.
        distance: size of the perturbation for searches that minimise it, else infinite.
        first_success_step: first adversarial iterate, -1 if none.
        forwards: forward passes spent.
        backwards: backward passes spent.
        zero_gradients: steps whose gradient vanished.
        nonfinite_gradients: steps whose gradient was not finite.
        silent: whether the last iterate was no success although an earlier one was.
        trace: ``(T,)`` loss of each iterate, NaN after the last one; empty where the search keeps none.
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
    silent: bool
    trace: Tensor


State = dict[str, "Tensor"]

#: Steps between two looks at which lanes are done, on devices where looking makes the host wait.
POLL = {"cpu": 1}
POLL_ELSEWHERE = 4


class Search(Protocol):
    """An iterative search, vectorised over lanes; all its memory is in the state tensors, one row per lane.

    Attributes:
        length: steps after which every job is over.
        patient: whether no job ends earlier.
    """

    length: int
    patient: bool

    def start(self, jobs: Sequence[Job]) -> State:
        """Fresh rows for these jobs: `common_rows`, ``best`` and the search's own."""
        ...

    def step(self, state: State, *, final: bool) -> None:
        """Advance every lane by one iterate; lanes that are done stay as they are. The host must not wait.

        Args:
            state: the rows, replaced in place.
            final: whether this is the last step of every lane, after which no gradient is needed.
        """
        ...


def common_rows(samples: Tensor) -> State:
    """Rows that every search keeps for the jobs of these samples ``(n,)``: where it stands, and what it met."""
    zeros = torch.zeros_like(samples)
    infinite = torch.full(samples.shape, torch.inf, device=samples.device)
    return {
        "sample": samples,
        "margin": infinite,
        "distance": infinite.double(),
        "won": zeros.bool(),
        "done": zeros.bool(),
        "silent": zeros.bool(),
        "near": zeros.bool(),
        "age": zeros,
        "first": zeros - 1,
        "zero": zeros,
        "nonfinite": zeros,
        "forwards": zeros,
        "backwards": zeros,
    }


_FACTS = ("won", "margin", "distance", "first", "forwards", "backwards", "zero", "nonfinite", "silent")


def harvest(state: State, lanes: Sequence[int]) -> list[JobResult]:
    """The results of finished lanes, from `common_rows`, ``best`` and, where kept, ``trace``; one wait for the host."""
    index = torch.tensor(lanes, device=state["done"].device)
    facts = torch.stack([state[name][index].double() for name in _FACTS]).T.tolist()
    images = state["best"][index]
    traces = state["trace"][index].cpu() if "trace" in state else torch.empty(len(lanes), 0)
    return [
        JobResult(
            image=image,
            success=bool(won),
            margin=margin,
            distance=distance,
            first_success_step=int(first),
            forwards=int(forwards),
            backwards=int(backwards),
            zero_gradients=int(zero),
            nonfinite_gradients=int(nonfinite),
            silent=bool(silent),
            trace=trace,
        )
        for image, trace, (won, margin, distance, first, forwards, backwards, zero, nonfinite, silent) in zip(
            images, traces, facts, strict=True
        )
    ]


def run_chains(chains: Iterable[Generator[Job, JobResult, None]], search: Search, *, lanes: int) -> None:
    """Drive all chains to their end with at most `lanes` jobs side by side.

    Args:
        chains: one generator per sample; it receives the result of each job that it yields.
        search: runs the jobs.
        lanes: capacity of the batch.
    """
    waiting = deque((chain, job) for chain in chains if (job := next(chain, None)) is not None)
    running: list[_Lane] = []
    state: State = {}
    clock = 0
    while waiting or running:
        fresh = [waiting.popleft() for _ in range(min(len(waiting), lanes - len(running)))]
        if fresh:
            state = _append(state, search.start([job for _, job in fresh]))
            running += [_Lane(chain, clock + search.length) for chain, _ in fresh]
        search.step(state, final=all(lane.end == clock + 1 for lane in running))
        clock += 1
        due = any(lane.end == clock for lane in running)
        if due or (not search.patient and clock % POLL.get(state["done"].device.type, POLL_ELSEWHERE) == 0):
            state, running = _collect(state, running, waiting)
            assert all(lane.end > clock for lane in running)


@dataclass(frozen=True)
class _Lane:
    """A running job: its chain, and the tick of the clock at which it must be over."""

    chain: Generator[Job, JobResult, None]
    end: int


def _collect(
    state: State, running: list[_Lane], waiting: deque[tuple[Generator[Job, JobResult, None], Job]]
) -> tuple[State, list[_Lane]]:
    done: list[bool] = state["done"].tolist()
    if not any(done):
        return state, running
    over = [place for place, ended in enumerate(done) if ended]
    for place, result in zip(over, harvest(state, over), strict=True):
        chain = running[place].chain
        try:
            waiting.append((chain, chain.send(result)))
        except StopIteration:
            continue
    keep = [place for place, ended in enumerate(done) if not ended]
    index = torch.tensor(keep, dtype=torch.int64, device=state["done"].device)
    return {name: rows[index] for name, rows in state.items()}, [running[place] for place in keep]


def _append(state: State, fresh: State) -> State:
    if not state or not len(state["done"]):
        return fresh
    return {name: torch.cat([rows, fresh[name]]) for name, rows in state.items()}
