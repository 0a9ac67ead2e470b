"""What decides the outcome of a training: method, budget, schedule, network, seed."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from advwindow.attacks import Norm, parse_eps

Method = Literal["standard", "fgsm-rs", "n-fgsm", "pgd", "trades"]
METHODS: tuple[Method, ...] = get_args(Method)


class Inner(NamedTuple):
    """How the inner maximisation of a method searches.

    Attributes:
        steps: gradients.
        step: length of a step, as a share of epsilon.
        start: half width of the uniform random start, as a share of epsilon; 0 for a Gaussian one of 0.001.
        bounded: whether the search stays inside the ball of epsilon.
    """

    steps: int
    step: float
    start: float
    bounded: bool = True


INNER: dict[Method, Inner] = {
    "fgsm-rs": Inner(1, 1.25, 1.0),
    "n-fgsm": Inner(1, 1.0, 2.0, bounded=False),
    "pgd": Inner(7, 0.25, 1.0),
    "trades": Inner(10, 0.25, 0.0),
}
"""What the methods' own papers use: Wong et al. 2020 (arXiv 2001.03994), de Jorge et al. 2022 (arXiv 2202.01181),
Madry et al. 2018 (arXiv 1706.06083), Zhang et al. 2019 (arXiv 1901.08573)."""


class Recipe(BaseModel):
    """Everything that decides the weights, but for the images and the machine's rounding.

    Attributes:
        method: ``"standard"``, FGSM with a random start (``"fgsm-rs"``), the same with noise twice as wide and without
            projection (``"n-fgsm"``), projected gradient descent (``"pgd"``) or ``"trades"``.
        eps: budget of the inner attack in pixel units, as text.
        norm: ``"linf"`` or ``"l2"``.
        steps: gradients of the inner attack; None for the method's own.
        beta: weight of the robust term of TRADES.
        epochs: passes over the training images.
        batch_size: images of each step.
        learning_rate: the highest one; it rises linearly from 0 and falls linearly to 0.
        warmup: share of all steps until the highest learning rate.
        momentum: Nesterov's.
        weight_decay: of all weights.
        padding: pixels by which an image is shifted at random, in either direction; 0 for none.
        flip: mirror half of the images.
        cutout: side of a square, in pixels, that is put out of each image at a random place; 0 for none.
        validation: images set aside, on which accuracy is logged after each epoch.
        precision: in which training computes; its own weights, and the accuracies it logs, are of float32.
        width: channels of the network's first stage.
        blocks: residual blocks of each stage.
        seed: of weights, order of images, augmentation and random starts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Method = "standard"
    eps: str = "8/255"
    norm: Literal["linf", "l2"] = "linf"
    steps: int | None = Field(default=None, ge=1)
    beta: float = Field(default=6.0, gt=0)
    epochs: int = Field(default=15, ge=1)
    batch_size: int = Field(default=128, ge=2)
    learning_rate: float = Field(default=0.2, gt=0)
    warmup: float = Field(default=0.25, ge=0, lt=1)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=5e-4, ge=0)
    padding: int = Field(default=4, ge=0)
    flip: bool = True
    cutout: int = Field(default=0, ge=0)
    validation: int = Field(default=1000, ge=1)
    precision: Literal["float32", "bfloat16"] = "float32"
    width: int = Field(default=32, ge=1)
    blocks: tuple[int, ...] = (1, 1, 1, 1)
    seed: int = 0

    @field_validator("eps")
    @classmethod
    def _a_budget(cls, value: str) -> str:
        parse_eps(value)
        return value

    @model_validator(mode="after")
    def _stays_near(self) -> Recipe:
        if self.steps and self.steps > 1 and self.method in INNER and not INNER[self.method].bounded:
            msg = f"{self.method} takes one step, as it is not projected"
            raise ValueError(msg)
        return self

    @property
    def inner(self) -> Inner | None:
        """How adversarial examples are made; None for standard training."""
        if self.method == "standard":
            return None
        own = INNER[self.method]
        return own if self.steps is None else own._replace(steps=self.steps)

    @property
    def radius(self) -> float:
        """Epsilon as a number."""
        return parse_eps(self.eps)

    @property
    def threat(self) -> Norm:
        """The norm."""
        return Norm(self.norm)

    def rate(self, progress: float) -> float:
        """Learning rate at this share of all steps, in [0, 1]."""
        rising = progress / self.warmup if self.warmup else 1.0
        return self.learning_rate * max(0.0, min(rising, (1 - progress) / (1 - self.warmup)))
