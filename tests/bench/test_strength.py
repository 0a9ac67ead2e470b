"""Strength on real networks and images: robust accuracy and distances against other libraries at the same settings."""

from __future__ import annotations

import functools
import math
import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import torch

import advwindow as aw
from advwindow.attacks import make_attack, make_budgets, optimality, perform
from tests.advlib import adv_lib

from .cifar import cifar_network, pixels
from .parts import Subject, known, photographs
from .rivals import ORDERS, distances, foolbox_gives, torchattacks_gives

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

pytestmark = [pytest.mark.bench, pytest.mark.samples, pytest.mark.timeout(3600)]


class Ground(NamedTuple):
    """A network with images, epsilons at which some of them stand, and how many gradients its attacks may spend."""

    subject: Subject
    epsilons: tuple[str, ...]
    lengths: tuple[str, ...]
    gradients: int
    constants: int


@functools.cache
def ground(name: str, folder: Path) -> Ground:
    if name == "efficientnet-lite0":
        return Ground(photographs(8), ("0.25/255", "0.5/255", "1/255"), ("0.1", "0.2", "0.4"), 40, 3)
    images, labels = pixels("test", 20)
    subject = known(cifar_network(name.removeprefix("cifar-"), folder), images, labels, 64)
    if name == "cifar-standard":
        return Ground(subject, ("1/255", "2/255", "4/255"), ("0.1", "0.2", "0.4"), 100, 5)
    return Ground(subject, ("4/255", "8/255", "12/255"), ("0.5", "1", "1.5"), 100, 5)


#: Where both find the same point, ours may be larger by what keeps it adversarial and inside the ball under rounding.
ROUNDING = 1.001
#: Random starts of each attack.
SEEDS = {"cifar-standard": 10, "cifar-robust": 10, "efficientnet-lite0": 3}
#: Standard errors that a difference of means may be above zero by the luck of the starts, in one row of some hundreds.
LUCK = 3.1
NETWORKS = ("cifar-standard", "cifar-robust", "efficientnet-lite0")


def standing(subject: Subject, found: Tensor, norm: str, eps: str) -> int:
    """How many images stand, where the attack keeps to epsilon but for rounding."""
    sizes = distances(subject, found, norm)
    return int((sizes > make_budgets(eps, norm)[0].value * (1 + 1e-4)).sum())


def fixed_rivals(subject: Subject, eps: str, length: str, steps: int) -> dict[str, dict[str, Callable[[], Tensor]]]:
    """By attack of ours and norm: other libraries' attacks with the same settings."""
    e, r, lib = make_budgets(eps, "linf")[0].value, float(length), adv_lib()
    x, y, model = subject.images, subject.labels, subject.model
    ta, fb = functools.partial(torchattacks_gives, subject), functools.partial(foolbox_gives, subject)
    return {
        "fgsm linf": {
            "torchattacks": lambda: ta("FGSM", eps=e),
            "foolbox": lambda: fb("LinfFastGradientAttack", eps=e),
        },
        "pgd linf": {
            "torchattacks": lambda: ta("PGD", eps=e, alpha=e / 4, steps=steps),
            "foolbox": lambda: fb("LinfPGD", eps=e, abs_stepsize=e / 4, steps=steps),
            "adv-lib": lambda: lib.pgd_linf(model, x, y, e, steps=steps, absolute_step_size=e / 4),
        },
        "pgd l2": {
            "torchattacks": lambda: ta("PGDL2", eps=r, alpha=r / 4, steps=steps),
            "foolbox": lambda: fb("L2PGD", eps=r, abs_stepsize=r / 4, steps=steps),
        },
        "apgd linf": {
            "torchattacks": lambda: ta("APGD", norm="Linf", eps=e, steps=steps, loss="ce", seed=torch.initial_seed()),
            "adv-lib": lambda: lib.apgd(model, x, y, e, float("inf"), n_iter=steps, loss_function="ce"),
        },
        "apgd l2": {
            "torchattacks": lambda: ta("APGD", norm="L2", eps=r, steps=steps, loss="ce", seed=torch.initial_seed()),
            "adv-lib": lambda: lib.apgd(model, x, y, r, 2, n_iter=steps, loss_function="ce"),
        },
    }


def their_standing(subject: Subject, attack: Callable[[], Tensor], norm: str, eps: str, _: int) -> int:
    return standing(subject, attack(), norm, eps)


class Standing(NamedTuple):
    """Images that stand: the mean over seeds, and its standard error."""

    mean: float
    error: float

    def surely_above(self, other: Standing) -> bool:
        """Whether more stand than there, by more than the luck of the starts."""
        return self.mean - other.mean > LUCK * math.hypot(self.error, other.error)

    def __str__(self) -> str:
        return f"{self.mean:.2f}" + (f" ± {self.error:.2f}" if self.error else "")


def mean_standing(count: Callable[[int], int], seeds: int) -> Standing:
    """Over seeds, so that lucky starts weigh less."""
    counts = []
    for seed in range(seeds):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            counts.append(count(seed))
    spread = statistics.stdev(counts) if seeds > 1 else 0.0
    return Standing(statistics.mean(counts), spread / math.sqrt(seeds))


