"""Where a run comes from: versions, machine, git state, command."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from advwindow.privacy import without_password

PACKAGES = ("advwindow", "torch", "numpy", "scipy", "polars", "foolbox", "torchattacks", "timm", "torchvision")


def make_manifest(*, command: list[str] | None = None) -> dict[str, Any]:
    """Facts about program, machine and moment, as plain JSON values.

    Args:
        command: the command line; this process's own by default.
    """
    program = Path(sys.argv[0]).name
    argv = ["advwindow" if program == "__main__.py" else program, *sys.argv[1:]] if command is None else command
    return {
        "schema_version": 1,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(map(without_password, argv)),
        "versions": {"python": platform.python_version(), **package_versions()},
        "machine": {
            "system": f"{platform.system()} {platform.release()}",
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else "",
        },
        "git": _git_state(Path.cwd()),
    }


def package_versions() -> dict[str, str]:
    """Versions of the installed packages that numbers depend on."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _git_state(folder: Path) -> dict[str, Any]:
    """Commit of the folder the command ran in, and whether it had uncommitted changes; empty outside a repository."""
    commit = _git(folder, "rev-parse", "HEAD")
    return {"commit": commit, "dirty": bool(_git(folder, "status", "--porcelain"))} if commit else {}


def _git(folder: Path, *arguments: str) -> str:
    try:
        command = ["git", "-C", str(folder), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
