"""Worlds with a known answer, and how often the window's tests, intervals and verdicts go wrong in one of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple
from unittest import mock

import numpy as np

from advwindow.window import analysis
from advwindow.window.alignment import pair_values, unit_pairs
from advwindow.window.evidence import Trials
from advwindow.window.grams import gram_of
from advwindow.window.options import Options
from advwindow.window.report import _layer_table
from advwindow.window.similarity import similarity
from advwindow.window.verdict import ALPHA
from tests.window.helpers import evidence_of, patterns_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from advwindow.window.analysis import Numbers
    from advwindow.window.evidence import Evidence

    Array = NDArray[np.float64]
    Rates = dict[tuple[str, str], "Rate"]

DEPTH = 8
FEATURES = 60
FACTORS = 8
#: Places of the layers in which meaning is destroyed.
PLANTED = (4, 5)
OTHERS = tuple(place for place in range(DEPTH) if place not in PLANTED)

OPTIONS = Options(permutations=199, two_vs_two_permutations=0)


@dataclass(frozen=True)
class Condition:
    """How a condition's patterns differ from the clean ones, beside their own draw of the noise.

    Attributes:
        kept: share of the word factors kept in the planted layers; as much of strange factors makes up for the rest.
        offset: length of a vector added to all patterns of a layer, in lengths of a pattern.
        turned: whether each layer's space is turned, which changes no similarity within the condition.
        directions: in how many directions the noise lies; None for all.
        uneven: standard deviation over concepts of the logarithm of the noise's size.
        noise: ``(DEPTH,)``, size of the noise by layer relative to the clean one's.
    """

    kept: float = 1.0
    offset: float = 0.0
    turned: bool = False
    directions: int | None = None
    uneven: float = 0.0
    noise: tuple[float, ...] = (1.0,) * DEPTH


#: Exchangeable with clean; the control comes first.
SAME = {"noise": Condition(), "same": Condition()}
#: As well aligned as clean (`matched`), but not exchangeable with it.
HARDER = {
    "turned": Condition(turned=True),
    "offset": Condition(offset=0.5),
    "directions": Condition(directions=1),
    "uneven": Condition(uneven=1.0),
}
KEPT = {f"kept {share}": Condition(kept=share) for share in (0.0, 0.25, 0.5, 0.75)}


class Concepts(NamedTuple):
    """A draw of concepts: factors that words and layers share, that only layers have, and that neither had before."""

    words: Array
    factors: Array
    own: Array
    strange: Array

    def mixed(self, places: NDArray[np.int64], share: float) -> Concepts:
        """Concepts that are what they were to ``1 - share`` (of the variance) and other ones to `share`."""
        factors, own = (np.sqrt(1 - share) * x + np.sqrt(share) * x[places] for x in (self.factors, self.own))
        return self._replace(factors=factors, own=own)


class World:
    """Words and eight layers that are fixed functions of random concepts, and noise that the layers partly share.

    Args:
        seed: of the functions.
        anchored: whether layers see the factors that words tell of.
    """

    def __init__(self, seed: int = 0, *, anchored: bool = True) -> None:
        draw = np.random.default_rng(seed)
        self.anchored = anchored
        self.of_words = draw.normal(size=(FACTORS, 40)) / np.sqrt(FACTORS)
        shape = (DEPTH, FACTORS, FEATURES)
        self.of_factors, self.of_own, self.of_noise = draw.normal(size=(3, *shape)) / np.sqrt(FACTORS)
        self.strength = np.linspace(0.7, 1.1, DEPTH)
        self.offset = draw.normal(size=(DEPTH, FEATURES))
        self.turn = [_turn(draw) for _ in range(DEPTH)]

    def concepts(self, count: int, rng: np.random.Generator) -> Concepts:
        factors, own, strange, unseen = rng.normal(size=(4, count, FACTORS))
        told = factors if self.anchored else unseen
        words = told @ self.of_words + rng.normal(size=(count, self.of_words.shape[1]))
        return Concepts(words, factors, own, strange)

    def patterns(self, concepts: Concepts, condition: Condition, rng: np.random.Generator) -> list[Array]:
        """Activations ``(C, FEATURES)`` of every layer."""
        count = len(concepts.own)
        size = np.exp(condition.uneven * rng.normal(size=(count, 1)))
        spread = rng.normal(size=(count, FACTORS))
        return [self._layer(place, concepts, condition, (size, spread), rng) for place in range(DEPTH)]

    def _layer(
        self,
        place: int,
        concepts: Concepts,
        condition: Condition,
        shared: tuple[Array, Array],
        rng: np.random.Generator,
    ) -> Array:
        size, spread = shared
        kept = condition.kept if place in PLANTED else 1.0
        meaning = kept * concepts.factors + np.sqrt(1 - kept**2) * concepts.strange
        signal = self.strength[place] * meaning @ self.of_factors[place] + concepts.own @ self.of_own[place]
        noise = 0.7 * spread @ self.of_noise[place] + 0.7 * rng.normal(size=signal.shape)
        if condition.directions is not None:
            noise = spread[:, : condition.directions] @ self.of_noise[place, : condition.directions]
            noise *= np.sqrt(FACTORS / condition.directions)
        length = np.hypot(self.strength[place], 1)
        found = signal + condition.noise[place] * size * noise + condition.offset * length * self.offset[place]
        return np.asarray(found @ self.turn[place] if condition.turned else found, np.float64)


def _turn(draw: np.random.Generator) -> Array:
    """An orthogonal map of the features that keeps the mean over them, and with it every Pearson similarity."""
    basis = np.linalg.qr(np.hstack([np.ones((FEATURES, 1)), draw.normal(size=(FEATURES, FEATURES - 1))]))[0]
    inner = np.eye(FEATURES)
    inner[1:, 1:] = np.linalg.qr(draw.normal(size=(FEATURES - 1, FEATURES - 1)))[0]
    return np.asarray(basis @ inner @ basis.T, np.float64)


def aligned(words: Array, layers: Sequence[Array]) -> Array:
    """Alignment ``(DEPTH,)`` of layers with words, by the window's own similarity and correlation."""
    geometries = (unit_pairs(pair_values(similarity(gram_of(x))), "pearson") for x in (words, *layers))
    reference = next(geometries)
    return np.array([geometry @ reference for geometry in geometries])


