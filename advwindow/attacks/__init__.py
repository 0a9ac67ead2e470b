"""Attacks: perturb images within a budget, judged independently, one record per sample."""

from advwindow.attacks.api import AttackFunction, bim, cw, fgsm, mi_fgsm, pgd, run_attack
from advwindow.attacks.budget import MINIMAL, Budget, Norm, make_budgets, parse_eps
from advwindow.attacks.carlini import CW
from advwindow.attacks.catalog import (
    NATIVE,
    AttackInfo,
    attack_names,
    check_budget,
    complete_parameters,
    cost_per_sample,
    default_norm,
    foreign_names,
    make_attack,
)
from advwindow.attacks.door import Attack, Candidates, Cost, Problem, default_lanes, perform
from advwindow.attacks.goal import Goal
from advwindow.attacks.gradient import BIM, FGSM, MIFGSM, PGD
from advwindow.attacks.judge import judged_logits
from advwindow.attacks.noise import matched_noise
from advwindow.attacks.oracle import slope_at
from advwindow.attacks.outcome import Outcome, Status

__all__ = [
    "BIM",
    "CW",
    "FGSM",
    "MIFGSM",
    "MINIMAL",
    "NATIVE",
    "PGD",
    "Attack",
    "AttackFunction",
    "AttackInfo",
    "Budget",
    "Candidates",
    "Cost",
    "Goal",
    "Norm",
    "Outcome",
    "Problem",
    "Status",
    "attack_names",
    "bim",
    "check_budget",
    "complete_parameters",
    "cost_per_sample",
    "cw",
    "default_lanes",
    "default_norm",
    "fgsm",
    "foreign_names",
    "judged_logits",
    "make_attack",
    "make_budgets",
    "matched_noise",
    "mi_fgsm",
    "parse_eps",
    "perform",
    "pgd",
    "run_attack",
    "slope_at",
]
