"""Attacks: perturb images within a budget, judged independently, one record per sample."""

from advwindow.attacks.apgd import APGD
from advwindow.attacks.api import (
    AttackFunction,
    apgd,
    auto,
    auto_quick,
    bim,
    cw,
    ddn,
    fab,
    fgsm,
    fmn,
    hop_skip_jump,
    mi_fgsm,
    pgd,
    run_attack,
    sigma_zero,
    square,
)
from advwindow.attacks.audit import Audit, AuditLevel, Finding, audit
from advwindow.attacks.auto import Auto, AutoQuick
from advwindow.attacks.ball import Ball
from advwindow.attacks.budget import MINIMAL, Budget, Norm, make_budgets, parse_eps, per_sample, steepest
from advwindow.attacks.carlini import CW
from advwindow.attacks.catalog import (
    NATIVE,
    AttackInfo,
    attack_names,
    attack_notes,
    check_budget,
    complete_parameters,
    cost_per_sample,
    default_norm,
    foreign_names,
    make_attack,
)
from advwindow.attacks.ddn import DDN
from advwindow.attacks.door import RANDOM_DRAWS, Attack, Candidates, Cost, Problem, default_lanes, perform
from advwindow.attacks.fab import FAB
from advwindow.attacks.fmn import FMN
from advwindow.attacks.goal import Goal
from advwindow.attacks.gradient import BIM, FGSM, MIFGSM, PGD
from advwindow.attacks.hopskipjump import HopSkipJump
from advwindow.attacks.isolation import private_randomness
from advwindow.attacks.judge import RANDOM_PASSES, judged_logits
from advwindow.attacks.noise import matched_noise
from advwindow.attacks.oblivious import Oblivious
from advwindow.attacks.optimality import optimality
from advwindow.attacks.oracle import Oracle, slope_at
from advwindow.attacks.outcome import Outcome, Status
from advwindow.attacks.sigma_zero import SigmaZero
from advwindow.attacks.square import Square
from advwindow.attacks.traits import Traits, probe_traits

__all__ = [
    "APGD",
    "BIM",
    "CW",
    "DDN",
    "FAB",
    "FGSM",
    "FMN",
    "MIFGSM",
    "MINIMAL",
    "NATIVE",
    "PGD",
    "RANDOM_DRAWS",
    "RANDOM_PASSES",
    "Attack",
    "AttackFunction",
    "AttackInfo",
    "Audit",
    "AuditLevel",
    "Auto",
    "AutoQuick",
    "Ball",
    "Budget",
    "Candidates",
    "Cost",
    "Finding",
    "Goal",
    "HopSkipJump",
    "Norm",
    "Oblivious",
    "Oracle",
    "Outcome",
    "Problem",
    "SigmaZero",
    "Square",
    "Status",
    "Traits",
    "apgd",
    "attack_names",
    "attack_notes",
    "audit",
    "auto",
    "auto_quick",
    "bim",
    "check_budget",
    "complete_parameters",
    "cost_per_sample",
    "cw",
    "ddn",
    "default_lanes",
    "default_norm",
    "fab",
    "fgsm",
    "fmn",
    "foreign_names",
    "hop_skip_jump",
    "judged_logits",
    "make_attack",
    "make_budgets",
    "matched_noise",
    "mi_fgsm",
    "optimality",
    "parse_eps",
    "per_sample",
    "perform",
    "pgd",
    "private_randomness",
    "probe_traits",
    "run_attack",
    "sigma_zero",
    "slope_at",
    "square",
    "steepest",
]
