"""The attacks as functions: network, images, labels and a budget in, judged outcomes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, TypedDict, Unpack, overload

from advwindow.attacks.budget import make_budgets
from advwindow.attacks.carlini import CW
from advwindow.attacks.door import perform
from advwindow.attacks.gradient import FGSM, PGD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from advwindow.attacks.descent import Until
    from advwindow.attacks.outcome import Outcome
    from advwindow.models import Classifier


#: Several epsilons (a sequence of text, but not a text itself).
Several: TypeAlias = list[str] | tuple[str, ...]


class Common(TypedDict, total=False):
    """What every attack takes; see `pgd`."""

    target: Tensor | None
    seed: int
    ids: Sequence[str] | None
    batch_size: int | None


class FGSMOptions(Common, total=False):
    """Options of `fgsm`."""

    norm: str
    loss: str


class PGDOptions(Common, total=False):
    """Options of `pgd`."""

    norm: str
    steps: int
    step_size: str | float | None
    restarts: int
    random_start: bool
    loss: str
    until: Until


class CWOptions(Common, total=False):
    """Options of `cw`."""

    steps: int
    search_steps: int
    initial_c: float
    learning_rate: float
    kappa: float
    plateau: float


@overload
def fgsm(
    model: Classifier, images: Tensor, labels: Tensor, *, eps: str | float, **options: Unpack[FGSMOptions]
) -> Outcome: ...
@overload
def fgsm(
    model: Classifier, images: Tensor, labels: Tensor, *, eps: Several, **options: Unpack[FGSMOptions]
) -> list[Outcome]: ...
def fgsm(
    model: Classifier,
    images: Tensor,
    labels: Tensor,
    *,
    eps: str | float | Several,
    norm: str = "linf",
    loss: str = "ce",
    target: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    batch_size: int | None = None,
) -> Outcome | list[Outcome]:
    """Fast gradient sign method (Goodfellow, Shlens, Szegedy 2015, arXiv 1412.6572): one step of length epsilon.

    Args:
        model: the network; left exactly as found.
        images: ``(N, C, H, W)`` in [0, 1].
        labels: ``(N,)`` true classes; samples that are already misclassified are not attacked.
        eps: epsilon in pixel units, best as text (``"8/255"``); a list gives one `Outcome` each.
        norm: ``"linf"`` or ``"l2"``.
        loss: ``"ce"`` (cross-entropy) or ``"margin"`` (difference of logits).
        target: ``(N,)`` classes to reach, instead of merely leaving the true one.
        seed: accepted by all attacks alike; this one draws nothing.
        ids: one stable id per sample.
        batch_size: samples side by side.

    Raises:
        UserError: an argument that cannot be used.

    Example:
        >>> import torch
        >>> from advwindow.models import Classifier
        >>> net = Classifier(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2)))
        >>> x = torch.rand(3, 1, 2, 2)
        >>> bool(fgsm(net, x, net(x).argmax(1), eps="8/255").distance.max() <= 8 / 255)
        True
    """
    common = Common(target=target, seed=seed, ids=ids, batch_size=batch_size)
    outcomes = perform("fgsm", FGSM(loss), model, images, labels, make_budgets(eps, norm), **common)
    return outcomes if isinstance(eps, list | tuple) else outcomes[0]


@overload
def pgd(
    model: Classifier, images: Tensor, labels: Tensor, *, eps: str | float, **options: Unpack[PGDOptions]
) -> Outcome: ...
@overload
def pgd(
    model: Classifier, images: Tensor, labels: Tensor, *, eps: Several, **options: Unpack[PGDOptions]
) -> list[Outcome]: ...
def pgd(
    model: Classifier,
    images: Tensor,
    labels: Tensor,
    *,
    eps: str | float | Several,
    norm: str = "linf",
    steps: int = 10,
    step_size: str | float | None = None,
    restarts: int = 1,
    random_start: bool = True,
    loss: str = "ce",
    until: Until = "end",
    target: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    batch_size: int | None = None,
) -> Outcome | list[Outcome]:
    """Projected gradient descent (Madry et al. 2018, arXiv 1706.06083); the best iterate is returned, not the last.

    Args:
        model: the network; left exactly as found.
        images: ``(N, C, H, W)`` in [0, 1].
        labels: ``(N,)`` true classes; samples that are already misclassified are not attacked.
        eps: epsilon in pixel units, best as text (``"8/255"``); a list gives one `Outcome` each.
        norm: ``"linf"`` or ``"l2"``.
        steps: gradients per restart.
        step_size: length of a step in pixel units (``"2/255"``); 2.5 epsilon / steps by default.
        restarts: number of starts.
        random_start: start at a random point of the ball; without it at the image.
        loss: ``"ce"`` (cross-entropy) or ``"margin"`` (difference of logits).
        until: ``"end"`` returns the strongest example at the budget (for geometry); ``"success"`` stops each sample at
            its first success, which counts at every larger epsilon too (for robust accuracy, much cheaper).
        target: ``(N,)`` classes to reach, instead of merely leaving the true one.
        seed: keys the random starts, together with the sample's id and the restart.
        ids: one stable id per sample; the position by default.
        batch_size: samples side by side; changes speed and memory, and results only by rounding.

    Raises:
        UserError: an argument that cannot be used.
    """
    attack = PGD(steps, step_size, restarts, random_start, loss, until)
    common = Common(target=target, seed=seed, ids=ids, batch_size=batch_size)
    outcomes = perform("pgd", attack, model, images, labels, make_budgets(eps, norm), **common)
    return outcomes if isinstance(eps, list | tuple) else outcomes[0]


@overload
def cw(
    model: Classifier, images: Tensor, labels: Tensor, *, eps: str | float | None = ..., **options: Unpack[CWOptions]
) -> Outcome: ...
@overload
def cw(
    model: Classifier, images: Tensor, labels: Tensor, *, eps: Several, **options: Unpack[CWOptions]
) -> list[Outcome]: ...
def cw(
    model: Classifier,
    images: Tensor,
    labels: Tensor,
    *,
    eps: str | float | Several | None = None,
    steps: int = 200,
    search_steps: int = 9,
    initial_c: float = 1e-2,
    learning_rate: float = 1e-2,
    kappa: float = 0.0,
    plateau: float = 1e-3,
    target: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    batch_size: int | None = None,
) -> Outcome | list[Outcome]:
    """The L2 attack of Carlini and Wagner (2017, arXiv 1608.04644, section VI-A): the smallest perturbation.

    Args:
        model: the network; left exactly as found.
        images: ``(N, C, H, W)`` in [0, 1].
        labels: ``(N,)`` true classes; samples that are already misclassified are not attacked.
        eps: None returns the smallest perturbation found; an L2 epsilon counts it as success only within that size.
        steps: gradients for each constant.
        search_steps: constants tried for each sample: times 10 until the first success, then halving the interval.
        initial_c: first constant.
        learning_rate: Adam's, in tanh space.
        kappa: confidence: the wrong class must win by this many logits.
        plateau: a constant is given up when its loss fell by less than this share over a tenth of its steps; 0 never.
        target: ``(N,)`` classes to reach, instead of merely leaving the true one.
        seed: accepted by all attacks alike; this one draws nothing.
        ids: one stable id per sample.
        batch_size: samples side by side; changes speed and memory, and results only by rounding.

    Raises:
        UserError: an argument that cannot be used.
    """
    attack = CW(steps, search_steps, initial_c, learning_rate, kappa, plateau)
    common = Common(target=target, seed=seed, ids=ids, batch_size=batch_size)
    outcomes = perform("cw", attack, model, images, labels, make_budgets(eps, "l2"), **common)
    return outcomes if isinstance(eps, list | tuple) else outcomes[0]
