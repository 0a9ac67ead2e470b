"""Optional packages, imported where they are used."""

from __future__ import annotations

import importlib
from typing import Any

from advwindow.errors import MissingExtraError, UserError


def import_extra(module: str, *, purpose: str, package: str, extra: str) -> Any:  # noqa: ANN401 - foreign modules are untyped
    """Import an optional package's module.

    Args:
        module: what to import.
        purpose: what needs it, for the message.
        package: the package's name in the index.
        extra: the extra of advwindow that brings it.

    Raises:
        MissingExtraError: it is not installed.
        UserError: it is installed and fails to import.
    """
    try:
        return importlib.import_module(module)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name == module.partition(".")[0]:
            raise MissingExtraError(purpose, package=package, extra=extra) from error
        raise UserError(
            f"{purpose} needs the package {package}, which cannot be imported",
            got=f"{type(error).__name__}: {error}",
            fix="install builds of torch and torchvision that belong together",
        ) from error
