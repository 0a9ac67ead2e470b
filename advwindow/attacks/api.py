"""The attacks as functions: network, images, labels and a budget in, judged outcomes out."""

from __future__ import annotations

import inspect
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, overload

from advwindow.attacks.budget import make_budgets
from advwindow.attacks.catalog import NATIVE, check_budget, default_norm, make_attack
from advwindow.attacks.door import perform

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from advwindow.attacks.outcome import Outcome
    from advwindow.models import Classifier

#: Several epsilons (a sequence of text, but not a text itself).
Several: TypeAlias = list[str] | list[float] | tuple[str | float, ...]


class AttackFunction(Protocol):
    """An attack of ours as a function; ``help()`` of one lists its own parameters."""

    @overload
    def __call__(
        self,
        model: Classifier,
        images: Tensor,
        labels: Tensor,
        *,
        eps: str | float | None = ...,
        norm: str | None = ...,
        target: Tensor | None = ...,
        seed: int = ...,
        ids: Sequence[str] | None = ...,
        batch_size: int | None = ...,
        **parameters: Any,  # noqa: ANN401 - each attack has its own, checked when called
    ) -> Outcome: ...
    @overload
    def __call__(
        self,
        model: Classifier,
        images: Tensor,
        labels: Tensor,
        *,
        eps: Several,
        norm: str | None = ...,
        target: Tensor | None = ...,
        seed: int = ...,
        ids: Sequence[str] | None = ...,
        batch_size: int | None = ...,
        **parameters: Any,  # noqa: ANN401 - as above
    ) -> list[Outcome]: ...


def run_attack(
    name: str,
    model: Classifier,
    images: Tensor,
    labels: Tensor,
    *,
    eps: str | float | Several | None = None,
    norm: str | None = None,
    target: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    batch_size: int | None = None,
    draws: int | None = None,
    **parameters: Any,  # noqa: ANN401 - each attack has its own, checked by the catalogue
) -> list[Outcome]:
    """Run an attack by name, also ``torchattacks:NAME`` and ``foolbox:NAME``: one judged `Outcome` per epsilon.

    Args:
        name: of the attack, see `attack_names`.
        model: the network; left exactly as found.
        images: ``(N, C, H, W)`` in [0, 1].
        labels: ``(N,)`` true classes; samples that are already misclassified are not attacked.
        eps: epsilon in pixel units, best as text (``"8/255"``); a list of them gives one outcome each, and they share
            their work; None seeks the smallest perturbation, where the attack can.
        norm: ``"linf"``, ``"l2"``, ``"l1"`` or ``"l0"``; the attack's own by default.
        target: ``(N,)`` classes to reach, instead of merely leaving the true one.
        seed: keys all random streams, together with the sample's id and the restart.
        ids: one stable id per sample; the position by default.
        batch_size: samples side by side; changes speed and memory, and results only by rounding.
        draws: passes averaged for a gradient of a network that draws at random; 8 by default.
        parameters: the attack's own.

    Raises:
        UserError: an argument that cannot be used.
        MissingExtraError: a back end that is not installed.
    """
    attack = make_attack(name, parameters)
    budgets = make_budgets(eps, norm or default_norm(name, parameters))
    for budget in budgets:
        check_budget(name, parameters, budget)
    return perform(
        name,
        attack,
        model,
        images,
        labels,
        budgets,
        target=target,
        seed=seed,
        ids=ids,
        batch_size=batch_size,
        draws=draws,
    )


def attack_function(name: str) -> AttackFunction:
    """The attack of ours of that name as a function with its own help and signature."""
    kind = NATIVE[name].make

    def function(
        model: Classifier,
        images: Tensor,
        labels: Tensor,
        *,
        eps: str | float | Several | None = None,
        **options: Any,  # noqa: ANN401 - as above
    ) -> Outcome | list[Outcome]:
        outcomes = run_attack(name, model, images, labels, eps=eps, **options)
        return outcomes if isinstance(eps, list | tuple) else outcomes[0]

    function.__name__ = function.__qualname__ = name.replace("-", "_")
    function.__doc__ = f"{inspect.getdoc(kind)}\n\nThe arguments that all attacks share are those of `run_attack`."
    function.__signature__ = _signature(kind)  # type: ignore[attr-defined] # a function takes any attribute
    made: AttackFunction = function  # type: ignore[assignment] # the overloads tell more than the union
    return made


def _signature(kind: type) -> inspect.Signature:
    shared = dict(inspect.signature(run_attack).parameters)
    own = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=field.type,
        )
        for field in fields(kind)
    ]
    kept = [parameter for name, parameter in shared.items() if name not in ("name", "parameters")]
    return inspect.Signature([*kept, *own], return_annotation="Outcome | list[Outcome]")


fgsm = attack_function("fgsm")
bim = attack_function("bim")
mi_fgsm = attack_function("mi-fgsm")
pgd = attack_function("pgd")
apgd = attack_function("apgd")
cw = attack_function("cw")
ddn = attack_function("ddn")
fab = attack_function("fab")
fmn = attack_function("fmn")
sigma_zero = attack_function("sigma-zero")
square = attack_function("square")
hop_skip_jump = attack_function("hop-skip-jump")
auto = attack_function("auto")
auto_quick = attack_function("auto-quick")
