"""What a defence is: a transform of images, or something around a network, that says how it must be attacked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from advwindow.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable


_PIECE = 2**16
"""Numbers that a CPU works on at a time, or one channel of more."""


class Declared(nn.Module):
    """A module that says how it must be attacked.

    Attributes:
        random: whether it draws from torch's global generator of the images' device.
        surrogate: what the backward pass uses in place of the forward pass's own gradient, in words; empty where the
            gradient is the forward pass's own.
        draws: passes worth averaging for a gradient (expectation over transformation: Athalye et al. 2018,
            arXiv 1707.07397); 1 where nothing is random.
    """

    random: bool = False
    surrogate: str = ""
    draws: int = 1

    @property
    def differentiable(self) -> bool:
        """Whether the backward pass is the forward pass's own gradient."""
        return not self.surrogate


class Defense(Declared):
    """A transform of images ``(N, C, H, W)`` in [0, 1] into images of the same shape, type and device, in [0, 1].

    Each image is treated by itself, and each gets draws of its own. The forward pass is exact; one that has no useful
    gradient carries a surrogate inside (BPDA: Athalye et al. 2018, arXiv 1802.00420, section 4.1), so that an ordinary
    attack on the defended network is the adaptive one. Each class has a ``forward`` of its own and puts all parameters
    into ``extra_repr``: `Classifier.sha256` reads both.
    """


class Chain(Defense):
    """Transforms one after the other, from left to right.

    Args:
        links: the transforms; what they declare is put together: random if one is, the surrogates joined, the most
            draws.

    Example:
        >>> from advwindow.defenses.randomised import Noise
        >>> Chain(Noise(sigma=0.1), Noise(sigma=0.2)).random
        True
    """

    def __init__(self, *links: Defense) -> None:
        super().__init__()
        self.links = nn.ModuleList(links)
        self.random, self.surrogate, self.draws = joined(*links)

    def forward(self, images: Tensor) -> Tensor:
        """Images ``(N, C, H, W)`` through all links."""
        for link in self.links:
            images = link(images)
        return images


class Foreign(Defense):
    """A transform that somebody else wrote; its attributes ``random``, ``surrogate`` and ``draws`` are believed.

    A surrogate ``"identity"`` is put in here; any other one tells what the transform's own backward pass does.

    Args:
        transform: any module from images to images.
        name: what messages call it.
    """

    def __init__(self, transform: nn.Module, *, name: str) -> None:
        super().__init__()
        self.transform = transform
        self.name = name
        self.random, self.surrogate, self.draws = declared(transform)

    def forward(self, images: Tensor) -> Tensor:
        """Images ``(N, C, H, W)``, transformed.

        Raises:
            UserError: what comes back has another shape.
        """
        shown = self._shown(images)
        if not isinstance(shown, Tensor) or shown.shape != images.shape:
            got = tuple(shown.shape) if isinstance(shown, Tensor) else type(shown).__name__
            raise UserError(
                f"the defense {self.name!r} does not return images",
                got=str(got),
                expected=f"a tensor of the images' own shape {tuple(images.shape)}",
            )
        return shown

    def _shown(self, images: Tensor) -> object:
        if self.surrogate != "identity":
            return self.transform(images)
        with torch.no_grad():
            shown = self.transform(images)
        fits = isinstance(shown, Tensor) and shown.shape == images.shape
        return straight_through(images, lambda _: shown) if fits else shown

    def extra_repr(self) -> str:
        """Its name and what it declares."""
        return f"{self.name}, random={self.random}, surrogate={self.surrogate!r}, draws={self.draws}"


def declared(module: nn.Module) -> tuple[bool, str, int]:
    """``(random, surrogate, draws)`` as a module declares them; where it does not: False, nothing, 1."""
    random, surrogate, draws = (getattr(module, name, None) for name in ("random", "surrogate", "draws"))
    return (
        random if isinstance(random, bool) else False,
        surrogate if isinstance(surrogate, str) else "",
        max(1, draws) if isinstance(draws, int) else 1,
    )


def joined(*modules: nn.Module) -> tuple[bool, str, int]:
    """What several modules declare together: random if one is, the surrogates joined, the most draws."""
    facts = [declared(module) for module in modules]
    surrogates = dict.fromkeys(text for _, surrogate, _ in facts for text in surrogate.split("; ") if text)
    return any(random for random, _, _ in facts), "; ".join(surrogates), max((draws for *_, draws in facts), default=1)


def straight_through(images: Tensor, exact: Callable[[Tensor], Tensor]) -> Tensor:
    """What `exact` makes of the images, with the gradient of the identity.

    To give it the gradient of another function, put in what that function returns and let `exact` ignore it.

    Args:
        images: any tensor.
        exact: computed without a graph; returns a new tensor of the same shape.

    Example:
        >>> x = torch.tensor([0.2, 0.7], requires_grad=True)
        >>> straight_through(x, torch.round).sum().backward()
        >>> x.grad
        tensor([1., 1.])
    """
    if not (torch.is_grad_enabled() and images.requires_grad):
        return exact(images)
    passed: Tensor = _StraightThrough.apply(images, exact)  # type: ignore[no-untyped-call]  # torch gives it no types
    return passed


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(_ctx: object, images: Tensor, exact: Callable[[Tensor], Tensor]) -> Tensor:
        return exact(images)

    @staticmethod
    def backward(_ctx: object, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0], None


def piecewise(compute: Callable[..., Tensor], *rows: Tensor) -> Tensor:
    """What `compute` makes of images; on a CPU some channels at a time, few enough for the processor's cache.

    Args:
        compute: tensors ``(n, 1, H, W)`` to one of this shape; each channel by itself.
        rows: tensors ``(N, C, H, W)``.
    """
    planes = [row.reshape(-1, 1, *row.shape[2:]) for row in rows]
    size = _PIECE if rows[0].device.type == "cpu" else rows[0].numel()
    count = max(1, size // max(1, planes[0][:1].numel()))
    pieces = zip(*(torch.split(plane, count) for plane in planes), strict=True)
    return torch.cat([compute(*piece) for piece in pieces]).reshape(rows[0].shape)


def within_box(images: Tensor) -> Tensor:
    """Images cut to [0, 1], where only rounding may have left it: the gradient passes the cut."""
    return straight_through(images, lambda values: values.clamp(0, 1))


def real(option: str, value: object, default: float, *, low: float, high: float) -> float:
    """A finite number above `low` and at most `high`.

    Args:
        option: ``defense?option``, for the message.
        value: what the user gave.
        default: shown in the message as an example.
        low: must be exceeded.
        high: may be reached.

    Raises:
        UserError: something else.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not low < value <= high:
        raise _unusable(option, value, default, f"a number above {low:g}, at most {high:g}")
    return float(value)


def whole(option: str, value: object, default: int, *, low: int, high: int) -> int:
    """A whole number from `low` to `high`; see `real`."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise _unusable(option, value, default, f"a whole number from {low} to {high}")
    return value


def flag(option: str, value: object, *, default: bool) -> bool:
    """``True`` or ``False``; see `real`."""
    if not isinstance(value, bool):
        raise _unusable(option, value, default, "True or False")
    return value


def _unusable(option: str, value: object, default: object, expected: str) -> UserError:
    return UserError(f"{option} cannot be used", got=str(value), expected=expected, fix=f"write {option}={default}")
