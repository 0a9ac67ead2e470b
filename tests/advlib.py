"""adv-lib for tests that compare with it."""

import functools
import importlib
import importlib.util
import sys
import warnings
from types import ModuleType

import pytest

from tests.vision import optional_vision


@functools.cache
def adv_lib() -> ModuleType:
    """adv_lib.attacks; it imports the deprecated distutils, and visdom, which only draws plots."""
    if importlib.util.find_spec("adv_lib") is None:
        pytest.skip("needs adv-lib")
    optional_vision("torchvision")
    if importlib.util.find_spec("visdom") is None:
        sys.modules["visdom"] = ModuleType("visdom")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return importlib.import_module("adv_lib.attacks")
