"""Sweeps: plan, cells, executors."""

from advwindow.sweep.cell import Transport
from advwindow.sweep.certificates import certify_run
from advwindow.sweep.config import (
    PROTOCOLS,
    AttackEntry,
    Sweep,
    WindowSettings,
    change_attacks,
    embedded,
    make_sweep,
    read_toml,
    split_parts,
    sweep_toml,
)
from advwindow.sweep.executor import Watcher
from advwindow.sweep.plan import Library, PlannedCell, make_plan, plan_id, probe_speeds
from advwindow.sweep.run import Run, attack, default_folder, finished_cells, open_run, run_plan, run_sweep
from advwindow.sweep.study import Study, load_study, parse_device

__all__ = [
    "PROTOCOLS",
    "AttackEntry",
    "Library",
    "PlannedCell",
    "Run",
    "Study",
    "Sweep",
    "Transport",
    "Watcher",
    "WindowSettings",
    "attack",
    "certify_run",
    "change_attacks",
    "default_folder",
    "embedded",
    "finished_cells",
    "load_study",
    "make_plan",
    "make_sweep",
    "open_run",
    "parse_device",
    "plan_id",
    "probe_speeds",
    "read_toml",
    "run_plan",
    "run_sweep",
    "split_parts",
    "sweep_toml",
]