def limits(world: World, conditions: Mapping[str, Condition], *, samples: int, concepts: int = 800) -> dict[str, Array]:
    """What each condition's alignment tends to with ever more concepts, ``(DEPTH,)``: the mean over large samples."""
    total = {name: np.zeros(DEPTH) for name in conditions}
    for sample in range(samples):
        rng = np.random.default_rng((1, sample))
        drawn = world.concepts(concepts, rng)
        for name, condition in conditions.items():
            total[name] += aligned(drawn.words, world.patterns(drawn, condition, rng)) / samples
    return total


def matched(world: World, condition: Condition, wanted: Array, *, samples: int) -> Condition:
    """The condition with the noise at which every layer is as well aligned as wanted, by bisection."""
    low, high = np.zeros(DEPTH), np.full(DEPTH, 3.0)
    for _ in range(9):
        middle = (low + high) / 2
        tried = replace(condition, noise=tuple(middle.tolist()))
        found = limits(world, {"tried": tried}, samples=samples)["tried"]
        low, high = np.where(found > wanted, middle, low), np.where(found > wanted, high, middle)
    return replace(condition, noise=tuple(((low + high) / 2).tolist()))


class Plan(NamedTuple):
    """A world, its conditions, what their alignments tend to, and whose images lean towards another concept."""

    world: World
    conditions: dict[str, Condition]
    truth: dict[str, Array]
    leaning: dict[str, float]


