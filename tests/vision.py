"""torchvision and timm for tests, also beside a CPU-only torch, where torchvision's compiled operators are missing."""

import importlib
import importlib.util
import sys
from types import ModuleType

import pytest
from torch import library

_declared: list[library.Library] = []


def optional_vision(name: str) -> ModuleType:
    """Import torchvision or timm, or skip the test; declares the two operator schemas that torchvision asks for."""
    for needed in ("torchvision", name):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"needs {needed}")
    try:
        return importlib.import_module(name)
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    for loaded in [key for key in sys.modules if key.partition(".")[0] in {"torchvision", "timm"}]:
        del sys.modules[loaded]
    schemas = library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        schemas.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _declared.append(schemas)  # the schemas live as long as this object
    return importlib.import_module(name)
