"""What is being audited, and how its checks ask for more."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from advwindow.attacks.audit.sample import attacked, spread, standing, take
from advwindow.attacks.audit.trial import Trial
from advwindow.attacks.budget import Budget, Norm
from advwindow.attacks.door import IMAGES_TO_TRY, RANDOM_DRAWS, perform
from advwindow.attacks.isolation import private_randomness
from advwindow.attacks.judge import judged_logits
from advwindow.attacks.oracle import Oracle
from advwindow.models import prepare

if TYPE_CHECKING:
    from torch import Tensor

    from advwindow.attacks.audit.findings import Level
    from advwindow.attacks.door import Attack
    from advwindow.attacks.outcome import Outcome
    from advwindow.attacks.traits import Traits
    from advwindow.models import Classifier

#: Images that probes look at; images whose outputs and clean accuracy are looked at, by level.
FEW = 8
POOL = {"quick": 32, "full": 256}
#: Other epsilons of the curve, as multiples of the audited one.
CURVE = (0.25, 0.5, 2.0)


@dataclass(frozen=True)
class Setup:
    """What the user asked to be audited.

    Attributes:
        model: the network.
        images: ``(N, C, H, W)`` float32 in [0, 1].
        labels: ``(N,)`` int64.
        ids: ``N`` different ids.
        attack: the audited attack.
        name: what outcomes call it.
        budget: norm and epsilon.
        level: ``"quick"`` or ``"full"``.
        reference: the undefended network, or the clean accuracy to expect.
        seed: seed of the private random streams.
        batch_size: jobs side by side.
        samples: most images that full re-runs take.
        draws: passes averaged for a gradient, where the network draws at random; None for the engine's own.
        declared_random: whether the network says that it draws at random.
    """

    model: Classifier
    images: Tensor
    labels: Tensor
    ids: tuple[str, ...]
    attack: Attack
    name: str
    budget: Budget
    level: Level
    reference: Classifier | float | None
    seed: int
    batch_size: int | None
    samples: int
    draws: int | None = None
    declared_random: bool = False

    def only(self, index: Tensor) -> Setup:
        """The same for the samples at this index ``(m,)``."""
        return replace(
            self,
            images=self.images[index],
            labels=self.labels[index],
            ids=tuple(self.ids[place] for place in index.tolist()),
        )

    def run(
        self,
        attack: Attack,
        budget: Budget,
        index: Tensor | None = None,
        *,
        target: Tensor | None = None,
        name: str | None = None,
    ) -> Outcome:
        """An attack on the samples at this index, judged as always."""
        some = self if index is None else self.only(index)
        (outcome,) = perform(
            name or self.name,
            attack,
            some.model,
            some.images,
            some.labels,
            [budget],
            target=target,
            seed=some.seed,
            ids=some.ids,
            batch_size=some.batch_size,
            draws=some.draws,
        )
        return outcome


@dataclass(frozen=True)
class Case:
    """A setup, what kind of network it has, and what attacks did to its images.

    Attributes:
        setup: what is audited; its images are those of `base`.
        pool: images and labels whose clean outputs are looked at; they may be more than those attacked.
        traits: of the network.
        base: the outcome of the audited attack.
        own: what the audited attack did at the audited budget, on all images that the trials are about.
        trials: what each attack did to all of these images, `own` among them.
        places: ``(n,)`` int64: where the setup's images are among those of the trials.
    """

    setup: Setup
    pool: tuple[Tensor, Tensor]
    traits: Traits
    base: Outcome
    own: Trial
    trials: tuple[Trial, ...]
    places: Tensor

    @property
    def full(self) -> bool:
        """Whether re-runs are wanted."""
        return self.setup.level == "full"

    @cached_property
    def pool_logits(self) -> Tensor:
        """``(P, K)`` logits of the pool."""
        with private_randomness(self.setup.seed, "audit", "pool"):
            return judged_logits(self.setup.model, self.pool[0])

    @cached_property
    def few(self) -> Tensor:
        """At most 8 places of correctly classified images."""
        correct = attacked(self.base).nonzero().squeeze(1)
        return correct[spread(len(correct), FEW)]

    @cached_property
    def few_images(self) -> Tensor:
        """``(n, C, H, W)`` the images there."""
        return self.setup.images[self.few.to(self.setup.images.device)]

    @cached_property
    def few_labels(self) -> Tensor:
        """``(n,)`` their classes."""
        return self.setup.labels[self.few.to(self.setup.labels.device)]

    @cached_property
    def oracle(self) -> Oracle:
        """What attacks ask: a frozen copy."""
        prepared = prepare(self.setup.model, self.setup.images[:IMAGES_TO_TRY])
        return Oracle(prepared, draws=(self.setup.draws or RANDOM_DRAWS) if self.traits.random else 1)

    @cached_property
    def some(self) -> Tensor:
        """Places of the images that re-runs take."""
        return spread(len(self.setup.images), self.setup.samples if self.full else FEW)

    @cached_property
    def base_of_some(self) -> Outcome:
        """The audited attack's outcome there."""
        return take(self.base, self.some)

    @cached_property
    def budget(self) -> Budget:
        """The budget at which success is compared: the audited one; for a minimal one the median of the distances.

        Falls back to a small epsilon where nothing succeeded.
        """
        budget = self.setup.budget
        if not budget.minimal:
            return budget
        reached = self.own.distance[self.own.fallen()]
        median = float(reached.median()) if len(reached) else FALLBACK[budget.norm]
        return Budget(budget.norm, repr(float(round(median)) if budget.norm is Norm.L0 else median))

    @cached_property
    def peers(self) -> list[Trial]:
        """Trials of the audited norm that keep to `budget`, or are not bound to any; the audited one among them."""
        eps = self.budget.value
        return [each for each in self.of_norm if each.budget.minimal or each.eps <= eps]

    @cached_property
    def of_norm(self) -> list[Trial]:
        """Trials of the audited norm."""
        return [each for each in self.trials if each.budget.norm is self.budget.norm]

    @cached_property
    def smallest(self) -> list[Trial]:
        """Trials that sought the smallest perturbation in the audited norm."""
        return [each for each in self.of_norm if each.budget.minimal]

    @cached_property
    def courses(self) -> list[Trial]:
        """The audited attack's trials at fixed epsilons, ascending."""
        own = [each for each in self.of_norm if each.attack == self.own.attack and not each.budget.minimal]
        return sorted(own, key=lambda each: each.eps)

    @cached_property
    def curve(self) -> list[Trial]:
        """The audited attack's trials at fixed epsilons, ascending, each without the help of the others.

        Those at hand; where they are fewer than two, at level full those of runs on the images that re-runs take.
        """
        if self.setup.budget.minimal:
            return []
        alone = [each for each in self.courses if not each.carried]
        if len(alone) > 1 or not self.full:
            return alone
        runs = [Trial.of(self.setup.run(self.setup.attack, budget, self.some)) for budget in self._other_budgets()]
        return sorted([*runs, Trial.of(self.base_of_some)], key=lambda each: each.eps)

    def _other_budgets(self) -> list[Budget]:
        """A quarter, a half and twice the audited epsilon, where they make sense."""
        norm, eps = self.budget.norm, self.budget.value
        values = {factor * eps for factor in CURVE}
        values = {float(max(1, round(value))) for value in values} - {eps} if norm is Norm.L0 else values
        return [Budget(norm, repr(value)) for value in sorted(values) if norm is not Norm.LINF or value <= 1]

    @cached_property
    def standing(self) -> Tensor:
        """``(n,)`` bool: the setup's images that withstand the audited attack at `budget`."""
        return standing(self.base, self.budget.value)


#: Sizes at which success is compared where the audited attack found nothing at all.
FALLBACK = {Norm.LINF: 8 / 255, Norm.L2: 0.5, Norm.L1: 12.0, Norm.L0: 25.0}
