"""Runs are written by the dozen here; waiting for the disk is tested elsewhere."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def unflushed(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda _: None)
