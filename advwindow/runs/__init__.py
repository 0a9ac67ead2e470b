"""Runs on disk: identity of cells, plain formats, atomic writes, resume."""

from advwindow.runs.atomic import write_bytes, write_json
from advwindow.runs.directory import TABLES, CellResult, RunDirectory
from advwindow.runs.halflives import run_half_lives
from advwindow.runs.intervals import Interval, wilson
from advwindow.runs.manifest import make_manifest, package_versions
from advwindow.runs.spec import RESULT_VERSION, CellSpec, Scalar, short_hash

__all__ = [
    "RESULT_VERSION",
    "TABLES",
    "CellResult",
    "CellSpec",
    "Interval",
    "RunDirectory",
    "Scalar",
    "make_manifest",
    "package_versions",
    "run_half_lives",
    "short_hash",
    "wilson",
    "write_bytes",
    "write_json",
]
