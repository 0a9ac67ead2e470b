"""Attacks: perturb images within a budget, judged independently, one record per sample."""

from advwindow.attacks.api import cw, fgsm, pgd
from advwindow.attacks.budget import MINIMAL, Budget, Norm, make_budgets, parse_eps
from advwindow.attacks.carlini import CW
from advwindow.attacks.catalog import (
    NATIVE,
    AttackInfo,
    attack_names,
    check_budget,
    complete_parameters,
    default_norm,
    foreign_names,
    gradients_per_sample,
    make_attack,
)
from advwindow.attacks.door import Attack, Candidates, Problem, default_lanes, perform
from advwindow.attacks.goal import Goal
from advwindow.attacks.gradient import FGSM, PGD
from advwindow.attacks.judge import judged_logits
from advwindow.attacks.noise import matched_noise
from advwindow.attacks.oracle import slope_at
from advwindow.attacks.outcome import Outcome, Status

__all__ = [
    "CW",
    "FGSM",
    "MINIMAL",
    "NATIVE",
    "PGD",
    "Attack",
    "AttackInfo",
    "Budget",
    "Candidates",
    "Goal",
    "Norm",
    "Outcome",
    "Problem",
    "Status",
    "attack_names",
    "check_budget",
    "complete_parameters",
    "cw",
    "default_lanes",
    "default_norm",
    "fgsm",
    "foreign_names",
    "gradients_per_sample",
    "judged_logits",
    "make_attack",
    "make_budgets",
    "matched_noise",
    "parse_eps",
    "perform",
    "pgd",
    "slope_at",
]
