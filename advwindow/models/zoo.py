"""Networks of timm and torchvision."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from advwindow.errors import UserError, did_you_mean
from advwindow.factories import literal
from advwindow.imagenet import imagenet_label_names
from advwindow.models.classifier import Classifier
from advwindow.models.extras import import_extra
from advwindow.models.weights import load_weights

if TYPE_CHECKING:
    from advwindow.refs import Ref


def load_timm(ref: Ref) -> Classifier:
    """``timm:NAME?pretrained=true|false&weights=PATH&...``; other options go to ``timm.create_model``.

    Normalisation, input size and crop come from timm's configuration of the network.
    """
    timm = import_extra("timm", purpose=ref.text, package="timm", extra="timm")
    options = dict(ref.options)
    weights = options.pop("weights", "")
    pretrained = _flag(ref, options.pop("pretrained", "true")) and not weights
    architecture = ref.identifier.partition(".")[0]
    if ":" not in architecture and not timm.is_model(architecture):
        raise UserError("unknown timm network", got=architecture, fix=did_you_mean(architecture, timm.list_models()))
    settings = {name: literal(value) for name, value in options.items()}
    try:
        module = timm.create_model(ref.identifier, pretrained=pretrained, **settings)
    except Exception as error:
        raise _not_built(ref, error, random="pretrained=false" if pretrained else "") from error
    if weights:
        load_weights(module, weights)
    config = timm.data.resolve_model_data_config(module)
    side = settings.get("img_size")
    return Classifier(
        module,
        mean=config["mean"],
        std=config["std"],
        label_names=_names(getattr(module, "num_classes", 0)),
        input_size=(side, side) if isinstance(side, int) else tuple(config["input_size"][1:]),
        crop=config["crop_pct"],
        name=ref.identifier,
    )


def load_torchvision(ref: Ref) -> Classifier:
    """``torchvision:NAME?weights=DEFAULT|none|ENTRY|PATH&...``; other options go to the network's builder.

    Normalisation, input size and crop come from the transforms of the weights, or of the default weights where there
    are none of torchvision's.
    """
    models = import_extra("torchvision.models", purpose=ref.text, package="torchvision", extra="torchvision")
    options = dict(ref.options)
    wanted = options.pop("weights", "DEFAULT")
    known = models.list_models(module=models)
    if ref.identifier not in known:
        raise UserError("unknown torchvision network", got=ref.identifier, fix=did_you_mean(ref.identifier, known))
    entries = models.get_model_weights(ref.identifier)
    entry = entries.__members__.get(wanted)
    local = "" if entry or wanted.lower() == "none" else wanted
    if local and not Path(local).expanduser().is_file():
        fix = did_you_mean(wanted, [*entries.__members__, "none", "a file"])
        raise UserError(f"{ref.identifier} has no such weights", got=wanted, fix=fix)
    settings = {name: literal(value) for name, value in options.items()}
    try:
        module = models.get_model(ref.identifier, weights=entry, progress=False, **settings)
    except Exception as error:
        raise _not_built(ref, error, random="weights=none" if entry else "") from error
    if local:
        load_weights(module, local)
    recipe = (entry or entries.DEFAULT).transforms()
    crop, resize = recipe.crop_size[0], recipe.resize_size[0]
    return Classifier(
        module,
        mean=recipe.mean,
        std=recipe.std,
        label_names=_names(settings.get("num_classes", 1000)),
        input_size=(crop, crop),
        crop=crop / resize,
        name=ref.identifier,
    )


def _flag(ref: Ref, text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise UserError(f"option pretrained of {ref.text!r}", got=text, expected="true or false")
    return text.lower() == "true"


def _names(classes: object) -> tuple[str, ...]:
    return imagenet_label_names() if classes == len(imagenet_label_names()) else ()


def _not_built(ref: Ref, error: Exception, *, random: str) -> UserError:
    """The error for a network that could not be made; `random` is the option that does without a download."""
    told = str(error).strip() or type(error).__name__
    offline = (
        f"if its weights could not be downloaded, use ?weights=PATH for a local file or ?{random} for random weights"
    )
    return UserError(f"{ref.text!r} cannot be built", got=told.splitlines()[0], fix=offline if random else "")
