import fractions
import importlib

import pytest

from advwindow.errors import MissingExtraError, UserError
from advwindow.models.extras import import_extra


def test_a_package_that_is_there_is_imported():
    assert import_extra("fractions", purpose="x", package="p", extra="e") is fractions


def test_a_missing_package_names_its_extra():
    with pytest.raises(
        MissingExtraError, match=r"timm:net needs the package big-nets. Fix: pip install 'advwindow\[nets\]'"
    ):
        import_extra("no_such_nets.models", purpose="timm:net", package="big-nets", extra="nets")


@pytest.mark.parametrize(
    "error",
    [RuntimeError("operator x::nms does not exist"), ModuleNotFoundError("No module named 'inner'", name="inner")],
)
def test_a_package_that_fails_to_import_is_not_called_missing(monkeypatch, error):
    def fail(name):
        raise error

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(UserError, match=r"cannot be imported: got .*(nms|inner)") as caught:
        import_extra("nets", purpose="timm:net", package="nets", extra="nets")
    assert not isinstance(caught.value, MissingExtraError)
