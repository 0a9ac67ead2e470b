"""How alike the concepts of one layer are to each other, clean and under attack, and how alike their words are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.cluster.hierarchy import fcluster, leaves_list, linkage

from advwindow.reports.reading.findings import headline, worst_layer
from advwindow.reports.text import printable, shorten
from advwindow.runs import layer_evidence
from advwindow.window import Evidence, similarity
from advwindow.window.alignment import pair_values
from advwindow.window.evidence import NOISE
from advwindow.window.similarity import ConstantPatternError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from advwindow.reports.reading.studies import Attacked, Study
    from advwindow.runs import RunDirectory

    Array = NDArray[np.float64]
    Places = NDArray[np.int64]

#: Fewer concepts have no geometry to speak of.
MIN_CONCEPTS = 4

#: Leaves of a larger tree stay as they are: the best of their orders takes time that grows with the cube.
_MOST_ORDERED = 500


@dataclass(frozen=True, eq=False)
class ConceptGeometry:
    """The similarities of ``C`` concepts in one layer, and of their words.

    Attributes:
        attack: its title.
        layer: its full name.
        space: name of the word space.
        kind: of similarity, one of `advwindow.window.SIMILARITIES`.
        concepts: ``C`` class labels.
        words: the word of each.
        of_words: ``(C, C)`` in [-1, 1], diagonal 1.
        joint: ``(2 C, 2 C)`` in [-1, 1], of the clean concepts followed by the attacked ones.
        kept_by_noise: ``(C,)`` in [-1, 1], similarity of each concept under noise of the attack's size to itself when
            clean; None where there was no such control.
    """

    attack: str
    layer: str
    space: str
    kind: str
    concepts: tuple[str, ...]
    words: tuple[str, ...]
    of_words: Array
    joint: Array
    kept_by_noise: Array | None = None

    @property
    def clean(self) -> Array:
        """``(C, C)``, similarities of the clean concepts."""
        return self.joint[: len(self.concepts), : len(self.concepts)]

    @property
    def attacked(self) -> Array:
        """``(C, C)``, similarities of the attacked concepts."""
        return self.joint[len(self.concepts) :, len(self.concepts) :]

    @property
    def difference(self) -> Array:
        """``(C, C)`` in [-2, 2], attacked minus clean."""
        return self.attacked - self.clean

    @property
    def across(self) -> Array:
        """``(C, C)``, similarities of the clean concepts (rows) with the attacked ones (columns)."""
        return self.joint[: len(self.concepts), len(self.concepts) :]

    @property
    def moved(self) -> Array:
        """``(C,)`` in [0, 2], distance of each attacked concept from itself when clean (`distance`)."""
        return distance(np.diag(self.across))

    @property
    def nearest(self) -> Places:
        """``(C,)``, the concept whose clean point is nearest to each attacked one; itself where others are as near."""
        across = self.across
        itself = np.diag(across) >= across.max(0)
        return np.where(itself, np.arange(len(across)), across.argmax(0))


class Order(NamedTuple):
    """An order of concepts in which those with similar words are neighbours.

    Attributes:
        leaves: ``(C,)``, the concepts from first to last.
        clusters: ``(C,)``, number of each concept's cluster, in the concepts' own order; clusters are runs of `leaves`.
    """

    leaves: Places
    clusters: Places

    def borders(self, least: int) -> Places:
        """Where in `leaves` a cluster of at least so many concepts begins or ends, but for the ends of all."""
        along = self.clusters[self.leaves]
        starts = np.concatenate([[0], 1 + np.flatnonzero(np.diff(along)), [len(along)]])
        large = np.diff(starts) >= least
        found = np.union1d(starts[:-1][large], starts[1:][large])
        return found[(found > 0) & (found < len(along))]


@lru_cache(maxsize=2)
def headline_geometry(study: Study) -> ConceptGeometry | None:
    """The geometry under the most harmful attack where its drift is largest; kept, as several figures show it.

    None where the layer has none, see `read_geometry`.
    """
    attack = headline(study)
    return read_geometry(study.run, attack, layer=str(worst_layer(attack)["layer"]))


def read_geometry(run: RunDirectory, attack: Attacked, *, layer: str) -> ConceptGeometry | None:
    """The geometry of one layer of a finished cell.

    Args:
        run: where the cell is.
        attack: the cell.
        layer: its full name.

    Returns:
        None for fewer than `MIN_CONCEPTS` concepts, and where a pattern or a word vector is constant, so that nothing
        is similar to it.
    """
    evidence = layer_evidence(run, attack.spec, layer)
    if layer not in evidence.layers or len(evidence.concepts) < MIN_CONCEPTS:
        return None
    try:
        return geometry_of(evidence, layer, title=attack.title)
    except ConstantPatternError:
        return None


def geometry_of(evidence: Evidence, layer: str, *, title: str, condition: str = "attack") -> ConceptGeometry:
    """The similarities in one layer of the evidence; several folds are averaged by their numbers of images.

    Args:
        evidence: of a cell.
        layer: one of its layers.
        title: of the attack.
        condition: the one to hold against the clean one.

    Raises:
        ConstantPatternError: a pattern or a word vector is constant.
    """
    stack, kind = evidence.layers[layer].stack.averaged(evidence.weights), evidence.similarity
    joint = {
        name: similarity(stack.beside_clean(place), kind)
        for place, name in enumerate(evidence.conditions)
        if name in {condition, NOISE}
    }
    count = len(evidence.concepts)
    space, words = next(iter(evidence.spaces.items()))
    return ConceptGeometry(
        attack=title,
        layer=layer,
        space=space,
        kind=kind,
        concepts=evidence.concepts,
        words=words.words,
        of_words=similarity(words.gram, kind),
        joint=joint[condition],
        kept_by_noise=np.diag(joint[NOISE], count) if NOISE in joint else None,
    )


def distance(similarities: Array) -> Array:
    """Distances in [0, 2] of patterns of length 1 with these similarities (the cosines between them)."""
    apart: Array = np.sqrt(2 * (1 - similarities))
    return apart


def word_order(of_words: Array) -> Order:
    """Concepts by average-linkage clustering of their words, on 1 - similarity.

    Neighbouring leaves are as similar as the tree allows (Bar-Joseph, Gifford & Jaakkola 2001) up to 500 concepts. Of
    clusters there are at most as many as the root of the number of concepts.

    Args:
        of_words: ``(C, C)`` similarities.
    """
    apart = np.clip(1 - pair_values(of_words), 0, None)
    tree = linkage(apart, "average", optimal_ordering=len(of_words) <= _MOST_ORDERED)
    most = round(len(of_words) ** 0.5)
    return Order(leaves_list(tree).astype(np.int64), fcluster(tree, most, "maxclust").astype(np.int64))


def within_and_between(matrix: Array, clusters: Places) -> tuple[float, float]:
    """Mean over pairs of concepts in one cluster, and over all other pairs; NaN where there is no such pair."""
    together = pair_values((clusters[:, None] == clusters).astype(np.float64)) > 0
    values = pair_values(matrix)
    return _mean(values[together]), _mean(values[~together])


def concept_names(concepts: Sequence[str], width: int) -> list[str]:
    """What to call concepts where there is little room: their first names where these differ, at most `width` long.

    Example:
        >>> concept_names(["goldfish, Carassius auratus", "crane, n02012849", "crane, n03126707"], 12)
        ['goldfish', 'crane…012849', 'crane…126707']
    """
    first = [concept.partition(",")[0].strip() for concept in concepts]
    taken = Counter(first)
    names = [name if name and taken[name] == 1 else concept for name, concept in zip(first, concepts, strict=True)]
    return [shorten(printable(name), width) for name in names]


def _mean(values: Array) -> float:
    return float(values.mean()) if len(values) else float("nan")
