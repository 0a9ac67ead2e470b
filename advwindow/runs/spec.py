"""What a cell is, and its identity."""

from __future__ import annotations

import hashlib
import json
from typing import Literal

from pydantic import BaseModel, ConfigDict

#: Raise it when the same specification would give other numbers; older results are then computed anew, never mixed.
RESULT_VERSION = 4

Scalar = str | int | float | bool | None

#: Which network the attack is made on: the defended one itself, or the one without its defence.
Access = Literal["adaptive", "oblivious"]


class CellSpec(BaseModel):
    """One model with its defence, one set of images, one choice of word spaces, one attack at one budget, one seed.

    Everything here changes the result; what changes only how it is computed (batch size, device, workers) is not here.

    Attributes:
        model: reference, as written.
        model_sha256: hash of weights, buffers and normalisation.
        images: reference, as written.
        images_sha256: hash of ids, labels and pixels as the model sees them.
        words: references of the word spaces, as written; the verdicts are about the first.
        words_sha256: hashes of the word spaces' sources.
        attack: name of the attack.
        parameters: its parameters, those given.
        norm: ``"linf"`` or ``"l2"``.
        eps: the exact text, or ``"min"``.
        target: how targets are chosen; empty for untargeted.
        seed: seed of all private random streams.
        layers: patterns of layer names; empty for the default choice.
        pooling: how maps and tokens are reduced.
        similarity: how concepts are compared within a space, and words to rank targets.
        measure: the alignment that drives drift and verdicts.
        permutations: draws of every permutation test.
        folds: image sets per concept; None for as many as the images allow.
        ties: what a tie counts in the 2 vs 2 and 1 vs 2 tests.
        image_sets: whether every fold is scored by itself, too.
        correction: how p-values are adjusted over layers.
        defense: reference of what protects the model, as written; empty for nothing.
        access: whether the attack is made on the defended model, or on the model without its defence.
        draws: passes averaged for every gradient of a model that draws at random (expectation over transformation);
            1 for a model that does not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    model_sha256: str
    images: str
    images_sha256: str
    words: tuple[str, ...]
    words_sha256: tuple[str, ...]
    attack: str
    parameters: dict[str, Scalar]
    norm: str
    eps: str
    target: str
    seed: int
    layers: tuple[str, ...]
    pooling: str
    similarity: str
    measure: str
    permutations: int
    folds: int | None = None
    ties: str = "half"
    image_sets: bool = False
    correction: str = "max-t"
    defense: str = ""
    access: Access = "adaptive"
    draws: int = 1

    @property
    def subject(self) -> str:
        """The model and what protects it, e.g. ``sample:cifar10-standard + jpeg?quality=75``."""
        return f"{self.model} + {self.defense}" if self.defense else self.model

    @property
    def cell_id(self) -> str:
        """Sixteen hexadecimal digits, the same from a planned cell and from a finished one."""
        return short_hash({"version": RESULT_VERSION, **self.model_dump(mode="json")})

    @property
    def condition(self) -> str:
        """What people read, e.g. ``pgd linf 8/255``."""
        goal = f" to {self.target}" if self.target else ""
        blind = " oblivious" if self.access == "oblivious" else ""
        return f"{self.attack} {self.norm} {'minimal' if self.eps == 'min' else self.eps}{goal}{blind}"


def short_hash(value: object) -> str:
    """Sixteen hexadecimal digits of the SHA-256 of a value's canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
