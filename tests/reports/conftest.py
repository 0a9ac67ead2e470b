"""Synthetic runs and the reports made from them, each once for all tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from advwindow.reports import write_pdf
from advwindow.reports.reading.studies import Study, read_studies
from tests.reports.runs import make_run

if TYPE_CHECKING:
    from pathlib import Path

    from advwindow.runs import RunDirectory


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """The default sweep: six attacks, seventeen layers."""
    return make_run(tmp_path_factory.mktemp("reports") / "quick")


@pytest.fixture(scope="session")
def study(run: RunDirectory) -> Study:
    """Its one study."""
    return read_studies(run)[0]


@pytest.fixture(scope="session")
def pdf(run: RunDirectory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its report."""
    return write_pdf(run, tmp_path_factory.mktemp("pdf") / "deep" / "quick.pdf")
