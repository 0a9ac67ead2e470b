"""Defences by name: from a reference to a defended classifier, and what it then declares."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, NamedTuple

from torch import nn

from advwindow.defenses.around import Around, Enclosed, Unchanged
from advwindow.defenses.base import Chain, Declared, Defense, Foreign, joined
from advwindow.defenses.randomised import Noise
from advwindow.defenses.smoothing import Smoothing
from advwindow.errors import UserError, did_you_mean
from advwindow.factories import call, make
from advwindow.models import Classifier, evaluating
from advwindow.refs import Ref, Registry, parse_ref

if TYPE_CHECKING:
    from collections.abc import Callable

_HOME = "advwindow.defenses"
_BUILT_IN = {
    "bit-depth": (f"{_HOME}.quantise:BitDepth", "?bits=4", "pixels rounded to 2**bits levels"),
    "jpeg": (f"{_HOME}.jpeg:Jpeg", "?quality=75", "written as JPEG and read again"),
    "median": (f"{_HOME}.filters:Median", "?size=3", "median of the square around each pixel"),
    "gaussian-blur": (f"{_HOME}.filters:GaussianBlur", "?sigma=1.0", "Gaussian blur; sigma in pixels"),
    "tv": (f"{_HOME}.variation:TotalVariation", "?weight=0.1&steps=30", "total variation denoising"),
    "resize-pad": (f"{_HOME}.randomised:ResizePad", "?scale=0.9", "random smaller size at a random place on black"),
    "noise": (f"{_HOME}.randomised:Noise", "?sigma=0.05&clip=True", "Gaussian noise, cut to [0, 1] unless clip=False"),
    "logit-average": (f"{_HOME}.ensemble:logit_average", "?with=REF,REF", "mean logits with other models"),
    "smoothing": (f"{_HOME}.smoothing:Smoothing", "?sigma=0.25&copies=16", "mean softmax over noisy copies"),
}
_FORMS = [
    ("py:PACKAGE.MODULE:FACTORY", "a Python callable that returns a torch.nn.Module from images to images"),
    ("file:PATH.py:FACTORY", "the same, from a file outside the import path"),
    ("REF + REF", "several, applied from left to right (a plus between spaces)"),
]

DEFENSES: Registry[Callable[..., object]] = Registry(
    "defense", {name: target for name, (target, *_) in _BUILT_IN.items()}
)
"""Ours, and plug-ins: factories of a `Defense`, an `Around` or any ``torch.nn.Module`` from images to images."""


class DefenseTraits(NamedTuple):
    """How the defences of a classifier say they must be attacked.

    Attributes:
        random: whether one of them draws at random.
        surrogate: what their backward passes use in place of the exact gradient, in words; empty where nothing.
        draws: passes worth averaging for a gradient; 1 where nothing is random.
    """

    random: bool = False
    surrogate: str = ""
    draws: int = 1


def defend(model: Classifier, ref: str) -> Classifier:
    """A classifier with defences in front of, or around, the network; weights are shared, the original stays as it is.

    Args:
        model: the network, perhaps with defences already: the new ones come in front.
        ref: ``bit-depth?bits=4``, ``jpeg?quality=75``, ``median?size=3``, ``gaussian-blur?sigma=1.0``,
            ``tv?weight=0.1&steps=30``, ``resize-pad?scale=0.9``, ``noise?sigma=0.05``, ``logit-average?with=REF,REF``,
            ``smoothing?sigma=0.25&copies=16``, ``py:package.module:factory?key=value``,
            ``file:path/code.py:factory?key=value`` or the name of a plug-in; several with `` + `` between them are
            applied from left to right. Empty: the model itself.

    Returns:
        An evaluating classifier named ``"MODEL + REF"`` whose layers have the names they had.

    Raises:
        UserError: the reference, a parameter or the factory is wrong.

    Example:
        >>> import torch
        >>> net = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(12, 3)), name="net")
        >>> defend(net, "jpeg?quality=50 + noise").name
        'net + jpeg?quality=50 + noise'
    """
    if not ref.strip():
        return model
    texts = [text.strip() for text in re.split(r"\s\+(?=\s|$)", f" {ref.strip()}")]
    defended = model
    with evaluating(model):  # a classifier sets the modes of all its parts when it is made
        for text in reversed(texts):
            defended = _with(defended, text)
    defended.name = f"{model.name} + {' + '.join(texts)}"
    return defended


def traits(model: Classifier) -> DefenseTraits:
    """What the defences of a classifier declare: all in `advwindow.defenses`, and any other in ``model.defense``.

    Example:
        >>> net = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(12, 3)))
        >>> traits(defend(net, "bit-depth + noise"))
        DefenseTraits(random=True, surrogate='identity', draws=20)
    """
    parts = [part for part in model.modules() if isinstance(part, Declared)]
    own = [] if model.defense is None else [model.defense]
    return DefenseTraits(*joined(*own, *parts))


def single_pass(model: Classifier) -> Classifier:
    """The classifier whose layers stand for a defended one's, with one activation for each image.

    Smoothing answers from several noisy copies; here it sees one, so its layers can be captured. Any other classifier
    stands for itself.
    """
    if not isinstance(model, Enclosed) or not isinstance(model.around, Smoothing):
        return model
    inner = single_pass(model.inner)
    seen = _in_front(inner, Noise(sigma=model.around.sigma, clip=False))
    seen = seen if model.defense is None else _in_front(seen, model.defense)
    seen.name = model.name
    return seen


def defense_refs() -> list[tuple[str, str]]:
    """Every form of reference with a line about it, plug-ins last; imports no plug-in."""
    built_in = [(f"{name}{options}", summary) for name, (_, options, summary) in _BUILT_IN.items()]
    plugins = [(name, "plug-in") for name in DEFENSES.names() if name not in _BUILT_IN]
    return [*built_in, *_FORMS, *plugins]


def _with(model: Classifier, text: str) -> Classifier:
    made = _made(text)
    if not isinstance(made, nn.Module) and callable(made):  # it has to know the network
        made = made(model)
    if isinstance(made, Around):
        return Enclosed(model, made)
    if isinstance(made, Defense):
        return _in_front(model, made.to(model.device))
    if isinstance(made, nn.Module) and not isinstance(made, Classifier):
        return _in_front(model, Foreign(made, name=text).to(model.device))
    raise UserError(
        f"{text!r} gives no defense",
        got=type(made).__name__,
        expected="an advwindow.defenses.Defense or a torch.nn.Module from images to images",
    )


def _made(text: str) -> object:
    name = text.partition("?")[0]
    if ":" not in name and name not in DEFENSES:
        known = [*DEFENSES.names(), "py:...", "file:..."]
        raise UserError("unknown defense", got=text, fix=did_you_mean(name, known))
    ref = parse_ref(text, schemes=["py", "file"], names=DEFENSES.names())
    if ref.scheme:
        return make(ref)
    factory = DEFENSES.get(ref.identifier)
    if ref.identifier in _BUILT_IN:
        _reject_unknown(ref, factory)
    return call(factory, ref, options=ref.options)


def _reject_unknown(ref: Ref, factory: Callable[..., object]) -> None:
    parameters = inspect.signature(factory).parameters.values()
    if all(parameter.kind is not parameter.VAR_KEYWORD for parameter in parameters):
        ref.reject_options(known=[parameter.name for parameter in parameters])


def _in_front(model: Classifier, defense: nn.Module) -> Classifier:
    """The same classifier with one more transform before all others."""
    if isinstance(model, Enclosed):
        return Enclosed(model.inner, model.around, defense=_chained(defense, model.defense))
    if type(model) is not Classifier:  # what it overrides must stay
        return Enclosed(model, Unchanged(), defense=defense)
    copy = Classifier(
        model.module,
        label_names=model.label_names,
        input_size=model.input_size,
        crop=model.crop,
        name=model.name,
        defense=_chained(defense, model.defense),
    )
    copy.mean, copy.std = model.mean, model.std
    return copy


def _chained(*transforms: nn.Module | None) -> nn.Module:
    links: list[Defense] = []
    for transform in transforms:
        if isinstance(transform, Chain):
            links += [link for link in transform.links if isinstance(link, Defense)]
        elif isinstance(transform, Defense):
            links.append(transform)
        elif transform is not None:
            links.append(Foreign(transform, name=type(transform).__name__))
    return links[0] if len(links) == 1 else Chain(*links)
