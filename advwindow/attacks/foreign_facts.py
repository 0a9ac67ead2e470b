"""What torchattacks and foolbox do not tell about their own attacks: norms, access, needs and costs.

Costs are the most forward and backward passes that one sample can take, read off the loops of torchattacks 3.5.1 and
foolbox 3.3.4 and confirmed by counting.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from advwindow.attacks.door import Cost

Access = Literal["white", "score", "decision"]
Goals = Literal["any", "untargeted", "targeted"]
#: Parameters, and ``"classes"`` (NaN where the network is not known), to forward and backward passes of one sample.
Formula = Callable[[Mapping[str, Any]], tuple[float, float]]

ALL_NORMS = ("l2", "linf", "l1", "l0")


@dataclass(frozen=True)
class Facts:
    """Facts about one attack of another library.

    Attributes:
        cost: most passes for one sample; None where its loops end by no count.
        norms: norms it works in, the natural one first; none where the class itself tells.
        access: what it needs of the network: gradients (white), logits (score), or the label alone (decision).
        goals: what can be asked of it.
        needs: what it needs beyond images and a network, in words.
        defaults: parameters that the library leaves to its user.
    """

    cost: Formula | None = None
    norms: tuple[str, ...] = ()
    access: Access = "white"
    goals: Goals = "any"
    needs: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def passes(self, parameters: Mapping[str, Any], classes: int | None) -> Cost | None:
        """Most passes of one sample; None where they depend on what is not known, or on parameters of no use."""
        if self.cost is None:
            return None
        try:
            spent = self.cost({**parameters, "classes": math.nan if classes is None else classes})
            return Cost(*(math.ceil(part) for part in spent))
        except (TypeError, ValueError, OverflowError):  # text for a number, NaN, infinity: the library will complain
            return None


#: Classes of the libraries that are no attacks by themselves, with the reason.
NOT_ATTACKS: dict[str, dict[str, str]] = {
    "torchattacks": {
        "LGV": "it first trains the network further, on training images",
        "MultiAttack": "it takes attack objects: name several attacks instead, and see the worst case",
    },
    "foolbox": {},
}


def _each(*, times: str = "", steps: str = "steps", forwards: int = 0) -> Formula:
    """A gradient at each step, or as many as another parameter says, and some more forward passes."""

    def cost(p: Mapping[str, Any]) -> tuple[float, float]:
        gradients = p[steps] * (p[times] if times else 1)
        return gradients + forwards, gradients

    return cost


def _asking(count: Callable[[Mapping[str, Any]], float]) -> Formula:
    """Forward passes only."""
    return lambda p: (count(p), 0)


def _apgd(p: Mapping[str, Any]) -> tuple[float, float]:
    gradients = p["n_restarts"] * p["eot_iter"] * (p["steps"] + 1)
    return gradients + 1, gradients


def _apgdt(p: Mapping[str, Any]) -> tuple[float, float]:
    runs = p["n_restarts"] * (p["classes"] - 1)
    gradients = runs * p["eot_iter"] * (p["steps"] + 1)
    return gradients + runs + 1, gradients


def _fab(p: Mapping[str, Any]) -> tuple[float, float]:
    targets, gradients = (p["classes"] - 1, 1) if p["multi_targeted"] else (1, p["classes"])
    runs = p["n_restarts"] * targets
    return runs * (2 * p["steps"] + 3) + 1, runs * p["steps"] * gradients


def _square(p: Mapping[str, Any]) -> float:
    return float(p["n_restarts"] * (p["n_queries"] + 2) + 1)


def _autoattack(p: Mapping[str, Any]) -> tuple[float, float]:
    """Version "standard": APGD, APGD-T, FAB-T and Square as torchattacks sets them, and a look after each."""
    if p["version"] != "standard":
        return math.nan, math.nan
    known = {"classes": p["classes"], "steps": 10, "n_restarts": 1, "eot_iter": 1, "multi_targeted": True}
    parts = [_apgd(known), _apgdt(known), _fab(known), (_square({"n_restarts": 1, "n_queries": 5000}), 0.0)]
    return sum(part[0] + 1 for part in parts), sum(part[1] for part in parts)


def _elastic_net(*, steps: str) -> Formula:
    def cost(p: Mapping[str, Any]) -> tuple[float, float]:
        gradients = p["binary_search_steps"] * p[steps]
        return 2 * gradients + 1, gradients

    return cost


def _deepfool(p: Mapping[str, Any]) -> tuple[float, float]:
    return p["steps"], p["steps"] * p["classes"]


def _sparsefool(p: Mapping[str, Any]) -> tuple[float, float]:
    return p["steps"] * 52, p["steps"] * (50 * p["classes"] + 1)


def _top_classes(p: Mapping[str, Any]) -> tuple[float, float]:
    gradients = p["steps"] * (min(p["candidates"] or p["classes"], p["classes"]) - 1)
    return gradients + 2, gradients


#: What the starting points of foolbox's decision-based attacks can cost: noise images, then a line to each.
_START = 1000 + 1001 + 2

_ONE_STEP: Formula = lambda _: (1, 1)  # noqa: E731 - a row of the table
_FREE: Formula = lambda _: (0, 0)  # noqa: E731 - a row of the table
_COLOUR = "images of three channels"

TORCHATTACKS: dict[str, Facts] = {
    "APGD": Facts(_apgd, ("linf", "l2"), goals="untargeted"),
    "APGDT": Facts(_apgdt, ("linf", "l2"), goals="untargeted", needs="at least four classes"),
    "AutoAttack": Facts(_autoattack, ("linf", "l2"), goals="untargeted", needs="at least four classes"),
    "BIM": Facts(_each()),
    "CW": Facts(_each(), ("l2",)),
    "DIFGSM": Facts(_each()),
    "DeepFool": Facts(_deepfool, ("l2",), goals="untargeted"),
    "EADEN": Facts(_elastic_net(steps="max_iterations"), ("l2",), needs="max_iterations of at least 10"),
    "EADL1": Facts(_elastic_net(steps="max_iterations"), ("l1",), needs="max_iterations of at least 10"),
    "EOTPGD": Facts(_each(times="eot_iter")),
    "FAB": Facts(_fab, ("linf", "l2"), goals="untargeted"),  # given targets it takes every sample for fooled already
    "FFGSM": Facts(_ONE_STEP),
    "FGSM": Facts(_ONE_STEP),
    "GN": Facts(_FREE, ("l2",), "decision", "untargeted"),
    "JSMA": Facts(None, ("l0",), needs="small images: its memory grows with the square of their values"),
    "Jitter": Facts(_each()),
    "MIFGSM": Facts(_each()),
    "NIFGSM": Facts(_each()),
    "OnePixel": Facts(None, ("l0",), "score"),  # its cost grows with the number of pixels that the budget allows
    "PGD": Facts(_each()),
    "PGDL2": Facts(_each(), ("l2",)),
    "PGDRS": Facts(_each(times="noise_batch_size")),
    "PGDRSL2": Facts(_each(times="noise_batch_size"), ("l2",)),
    "PIFGSM": Facts(_each(steps="num_iter_set"), goals="untargeted", needs=_COLOUR),
    "PIFGSMPP": Facts(_each(steps="num_iter_set"), needs=_COLOUR),
    "Pixle": Facts(_asking(lambda p: 2 * p["restarts"] * p["max_iterations"] + 1), ("l0",), "score"),
    "RFGSM": Facts(_each()),
    "SINIFGSM": Facts(_each(times="m")),
    "SPSA": Facts(_asking(lambda p: 2 * p["nb_iter"] * p["nb_sample"]), access="score"),
    "SparseFool": Facts(_sparsefool, ("l0",), goals="untargeted"),
    "Square": Facts(_asking(_square), ("linf", "l2"), "score"),
    "TIFGSM": Facts(_each(), needs=_COLOUR),
    "TPGD": Facts(_each(forwards=1), goals="untargeted"),
    "UPGD": Facts(_each(times="eot_iter")),
    "VANILA": Facts(_FREE, ALL_NORMS, "decision", "untargeted"),
    "VMIFGSM": Facts(lambda p: (p["steps"] * (p["N"] + 1),) * 2),
    "VNIFGSM": Facts(lambda p: (p["steps"] * (p["N"] + 1),) * 2),
}
_BRENDEL_BETHGE = Facts(lambda p: (_START + p["binary_search_steps"] + p["steps"] + 3, p["steps"]), needs="numba")
_REPEATED = Facts(_asking(lambda p: p["repeats"] + 2), access="decision")
_NOISE = Facts(_asking(lambda _: 1), access="decision")
_STEP_AND_LOOK = Facts(lambda _: (2, 1), goals="untargeted")
_STEPS_AND_LOOK = Facts(_each(forwards=1))

FOOLBOX: dict[str, Facts] = {
    "BinarizationRefinementAttack": Facts(
        _asking(lambda _: _START + 3), access="decision", needs="a network that binarises its input"
    ),
    "BinarySearchContrastReductionAttack": Facts(_asking(lambda p: p["binary_search_steps"] + 1), access="decision"),
    "BoundaryAttack": Facts(_asking(lambda p: _START + 2 * p["steps"] + 2), access="decision"),
    "DDNAttack": _STEPS_AND_LOOK,
    "DatasetAttack": Facts(_asking(lambda _: 3), access="decision"),
    "EADAttack": Facts(_elastic_net(steps="steps")),
    "GaussianBlurAttack": Facts(_asking(lambda p: p["steps"] + 2), access="decision"),
    "GenAttack": Facts(_asking(lambda p: p["steps"] * p["population"] + 1), access="score", goals="targeted"),
    "HopSkipJumpAttack": Facts(None, ("l2", "linf"), "decision"),
    "InversionAttack": _NOISE,
    "L0BrendelBethgeAttack": _BRENDEL_BETHGE,
    "L0FMNAttack": _STEPS_AND_LOOK,
    "L1AdamBasicIterativeAttack": _STEPS_AND_LOOK,
    "L1AdamProjectedGradientDescentAttack": _STEPS_AND_LOOK,
    "L1BasicIterativeAttack": _STEPS_AND_LOOK,
    "L1BrendelBethgeAttack": _BRENDEL_BETHGE,
    "L1FMNAttack": _STEPS_AND_LOOK,
    "L1FastGradientAttack": _STEP_AND_LOOK,
    "L1MomentumIterativeFastGradientMethod": _STEPS_AND_LOOK,
    "L1ProjectedGradientDescentAttack": _STEPS_AND_LOOK,
    "L2AdamBasicIterativeAttack": _STEPS_AND_LOOK,
    "L2AdamProjectedGradientDescentAttack": _STEPS_AND_LOOK,
    "L2AdditiveGaussianNoiseAttack": _NOISE,
    "L2AdditiveUniformNoiseAttack": _NOISE,
    "L2BasicIterativeAttack": _STEPS_AND_LOOK,
    "L2BrendelBethgeAttack": _BRENDEL_BETHGE,
    "L2CarliniWagnerAttack": Facts(_each(times="binary_search_steps", forwards=1)),
    "L2ClippingAwareAdditiveGaussianNoiseAttack": _NOISE,
    "L2ClippingAwareAdditiveUniformNoiseAttack": _NOISE,
    "L2ClippingAwareRepeatedAdditiveGaussianNoiseAttack": _REPEATED,
    "L2ClippingAwareRepeatedAdditiveUniformNoiseAttack": _REPEATED,
    "L2ContrastReductionAttack": _NOISE,
    "L2DeepFoolAttack": Facts(_top_classes, goals="untargeted"),
    "L2FMNAttack": _STEPS_AND_LOOK,
    "L2FastGradientAttack": _STEP_AND_LOOK,
    "L2MomentumIterativeFastGradientMethod": _STEPS_AND_LOOK,
    "L2ProjectedGradientDescentAttack": _STEPS_AND_LOOK,
    "L2RepeatedAdditiveGaussianNoiseAttack": _REPEATED,
    "L2RepeatedAdditiveUniformNoiseAttack": _REPEATED,
    "LInfFMNAttack": _STEPS_AND_LOOK,
    "LinearSearchBlendedUniformNoiseAttack": Facts(
        _asking(lambda p: p["directions"] + p["steps"] + 2), access="decision"
    ),
    "LinearSearchContrastReductionAttack": Facts(_asking(lambda p: p["steps"] + 1), access="decision"),
    "LinfAdamBasicIterativeAttack": _STEPS_AND_LOOK,
    "LinfAdamProjectedGradientDescentAttack": _STEPS_AND_LOOK,
    "LinfAdditiveUniformNoiseAttack": _NOISE,
    "LinfBasicIterativeAttack": _STEPS_AND_LOOK,
    "LinfDeepFoolAttack": Facts(_top_classes, goals="untargeted"),
    "LinfFastGradientAttack": _STEP_AND_LOOK,
    "LinfMomentumIterativeFastGradientMethod": _STEPS_AND_LOOK,
    "LinfProjectedGradientDescentAttack": _STEPS_AND_LOOK,
    "LinfRepeatedAdditiveUniformNoiseAttack": _REPEATED,
    "LinfinityBrendelBethgeAttack": _BRENDEL_BETHGE,
    "NewtonFoolAttack": Facts(_each(forwards=1), goals="untargeted"),
    "PointwiseAttack": Facts(None, ("l0", "l2", "linf", "l1"), "decision"),
    "SaltAndPepperNoiseAttack": Facts(_asking(lambda p: p["steps"] + 2), access="decision"),
    "SparseL1DescentAttack": _STEPS_AND_LOOK,
    "SpatialAttack": Facts(
        _asking(
            lambda p: 2 + (p["num_rotations"] * p["num_translations"] ** 2 if p["grid_search"] else p["random_steps"])
        ),
        ALL_NORMS,
        "decision",
    ),
    "VirtualAdversarialAttack": Facts(_each(forwards=2), goals="untargeted", defaults={"steps": 10}),
}
FACTS = {"torchattacks": TORCHATTACKS, "foolbox": FOOLBOX}

#: Publications of foolbox's families whose members' documentation names none, by a part of the class name.
_FAMILIES = {
    "MomentumIterative": "arXiv 1710.06081",
    "BasicIterative": "arXiv 1607.02533",
    "ProjectedGradientDescent": "arXiv 1706.06083",
    "FastGradientAttack": "arXiv 1412.6572",
    "FMN": "arXiv 2102.12827",
    "EAD": "arXiv 1709.04114",
    "BrendelBethge": "arXiv 1907.01003",
    "ClippingAware": "arXiv 2007.07677",
    "NewtonFool": "Jang 2017, ACSAC",
}


def family_source(name: str) -> str:
    """Where the family of foolbox's attacks is published that a class name tells of; ``""`` for none."""
    return next((source for part, source in _FAMILIES.items() if part in name), "")