def ours_standing(subject: Subject, name: str, norm: str, eps: str, steps: int, seed: int) -> int:
    settings: dict[str, Any] = {} if name == "fgsm" else {"steps": steps}
    if name == "pgd":
        settings["step_size"] = make_budgets(eps, norm)[0].value / 4
    return aw.attacks.run_attack(name, *subject, eps=eps, norm=norm, seed=seed, **settings)[0].withstood()


@pytest.mark.parametrize("network", NETWORKS)
def test_robust_accuracy_is_nowhere_higher(network, kept):
    subject, epsilons, lengths, _, _ = ground(network, kept)
    steps, beaten, differences = 20, [], []
    print(f"\n{network}, {len(subject.labels)} images, {steps} steps: images that stand")
    for eps, length in zip(epsilons, lengths, strict=True):
        for title, others in fixed_rivals(subject, eps, length, steps).items():
            name, norm = title.split()
            budget = eps if norm == "linf" else length
            seeds = 1 if name == "fgsm" else SEEDS[network]
            ours = mean_standing(functools.partial(ours_standing, subject, name, norm, budget, steps), seeds)
            theirs = {
                rival: mean_standing(functools.partial(their_standing, subject, attack, norm, budget), seeds)
                for rival, attack in others.items()
            }
            told = " ".join(f"{rival} {left}" for rival, left in theirs.items())
            print(f"  {title:10} {budget:8} advwindow {ours} {told}", flush=True)
            beaten += [(title, budget, rival) for rival, left in theirs.items() if ours.surely_above(left)]
            differences += [ours.mean - left.mean for left in theirs.values()]
    print(f"  mean difference {statistics.mean(differences):+.3f}, largest {max(differences):+.2f} images")
    assert not beaten


Pair = tuple[dict[str, int], "Callable[[], Tensor]"]


def minimal_rivals(subject: Subject, gradients: int, constants: int) -> dict[str, Pair]:
    """By attack and norm: our settings, and adv-lib's attack with the same number of gradients."""
    lib = adv_lib()
    given = subject.model, subject.images, subject.labels
    found: dict[str, Pair] = {
        "ddn l2": ({"steps": gradients}, lambda: lib.ddn(*given, steps=gradients, levels=None)),
        "cw l2": (
            {"steps": gradients, "search_steps": constants},
            lambda: lib.carlini_wagner_l2(*given, max_iterations=gradients, binary_search_steps=constants),
        ),
        "sigma-zero l0": ({"steps": gradients}, lambda: lib.sigma_zero(*given, num_steps=gradients)),
    }
    for norm, order in ORDERS.items():
        found[f"fmn {norm}"] = (
            {"steps": gradients},
            functools.partial(lib.fmn, *given, norm=order, steps=gradients),
        )
    return found


@functools.cache
def measured(network: str, folder: Path) -> dict[str, dict[str, Tensor]]:
    """By norm, by attack: distances ``(N,)``."""
    subject, _, _, gradients, constants = ground(network, folder)
    table: dict[str, dict[str, Tensor]] = {norm: {} for norm in ORDERS}
    for title, (settings, attack) in minimal_rivals(subject, gradients, constants).items():
        name, norm = title.split()
        outcome = perform(name, make_attack(name, settings), *subject, make_budgets(None, norm))[0]
        table[norm][name] = outcome.distance
        table[norm][f"adv-lib {name}"] = distances(subject, attack().detach(), norm)
    return table


@pytest.mark.parametrize("network", NETWORKS)
def test_median_distance_is_no_larger_than_adv_lib_s(network, kept):
    table, beaten = measured(network, kept), []
    print(f"\n{network}: median distance, successes")
    for norm, rows in table.items():
        for name in [name for name in rows if not name.startswith("adv-lib")]:
            ours, theirs = rows[name], rows[f"adv-lib {name}"]
            medians = float(ours.median()), float(theirs.median())
            won = [int(each.isfinite().sum()) for each in (ours, theirs)]
            print(f"  {name:10} {norm:5} advwindow {medians[0]:.4g} ({won[0]})  adv-lib {medians[1]:.4g} ({won[1]})")
            if medians[0] > ROUNDING * medians[1]:
                beaten.append((name, norm))
    assert not beaten


def test_optimality_over_our_networks(kept):
    tables = {network: measured(network, kept) for network in NETWORKS}
    for norm in ORDERS:
        local = {network: optimality(table[norm]) for network, table in tables.items()}
        print(f"\n| {norm} | {' | '.join(local)} | mean |\n|---|{'---|' * (len(local) + 1)}")
        for name in tables[NETWORKS[0]][norm]:
            values = [local[network][name] for network in NETWORKS]
            mean = sum(values) / len(values)
            print(f"| {name} | {' | '.join(f'{value:.3f}' for value in values)} | {mean:.3f} |")
            assert not math.isnan(mean)
