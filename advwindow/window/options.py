"""How an analysis is done: every ambiguous choice, by name, with its default."""

from __future__ import annotations

from dataclasses import dataclass

from advwindow.errors import UserError, did_you_mean
from advwindow.window.alignment import MEASURES
from advwindow.window.matching import TIES
from advwindow.window.multiplicity import CORRECTIONS
from advwindow.window.verdict import ALPHA

#: Above this the 2 vs 2 test gets no p-value by default: each relabelling costs a product of C x C matrices per layer.
TWO_VS_TWO_NULL_CONCEPTS = 60

_TWO_VS_TWO_PERMUTATIONS = 1000


@dataclass(frozen=True)
class Options:
    """How to analyse.

    Attributes:
        measure: ``"pearson"`` (its intervals are better calibrated with few concepts) or ``"spearman"``: the alignment
            behind tests, intervals and verdicts.
        ties: what a tie counts in the 2 vs 2 and 1 vs 2 tests: ``"half"``, ``"fail"`` (BrainBench) or ``"pass"``.
        permutations: number of relabellings and of swaps; at least 19.
        two_vs_two_permutations: relabellings for the 2 vs 2 test, 0 for no p-value; None for at most 1,000 up to 60
            concepts and none above.
        image_sets: whether to score every fold by itself, too, and average the scores, as Words as a Window does with
            its image sets.
        further: whether to take the measures, too, that no verdict rests on (`advwindow.window.further.FURTHER`); with
            1,000 concepts they take more than half as long again as all the rest.
        further_permutations: relabellings for p-values of decoding, Procrustes and neighbours (each layer by itself)
            and the null mean of Procrustes; 0 for none. With 1,000 concepts a relabelling takes about 40 ms a layer.
        correction: how p-values are adjusted over layers: ``"max-t"`` (step-down, family-wise), ``"bh"`` or ``"by"``
            (false discovery rate).
        seed: of all random streams.

    Raises:
        UserError: an unknown name, or too few permutations for any significance.
    """

    measure: str = "pearson"
    ties: str = "half"
    permutations: int = 2000
    two_vs_two_permutations: int | None = None
    image_sets: bool = False
    further: bool = True
    further_permutations: int = 0
    correction: str = "max-t"
    seed: int = 0

    def __post_init__(self) -> None:
        known = (
            ("measure", self.measure, MEASURES),
            ("tie rule", self.ties, TIES),
            ("correction", self.correction, CORRECTIONS),
        )
        for what, name, names in known:
            if name not in names:
                raise UserError(f"unknown {what}", got=name, fix=did_you_mean(name, names))
        if self.permutations < round(1 / ALPHA) - 1:
            expected = f"at least {round(1 / ALPHA) - 1}, as no p-value is below 1 / (permutations + 1)"
            raise UserError("too few permutations for any significance", got=self.permutations, expected=expected)

    def matching_permutations(self, concepts: int) -> int:
        """Number of relabellings for the 2 vs 2 test."""
        if self.two_vs_two_permutations is not None:
            return self.two_vs_two_permutations
        return min(self.permutations, _TWO_VS_TWO_PERMUTATIONS) if concepts <= TWO_VS_TWO_NULL_CONCEPTS else 0
