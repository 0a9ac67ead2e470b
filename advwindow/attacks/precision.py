"""How exactly a GPU computes: in full to judge, with TF32 to search."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """Float32 means float32: neither TF32 nor a surrounding autocast; the settings are restored after."""
    with _tf32(allowed=False), torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
        yield


@contextlib.contextmanager
def search_precision() -> Iterator[None]:
    """TF32 where the device has it: a search may err, as the judge does not; the settings are restored after."""
    with _tf32(allowed=True):
        yield


@contextlib.contextmanager
def _tf32(*, allowed: bool) -> Iterator[None]:
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before
