"""What benchmarks share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def kept(request: pytest.FixtureRequest) -> Path:
    """A folder that outlives the run: networks trained for benchmarks."""
    return request.config.cache.mkdir("advwindow-bench")
