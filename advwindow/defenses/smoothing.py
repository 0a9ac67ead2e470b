"""Soft randomised smoothing, to be attacked; `advwindow.defenses.certify` certifies."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from advwindow.defenses.around import Around
from advwindow.defenses.base import real, whole

if TYPE_CHECKING:
    from advwindow.models import Classifier


class Smoothing(Around):
    """The logarithm of the mean softmax over noisy copies of an image, all in one batch.

    The soft smoothed classifier of Salman et al. 2019 (arXiv 1906.04584, equation 6), whose gradient through all copies
    is what their attack uses: a pass averages over `copies` draws by itself. Noise is not cut to [0, 1].

    Args:
        sigma: standard deviation of the Gaussian noise, in pixel units, above 0, at most 10.
        copies: noisy copies of each image, 1 to 10000.
    """

    random = True

    def __init__(self, sigma: float = 0.25, copies: int = 16) -> None:
        super().__init__()
        self.sigma = real("smoothing?sigma", sigma, 0.25, low=0, high=10)
        self.copies = whole("smoothing?copies", copies, 16, low=1, high=10_000)

    def forward(self, network: Classifier, images: Tensor) -> Tensor:
        """Log probabilities ``(N, K)`` of images ``(N, C, H, W)``."""
        noise = images.new_empty(len(images), self.copies, *images.shape[1:]).normal_()
        noisy = torch.add(images.unsqueeze(1), noise, alpha=self.sigma)
        answers = log_softmax(network(noisy.flatten(0, 1)), dim=1)
        return answers.reshape(len(images), self.copies, -1).logsumexp(1) - math.log(self.copies)

    def extra_repr(self) -> str:
        """The parameters."""
        return f"sigma={self.sigma}, copies={self.copies}"
