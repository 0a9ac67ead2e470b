"""The one shape in which every network enters the house: images in [0, 1] in, logits out."""

from __future__ import annotations

import hashlib
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from advwindow.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Classifier(nn.Module):
    """A network together with what it expects of its input and what its outputs are called.

    Normalisation happens inside, so every epsilon is in pixel units of [0, 1].

    Args:
        module: any module that maps ``(N, C, H, W)`` images to ``(N, K)`` logits.
        mean: per-channel mean that the network was trained with, in [0, 1] units; ``None`` for no shift.
        std: per-channel standard deviation, in [0, 1] units; ``None`` for no scaling.
        label_names: a name for each logit; several names of one class are separated by ``", "``, as in WordNet's lists.
        input_size: ``(height, width)`` that images are fitted to; ``None`` takes images as they come.
        crop: share of the fitted short side that the centre crop keeps, in (0, 1].
        name: what reports call the network.
        defense: what is done to the images before they are normalised: ``(N, C, H, W)`` to the same, in pixel units.

    Raises:
        UserError: a mean or std that cannot be used, or a weight that is not finite.

    Example:
        >>> model = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(12, 3)), mean=[0.5] * 3, std=[0.25] * 3)
        >>> model(torch.zeros(2, 3, 2, 2)).shape
        torch.Size([2, 3])
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        module: nn.Module,
        *,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        label_names: Sequence[str] = (),
        input_size: tuple[int, int] | None = None,
        crop: float = 1.0,
        name: str = "",
        defense: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.defense = defense
        self.module = module
        self.label_names = tuple(label_names)
        self.input_size = input_size
        self.crop = crop
        self.name = name or type(module).__name__
        self.register_buffer("mean", _per_channel(mean or (0.0,), "mean"), persistent=False)
        self.register_buffer("std", _per_channel(std or (1.0,), "std"), persistent=False)
        if not bool((self.std > 0).all()):
            raise UserError("std must be positive", got=str(std), expected="one positive number per channel")
        _reject_nonfinite(module)
        self.train(module.training)

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``(N, K)`` of images ``(N, C, H, W)`` in [0, 1].

        Raises:
            UserError: the images have another number of channels, or the network returns no logits.
        """
        for fact in (self.mean, self.std):
            if fact.shape[1] not in {1, images.shape[1]}:  # broadcasting would turn grey images into coloured ones
                raise UserError(
                    f"the network {self.name!r} takes images of {fact.shape[1]} channels",
                    got=f"{images.shape[1]} channels",
                    fix="load the images in the network's colour mode",
                )
        shown = images if self.defense is None else self.defense(images)
        logits = self.module((shown - self.mean) / self.std)
        if not isinstance(logits, Tensor) or logits.ndim != 2:
            got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise UserError(
                f"the network {self.name!r} does not return logits",
                got=str(got),
                expected="one tensor (images, classes)",
                fix="wrap the network in a module that does",
            )
        return logits

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.mean.device

    def sha256(self) -> str:
        """Hash over structure, code, weights, buffers, normalisation and label names.

        The structure is each submodule's name, class and printed settings; the code is that of every file that defines
        one of the classes, torch's own excepted. So networks with equal weights differ in another stride, activation
        or ``forward``; only functions imported from further files go unseen.
        """
        digest = hashlib.sha256("\x1f".join(self.label_names).encode())
        _hash_module(digest, self.module, {"/mean": self.mean, "/std": self.std})
        if self.defense is not None:
            _hash_module(digest, self.defense, {})
        return digest.hexdigest()


def _hash_module(digest: hashlib._Hash, root: nn.Module, further: dict[str, Tensor]) -> None:
    sources = {source for part in root.modules() if (source := _source_of(type(part))).is_file()}
    for code in sorted(hashlib.sha256(source.read_bytes()).digest() for source in sources):
        digest.update(code)
    for name, part in root.named_modules():
        settings = re.sub(r"0x[0-9a-f]+", "", part.extra_repr())  # addresses change with every process
        digest.update(f"{name}|{type(part).__qualname__}|{settings}|".encode())
    for key, value in sorted({**root.state_dict(), **further}.items()):
        array = value.detach().cpu().contiguous()
        digest.update(f"{key}|{array.dtype}|{tuple(array.shape)}|".encode())
        digest.update(array.reshape(-1).view(torch.uint8).numpy().tobytes())


def _source_of(kind: type[nn.Module]) -> Path:
    """The file that defines a class's ``forward``; a folder, hence no file, for torch's own and where there is none."""
    code = getattr(kind.forward, "__code__", None)
    return Path() if code is None or kind.__module__.partition(".")[0] == "torch" else Path(code.co_filename)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode inside, every submodule's own mode restored after, also after an exception."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _per_channel(values: Sequence[float], what: str) -> Tensor:
    tensor = torch.as_tensor(values, dtype=torch.float32).reshape(1, -1, 1, 1)
    if not bool(torch.isfinite(tensor).all()):
        raise UserError(
            f"{what} must be finite", got=str(list(values)), expected="one number per channel, in [0, 1] units"
        )
    return tensor


def _reject_nonfinite(module: nn.Module) -> None:
    for name, value in module.state_dict().items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            bad = int((~torch.isfinite(value)).sum())
            raise UserError(
                "the network has weights that are not finite",
                got=f"{bad} NaN or infinite values in {name!r}",
                fix="load a checkpoint that was saved before training diverged",
            )