def anchored_plan(*, samples: int, matching: int) -> Plan:
    """Layers that know words: nulls of drift, easy and hard, planted collapses, and images between two concepts.

    Args:
        samples: of 800 concepts each, behind the true alignments.
        matching: of the same size, in which the harder conditions are as well aligned as clean. Fewer do, as both are
            compared in the same concepts.
    """
    world = World()
    conditions = {"clean": Condition(), **SAME, **KEPT}
    truth = limits(world, {"clean": Condition(), **KEPT}, samples=samples)
    for name in KEPT:
        truth[name][list(OTHERS)] = truth["clean"][list(OTHERS)]
    wanted = limits(world, {"clean": Condition()}, samples=matching)["clean"]
    for name, condition in HARDER.items():
        fits = condition.turned
        conditions[name] = condition if fits else matched(world, condition, wanted, samples=matching)
    for name in (*SAME, *HARDER):
        truth[name] = truth["clean"]
    return Plan(world, conditions, truth, {"same": 0.5, "kept 0.5": 0.6, "kept 0.25": 0.75})


def unrelated_plan() -> Plan:
    """Layers that know nothing of words, under exchangeable conditions and under one that is not at all like clean."""
    conditions = {"clean": Condition(), **SAME, "strange": Condition(directions=1, noise=(3.0,) * DEPTH)}
    return Plan(World(anchored=False), conditions, dict.fromkeys(conditions, np.zeros(DEPTH)), {"same": 0.5})


def evidence_from(plan: Plan, count: int, rng: np.random.Generator) -> Evidence:
    """Evidence of one draw of concepts, one image each; where images lean, each image is a trial of 1 vs 2."""
    drawn = plan.world.concepts(count, rng)
    parts = {name: plan.world.patterns(drawn, condition, rng) for name, condition in plan.conditions.items()}
    layers: dict[str, Sequence[Array]] = {
        f"layer {place}": [part[place] for part in parts.values()] for place in range(DEPTH)
    }
    evidence = evidence_of(drawn.words, layers, conditions=tuple(parts))
    truth = np.arange(count)
    wrong = rng.permuted(truth)
    wrong = np.where(wrong == truth, (wrong + 1) % count, wrong)
    profiles = np.asarray(np.corrcoef(drawn.words), np.float64)[wrong]
    near: list[list[Array]] = [[] for _ in range(DEPTH)]
    for share in plan.leaning.values():
        leaning = plan.world.patterns(drawn.mixed(wrong, share), Condition(), rng)
        for place, images in enumerate(leaning):
            near[place].append(closeness(images, parts["clean"][place]))
    of = np.repeat([list(parts).index(name) for name in plan.leaning], count)
    many = len(plan.leaning)
    return replace(
        evidence,
        trials=Trials(of, np.tile(truth, many), np.tile(wrong, many), np.tile(profiles, (many, 1))),
        layers={
            name: replace(layer, closeness=np.vstack(near[place]))
            for place, (name, layer) in enumerate(evidence.layers.items())
        },
    )


def closeness(images: Array, clean: Array) -> Array:
    """Similarity of each image to the clean patterns."""
    units = [part.centred / np.linalg.norm(part.centred, axis=1)[:, None] for part in map(patterns_of, (images, clean))]
    return np.asarray(units[0] @ units[1].T, np.float64)


def outcomes(plan: Plan, count: int, *, run: int) -> dict[tuple[str, str], float]:
    """What the window says of one draw of concepts, by condition and question: 1 yes, 0 no, or a share of layers."""
    evidence = evidence_from(plan, count, np.random.default_rng((2, count, run)))
    numbers, verdicts = analysed(evidence, replace(OPTIONS, seed=run))
    found: dict[tuple[str, str], float] = {}
    for s, name in enumerate(evidence.conditions):
        column = {key: values[:, s] for key, values in numbers.columns.items()}
        told = _alignment(column, plan.truth[name])
        if s:
            told |= _drift(column, verdicts[:, s], (plan.truth["clean"], plan.truth[name]))
            told |= _planted(verdicts[:, s]) if name in KEPT else {}
        if name in plan.leaning:
            told |= _images(column)
        found |= {(name, question): float(answer) for question, answer in told.items()}
    return found


