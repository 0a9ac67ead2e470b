"""advwindow: when an attack fools a network, in which layer does the meaning break, and how sure are we?

Example::

    import advwindow as aw

    model = aw.load_model("sample:efficientnet-lite0")
    images = aw.load_images("sample:imagenet", size=model.input_size, crop=model.crop)
    words = aw.load_words("glove-6b-50d")
    x, y = images.pixels(), torch.tensor(images.labels)
    out = aw.attacks.pgd(model, x, y, eps="8/255")
    report = aw.Window(model, words).compare(x, out.images, labels=images.labels)
    print(report.layers)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from advwindow import attacks, defenses, window, words
    from advwindow.data import LabelledImages, load_images
    from advwindow.errors import UserError
    from advwindow.models import Classifier, load_model
    from advwindow.reports import plot
    from advwindow.sweep import Run, attack, open_run
    from advwindow.window import Window, WindowCallback, WindowReport
    from advwindow.words import WordSpace, load_words

__version__ = "0.1.0"

__all__ = [
    "Classifier",
    "LabelledImages",
    "Run",
    "UserError",
    "Window",
    "WindowCallback",
    "WindowReport",
    "WordSpace",
    "attack",
    "attacks",
    "defenses",
    "load_images",
    "load_model",
    "load_words",
    "open_run",
    "plot",
    "window",
    "words",
]

_HOMES = {
    "Classifier": "models",
    "LabelledImages": "data",
    "Run": "sweep",
    "UserError": "errors",
    "Window": "window",
    "WindowCallback": "window",
    "WindowReport": "window",
    "WordSpace": "words",
    "attack": "sweep",
    "load_images": "data",
    "load_model": "models",
    "load_words": "words",
    "open_run": "sweep",
    "plot": "reports",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that ``advwindow --help`` need not wait for torch."""
    if name in {"attacks", "defenses", "window", "words"}:
        return importlib.import_module(f"advwindow.{name}")
    if name not in _HOMES:
        message = f"module 'advwindow' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(importlib.import_module(f"advwindow.{_HOMES[name]}"), name)
