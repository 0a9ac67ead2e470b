"""Runs on disk: identity of cells, plain formats, atomic writes, resume."""

from advwindow.runs.atomic import exclusive, remove, remove_leftovers, write_bytes, write_json
from advwindow.runs.directory import TABLES, CellResult, RunDirectory
from advwindow.runs.evidence import layer_evidence
from advwindow.runs.halflives import run_half_lives
from advwindow.runs.intervals import Interval, wilson
from advwindow.runs.manifest import make_manifest, package_versions
from advwindow.runs.spec import RESULT_VERSION, Access, CellSpec, Scalar, short_hash

__all__ = [
    "RESULT_VERSION",
    "TABLES",
    "Access",
    "CellResult",
    "CellSpec",
    "Interval",
    "RunDirectory",
    "Scalar",
    "exclusive",
    "layer_evidence",
    "make_manifest",
    "package_versions",
    "remove",
    "remove_leftovers",
    "run_half_lives",
    "short_hash",
    "wilson",
    "write_bytes",
    "write_json",
]
