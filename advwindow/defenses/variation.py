"""Total variation denoising."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from advwindow.defenses.base import Defense, piecewise, real, whole, within_box


class TotalVariation(Defense):
    """Each channel u minimises ``|u - image|**2 / 2 + weight * TV(u)``, TV isotropic (Rudin, Osher and Fatemi 1992).

    Solved by accelerated projected gradient steps on the dual (Beck and Teboulle 2009, "Fast gradient-based algorithms
    for constrained total variation image denoising", algorithm FGP without the constraint). The gradient is that of all
    steps, unrolled; it passes the last cut to [0, 1], which only matters where the steps have not converged yet.

    Args:
        weight: how much flatness counts, above 0, at most 10.
        steps: 1 to 1000.
    """

    def __init__(self, weight: float = 0.1, steps: int = 30) -> None:
        super().__init__()
        self.weight = real("tv?weight", weight, 0.1, low=0, high=10)
        self.steps = whole("tv?steps", steps, 30, low=1, high=1000)

    def forward(self, images: Tensor) -> Tensor:
        """Images ``(N, C, H, W)``, denoised."""

        def denoised(piece: Tensor) -> Tensor:
            primal: Tensor = _Denoised.apply(piece, self.weight, self.steps)  # type: ignore[no-untyped-call]  # torch gives it no types
            return primal

        return within_box(piecewise(denoised, images))

    def extra_repr(self) -> str:
        """The parameters."""
        return f"weight={self.weight}, steps={self.steps}"


class _Denoised(torch.autograd.Function):
    """``image + weight * divergence(dual)`` after all steps; keeps each step's unprojected dual for the backward pass.

    The adjoint is written out: recorded operation by operation it takes several times the memory and time.
    """

    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: float, steps: int) -> Tensor:  # noqa: ANN401 - torch types it so
        ctx.weight, ctx.rates = weight, _momentum(steps)
        ctx.raised = []
        dual = ahead = images.new_zeros(2, *images.shape)
        for rate in ctx.rates:
            raised = torch.add(ahead, _slope(_primal(images, ahead, weight)), alpha=1 / (8 * weight))
            moved = raised / _length(raised)
            dual, ahead = moved, torch.lerp(dual, moved, 1 + rate)
            if ctx.needs_input_grad[0]:
                ctx.raised.append(raised)
        return _primal(images, dual, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401 - torch types it so
        weight, total = ctx.weight, grad.clone()
        for_dual = _slope(grad).mul_(-weight)
        for_ahead = torch.zeros_like(for_dual)
        for rate, raised in zip(reversed(ctx.rates), reversed(ctx.raised), strict=True):
            for_moved = torch.add(for_dual, for_ahead, alpha=1 + rate)
            for_dual = for_ahead.mul_(-rate)
            length = _length(raised)
            unit = raised / length
            along = (unit * for_moved).sum(0).mul_(length > 1)
            for_raised = for_moved.sub_(unit.mul_(along)).div_(length)
            for_primal = _divergence(for_raised).mul_(-1 / (8 * weight))
            total += for_primal
            for_ahead = torch.add(for_raised, _slope(for_primal), alpha=-weight)
        return total, None, None


def _primal(images: Tensor, dual: Tensor, weight: float) -> Tensor:
    return torch.add(images, _divergence(dual), alpha=weight)


def _length(dual: Tensor) -> Tensor:
    """Euclidean length ``(N, C, H, W)`` of each pixel's two numbers, at least 1."""
    down, right = dual.unbind()
    return (down * down).addcmul_(right, right).clamp_min_(1).sqrt_()


def _momentum(steps: int) -> list[float]:
    """How far each step looks ahead: ``(t_k - 1) / t_(k+1)``."""
    rates, t = [], 1.0
    for _ in range(steps):
        following = (1 + (1 + 4 * t * t) ** 0.5) / 2
        rates.append((t - 1) / following)
        t = following
    return rates


def _slope(images: Tensor) -> Tensor:
    """Forward differences ``(2, N, C, H, W)`` downwards and to the right; 0 at the last row and column."""
    slope = images.new_zeros(2, *images.shape)
    torch.sub(images[:, :, 1:], images[:, :, :-1], out=slope[0, :, :, :-1])
    torch.sub(images[:, :, :, 1:], images[:, :, :, :-1], out=slope[1, :, :, :, :-1])
    return slope


def _divergence(dual: Tensor) -> Tensor:
    """The negative adjoint of `_slope` ``(N, C, H, W)``; what stands in the last row and column does not count."""
    down, right = dual.unbind()
    total = torch.zeros_like(down)
    total[:, :, :-1] += down[:, :, :-1]
    total[:, :, 1:] -= down[:, :, :-1]
    total[:, :, :, :-1] += right[:, :, :, :-1]
    total[:, :, :, 1:] -= right[:, :, :, :-1]
    return total
