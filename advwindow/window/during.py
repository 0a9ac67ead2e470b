"""The window during training: a callback that looks at the same clean images after every epoch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from advwindow.errors import UserError
from advwindow.models import Classifier, evaluating
from advwindow.window.looks import in_one_table, look, onsets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import polars as pl
    from torch import Tensor, nn

    from advwindow.window.observation import Batched
    from advwindow.window.report import WindowReport
    from advwindow.window.window import Window


class _Trainer(Protocol):
    """What is asked of Lightning's trainer."""

    current_epoch: int


class WindowCallback:
    """Looks through a window at the same clean images again and again while a network learns.

    The window says how images are normalised, which words, layers and tests are meant; its classifier's network is
    replaced by the one handed over, so the window may hold the very network in training, or another of its kind. The
    network keeps its modes, gradients, hooks and the random state. Looks are taken on a copy of it, where it can be
    copied, in evaluation mode.

    With Lightning hand one of the two hooks to its ``LambdaCallback``; nothing of Lightning is imported here.

    Args:
        window: how to look.
        images: ``(N, C, H, W)`` in [0, 1], or an object with ``batches(size)``.
        labels: ``N`` class indices; taken from ``images.labels`` if None.
        every: the hooks look after every so many epochs; a call looks always.
        network: finds the network that gives logits in what is handed over, say ``lambda module: module.net``.

    Raises:
        UserError: `every` is not positive.

    Example:
        ::

            window = aw.Window(aw.Classifier(net, mean=mean, std=std, label_names=names), words)
            look = aw.WindowCallback(window, images)
            for epoch in range(1, 31):
                train_epoch(net)
                look(net, epoch)
            look.table.write_csv("alignment.csv")

            Trainer(callbacks=[LambdaCallback(on_train_epoch_end=look.on_train_epoch_end)])
    """

    def __init__(
        self,
        window: Window,
        images: Tensor | Batched,
        labels: Sequence[int] | Tensor | None = None,
        *,
        every: int = 1,
        network: Callable[[nn.Module], nn.Module] | None = None,
    ) -> None:
        if every < 1:
            raise UserError("looks must be some epochs apart", got=every, expected="a positive number")
        self.window = window
        self._images = images
        self._labels = labels
        self._every = every
        self._network = network
        self._first: WindowReport | None = None
        self._looks: dict[int, pl.DataFrame] = {}

    def __call__(self, model: nn.Module, epoch: int) -> WindowReport:
        """Look at the images now.

        Args:
            model: the network in training, or a `Classifier` around it.
            epoch: a number for this look; a later look of the same number replaces the earlier one.

        Returns:
            All that the window says of this look; the row of each layer goes to `table`.

        Raises:
            UserError: as `Window.observe`, or a weight is not finite.
        """
        found = self._network(model) if self._network else model
        classifier = found if isinstance(found, Classifier) else _like(self.window.model, found)
        anew = self._first is None or list(self._looks) == [epoch]
        seen = look(
            replace(self.window, model=classifier), self._images, self._labels, first=None if anew else self._first
        )
        if anew:
            self._first = seen.report
        self._looks[epoch] = seen.layers
        return seen.report

    @property
    def table(self) -> pl.DataFrame:
        """One row per epoch and layer: ``epoch``, then what `Look` tells of layers, changes since the first call."""
        return in_one_table(self._looks)

    @property
    def onsets(self) -> pl.DataFrame:
        """One row per layer, see `advwindow.window.looks.onsets`."""
        return onsets(self.table)

    def on_train_epoch_end(self, trainer: _Trainer, pl_module: nn.Module) -> None:
        """Look after an epoch of training; its number counts the finished epochs, from 1.

        In a training on several devices the first process alone looks.
        """
        done = trainer.current_epoch + 1
        if done % self._every == 0 and getattr(trainer, "is_global_zero", True):
            self(pl_module, done)

    def on_validation_epoch_end(self, trainer: _Trainer, pl_module: nn.Module) -> None:
        """The same after a validation, but for the one before training."""
        if not getattr(trainer, "sanity_checking", False):
            self.on_train_epoch_end(trainer, pl_module)


def _like(pattern: Classifier, module: nn.Module) -> Classifier:
    """A classifier around another network, which takes and names things as the pattern does."""
    with evaluating(pattern), evaluating(module):  # a new classifier gives one mode to all parts of what it holds
        twin = Classifier(
            module,
            label_names=pattern.label_names,
            input_size=pattern.input_size,
            crop=pattern.crop,
            name=pattern.name,
            defense=pattern.defense,
        )
    weight = next(module.parameters(), pattern.mean)
    twin.mean, twin.std = pattern.mean.to(weight.device), pattern.std.to(weight.device)
    return twin