def analysed(evidence: Evidence, options: Options) -> tuple[Numbers, NDArray[np.str_]]:
    """Numbers and verdicts (layer, condition) of `advwindow.window.analyse`, without measures that nothing rests on."""
    with mock.patch.object(analysis, "further_measures", return_value={}):
        numbers = analysis.compute(evidence, options)
    verdicts = _layer_table(evidence, numbers)["verdict"].fill_null("")
    return numbers, np.array(verdicts.to_list()).reshape(len(evidence.layers), len(evidence.conditions))


def _outside(column: Mapping[str, Array], ends: str, truth: Array | float) -> NDArray[np.bool_]:
    outside: NDArray[np.bool_] = (column[f"{ends}_low"] > truth) | (column[f"{ends}_high"] < truth)
    return outside


def _alignment(column: Mapping[str, Array], truth: Array) -> dict[str, float]:
    return {
        "label test": (column["alignment_p"] <= ALPHA).mean(),
        "label test, any": (column["alignment_p_adjusted"] <= ALPHA).any(),
        "alignment interval": _outside(column, "ci", truth).mean(),
        "alignment band": _outside(column, "band", truth).any(),
        "upper bound": (column["upper"] < truth).mean(),
    }


def _drift(column: Mapping[str, Array], verdicts: NDArray[np.str_], truths: tuple[Array, Array]) -> dict[str, float]:
    truth = truths[0] - truths[1]
    kept = np.divide(truths[1], truths[0], out=np.full(DEPTH, np.nan), where=truths[0] > 0)
    return {
        "swap test": (column["drift_p"] <= ALPHA).mean(),
        "swap test, any": (column["drift_p_adjusted"] <= ALPHA).any(),
        "drift interval": _outside(column, "drift_ci", truth).mean(),
        "drift band": _outside(column, "drift_band", truth).any(),
        "drift se": column["drift_se"].mean(),
        "drift": column["drift"].mean(),
        "retention interval": _outside(column, "retention", kept).mean(),
        "beyond noise": _outside(column, "drift_beyond_noise", truth).mean(),
        "fallen, any": _fallen(verdicts).any(),
        "collapsed, any": (verdicts == "collapsed").any(),
    }


def _planted(verdicts: NDArray[np.str_]) -> dict[str, float]:
    fallen, planted = _fallen(verdicts), list(PLANTED)
    return {
        "fallen": fallen[planted].mean(),
        "fallen, both": fallen[planted].all(),
        "collapsed": (verdicts[planted] == "collapsed").mean(),
        "fallen elsewhere": fallen[list(OTHERS)].any(),
    }


def _fallen(verdicts: NDArray[np.str_]) -> NDArray[np.bool_]:
    return np.isin(verdicts, ["eroded", "collapsed"])


def _images(column: Mapping[str, Array]) -> dict[str, float]:
    return {
        "hijacked": (column["one_vs_two_p"] <= ALPHA).mean(),
        "hijacked, any": (column["one_vs_two_p_adjusted"] <= ALPHA).any(),
    }


@dataclass(frozen=True)
class Rate:
    """A mean over runs.

    Attributes:
        value: the mean.
        se: its standard error over runs (binomial, where every run says yes or no).
        runs: how many.
    """

    value: float
    se: float
    runs: int


def rates(plan: Plan, count: int, *, runs: int) -> Rates:
    """How often each outcome came up.

    Args:
        plan: the world.
        count: of concepts.
        runs: draws of concepts.
    """
    every = [outcomes(plan, count, run=run) for run in range(runs)]
    values = {key: np.array([one[key] for one in every]) for key in every[0]}
    return {key: Rate(float(x.mean()), float(x.std() / np.sqrt(runs)), runs) for key, x in values.items()}
