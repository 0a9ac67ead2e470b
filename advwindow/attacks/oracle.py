"""What a search may ask the network: logits, and input gradients with the accidents counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from advwindow.models import Classifier, Reduced

Answer = TypeVar("Answer")


class Slope(NamedTuple):
    """Logits and gradient at ``N`` points.

    Attributes:
        logits: ``(N, K)``, detached.
        gradient: ``(N, C, H, W)`` of each sample's own loss; NaN and infinite entries replaced by 0.
        zero: ``(N,)`` bool: the gradient vanished.
        nonfinite: ``(N,)`` bool: the gradient had entries that were replaced.
    """

    logits: Tensor
    gradient: Tensor
    zero: Tensor
    nonfinite: Tensor


class Oracle:
    """A frozen network, asked in batches that fit into memory.

    Where memory runs out the batch is halved, for good, and the question asked again, so a search never notices.

    Args:
        model: frozen: only the gradient of the input is computed.
        draws: passes that are averaged; more than one for networks that draw at random (expectation over
            transformation: Athalye et al. 2018, arXiv 1707.07397).
        rough: the same network in reduced precision, where that is faster.

    Attributes:
        rough: asks that network; None where there is none.
        deviation: how far it is off, as `Reduced` says; 0 without it.
    """

    def __init__(self, model: Classifier, *, draws: int = 1, rough: Reduced | None = None) -> None:
        self.model = model
        self.draws = draws
        self.rough = None if rough is None else Oracle(rough.model)
        self.deviation = 0.0 if rough is None else rough.deviation
        self.largest_batch: int | None = None

    def logits(self, images: Tensor) -> Tensor:
        """Logits ``(N, K)`` of images ``(N, C, H, W)``, without any graph."""

        def ask(span: slice) -> Tensor:
            passes = [logits_at(self.model, images[span]) for _ in range(self.draws)]
            return passes[0] if len(passes) == 1 else torch.stack(passes).mean(0)

        return torch.cat(self._in_pieces(len(images), ask))

    def slope(self, images: Tensor, loss: Callable[..., Tensor], *rows: Tensor) -> Slope:
        """Logits and gradients; see `slope_at`."""

        def ask(span: slice) -> Slope:
            cut = [row[span] for row in rows]
            return _average([slope_at(self.model, images[span], loss, *cut) for _ in range(self.draws)])

        pieces = self._in_pieces(len(images), ask)
        return pieces[0] if len(pieces) == 1 else Slope(*(torch.cat(column) for column in zip(*pieces, strict=True)))

    def _in_pieces(self, count: int, ask: Callable[[slice], Answer]) -> list[Answer]:
        while True:
            step = max(1, min(count, self.largest_batch or count))
            try:
                return [ask(slice(start, start + step)) for start in range(0, count, step)]
            except (RuntimeError, MemoryError) as error:
                if step == 1 or not out_of_memory(error):
                    raise
            self.largest_batch = step // 2  # here, where the traceback no longer holds the failed pass's tensors
            torch.cuda.empty_cache()


def out_of_memory(error: BaseException) -> bool:
    """Whether a device or the machine had no memory left."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def logits_at(model: Classifier, images: Tensor) -> Tensor:
    """Logits without any graph."""
    with torch.no_grad():
        logits: Tensor = model(images)
    return logits


def slope_at(model: Classifier, images: Tensor, loss: Callable[..., Tensor], *rows: Tensor) -> Slope:
    """One forward and one backward pass.

    Losses are summed, so that no sample's gradient depends on how many others share its batch.

    Args:
        model: frozen: only the gradient of the input is computed.
        images: ``(N, C, H, W)``.
        loss: logits ``(N, K)`` and `rows` to one value per sample ``(N,)``.
        rows: ``(N, ...)`` what the loss needs besides.
    """
    point = images.detach().requires_grad_()
    with torch.enable_grad():
        logits = model(point)
        values = loss(logits, *rows)
        gradient = torch.autograd.grad(values.sum(), point, allow_unused=True)[0] if values.requires_grad else None
    gradient = torch.zeros_like(images) if gradient is None else gradient
    nonfinite = ~gradient.isfinite().flatten(1).all(1)
    gradient = gradient.nan_to_num(0.0, 0.0, 0.0)
    zero = gradient.flatten(1).abs().amax(1) == 0
    return Slope(logits.detach(), gradient, zero, nonfinite)


def _average(passes: list[Slope]) -> Slope:
    if len(passes) == 1:
        return passes[0]
    gradient = torch.stack([each.gradient for each in passes]).mean(0)
    return Slope(
        torch.stack([each.logits for each in passes]).mean(0),
        gradient,
        gradient.flatten(1).abs().amax(1) == 0,
        torch.stack([each.nonfinite for each in passes]).any(0),
    )
