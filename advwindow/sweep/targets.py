"""Which class a targeted attack is to reach: rules by the network's own answers, by chance, or by the words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from advwindow.errors import UserError, did_you_mean
from advwindow.streams import stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

#: Rules without a number.
TARGETS = ("least-likely", "runner-up", "random")

_WORD_RANK = re.compile(r"word-rank:(0|1|0?\.\d+|1\.0+)")


class WordOrder(NamedTuple):
    """How alike the words of the classes are.

    Attributes:
        classes: ``(C,)`` class indices that may be targets, those with a word among the images.
        similarity: ``(C, C)`` of their words, of the kind that the window uses.
    """

    classes: NDArray[np.int64]
    similarity: NDArray[np.float64]


def check_target(rule: str) -> str:
    """The rule, if there is such a one.

    Raises:
        UserError: otherwise.
    """
    if rule in {"", *TARGETS} or _WORD_RANK.fullmatch(rule):
        return rule
    known = [*TARGETS, "word-rank:0", "word-rank:0.5", "word-rank:1"]
    expected = f"{', '.join(TARGETS)} or word-rank:F, F from 0 (nearest word) to 1 (farthest)"
    raise UserError("unknown rule for targets", got=rule, expected=expected, fix=did_you_mean(rule, known))


def choose_targets(
    rule: str,
    logits: Tensor,
    labels: Tensor,
    *,
    ids: tuple[str, ...],
    seed: int,
    words: Callable[[], WordOrder],
) -> Tensor:
    """A class to reach for each sample, never the true one.

    Args:
        rule: ``"least-likely"``, ``"runner-up"`` (the most likely wrong class), ``"random"``, or ``"word-rank:F"``: of
            all other classes with a word, ordered from the nearest word to the true one to the farthest, that at the
            fraction F from 0 to 1 (the adversarial study of Words as a Window). Images of classes without a word,
            which the window leaves out, then take the runner-up.
        logits: ``(N, K)`` clean.
        labels: ``(N,)`` true classes.
        ids: keys of the random streams.
        seed: the user's seed.
        words: gives the order of words where the rule needs it.
    """
    wrong = logits.scatter(1, labels[:, None], torch.nan)
    if rule == "least-likely":
        return wrong.nan_to_num(torch.inf).argmin(1)
    if rule == "random":
        steps = [int(stream(seed, "target", name).integers(1, logits.shape[1])) for name in ids]
        return (labels + torch.tensor(steps, device=labels.device)) % logits.shape[1]
    runner_up = wrong.nan_to_num(-torch.inf).argmax(1)
    return runner_up if rule == "runner-up" else _by_word(float(rule.partition(":")[2]), labels, runner_up, words())


def _by_word(fraction: float, labels: Tensor, otherwise: Tensor, order: WordOrder) -> Tensor:
    place = round(fraction * (len(order.classes) - 2))
    farther = np.argsort(-order.similarity, axis=1, kind="stable")
    target = {
        int(own): int(order.classes[[other for other in row if other != at][place]])
        for at, (own, row) in enumerate(zip(order.classes, farther, strict=True))
    }
    pairs = zip(labels.tolist(), otherwise.tolist(), strict=True)
    return torch.tensor([target.get(label, instead) for label, instead in pairs], device=labels.device)
