"""From labels to words: a chain of spellings, with an account of every step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from advwindow.errors import UserError
from advwindow.words.lexicon import Lexicon
from advwindow.words.resolution import Resolution, ResolvedLabel, nearest_label, used_axes
from advwindow.words.spellings import Candidate, Step, candidates

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from advwindow.words.space import WordSpace


def resolve(labels: Sequence[str], space: WordSpace, *, overrides: Mapping[str, str] | None = None) -> Resolution:
    """Find a word for every label.

    The chain is `Step`, in order. The space is searched once, for all spellings of all labels. Two labels never share
    a word or a vector, as their distance would be zero whatever the network does: the label that needs the earlier
    step to reach it keeps it, or else the first in order; the other one goes on with its other names, not with other
    spellings of the same name. Vectors that are zero or not finite are not used.

    Args:
        labels: each one or more names separated by ``", "``.
        space: where to look.
        overrides: label to word, exactly as the space spells it; for labels that occur twice it counts for both.

    Raises:
        UserError: no labels, an override for an unknown label or with a word that is not in the space, or the space
            gives vectors or similarities of another form than it says.
    """
    if isinstance(labels, str) or not labels:
        raise UserError("no labels to find words for", got=labels or None, expected="a list with at least one label")
    chosen = dict(overrides or {})
    for label in chosen:
        if label not in labels:
            raise UserError("override for an unknown label", got=label, fix=nearest_label(label, labels))
    chains = [candidates(label, override=chosen.get(label), lowercase=space.lowercase) for label in labels]
    seeker = _Seeker(space, chains)
    for label, word in chosen.items():
        seeker.check_override(label, word)
    rows: dict[int, ResolvedLabel] = {}
    for index in sorted(range(len(labels)), key=lambda index: seeker.first_step(chains[index])):
        rows[index] = seeker.settle(index, labels[index], chains[index])
    indices = tuple(sorted(seeker.vectors))
    vectors = np.array([seeker.vectors[index] for index in indices]).reshape(len(indices), seeker.lexicon.dim)
    used, kernel = used_axes(vectors, seeker.lexicon.kernel)
    return Resolution(space.name, tuple(rows[index] for index in range(len(labels))), indices, used, kernel)


@dataclass(frozen=True)
class _Attempt:
    """What a candidate comes to, before anyone else's claims.

    Attributes:
        words: its spelling in the space, one per part; empty if a part is unknown.
        vector: its vector, None if it has no usable one.
        trouble: why there is no vector; empty if there is one.
    """

    words: tuple[str, ...]
    vector: NDArray[np.float64] | None
    trouble: str


class _Seeker:
    """The vectors of all candidates, and who has which of them so far.

    Attributes:
        lexicon: all spellings that the space knows.
        vectors: label index to the vector that it got.
    """

    def __init__(self, space: WordSpace, chains: Sequence[Sequence[Candidate]]) -> None:
        wanted = {word for chain in chains for candidate in chain for part in candidate.parts for word in part}
        self._space = space.name
        self.lexicon = Lexicon.of(space, wanted)
        self._owners: dict[bytes, ResolvedLabel] = {}
        self.vectors: dict[int, NDArray[np.float64]] = {}

    def check_override(self, label: str, word: str) -> None:
        """Raise `UserError` if the caller's word for a label has no usable vector."""
        attempt = self._attempt(Candidate(Step.OVERRIDE, word, ((word,),)))
        if attempt.vector is None:
            what = f"the override of {label!r} cannot be used: {attempt.trouble}"
            raise UserError(what, got=word, expected="a word spelled as in the space", fix="choose another word")

    def first_step(self, chain: Sequence[Candidate]) -> int:
        """Place in `Step` of the first candidate of a chain that has a usable vector, before anyone else's claims."""
        steps = list(Step)
        found = (candidate.step for candidate in chain if self._attempt(candidate).vector is not None)
        return steps.index(next(found, Step.DROPPED))

    def settle(self, index: int, label: str, chain: Sequence[Candidate]) -> ResolvedLabel:
        """Go down one label's chain to the first vector that is known, usable and free; keep it."""
        trail: list[str] = []
        notes: list[str] = []
        taken_names: set[str] = set()
        for candidate in chain:
            if candidate.name in taken_names:
                continue
            attempt = self._attempt(candidate)
            key = None if attempt.vector is None else self.lexicon.key(attempt.vector)
            owner = None if key is None else self._owners.get(key)
            trouble = attempt.trouble
            if owner is not None:
                kind = "word" if sorted(owner.words) == sorted(attempt.words) else "vector"
                trouble = f"same {kind} as {owner.label} (index {owner.index})"
                taken_names.add(candidate.name)
            trail.append(f"{_subject(candidate)}: {trouble or 'used'}.")
            if attempt.vector is not None and key is not None and owner is None:
                row = ResolvedLabel(index, label, candidate.step, attempt.words, "; ".join(notes), tuple(trail))
                self._owners[key] = row
                self.vectors[index] = attempt.vector
                return row
            notes += [trouble] if attempt.words else []
        note = "; ".join(dict.fromkeys(notes)) or f"no spelling is in {self._space}"
        return ResolvedLabel(index, label, Step.DROPPED, (), note, (*trail, f"{Step.DROPPED}: {note}."))

    def _attempt(self, candidate: Candidate) -> _Attempt:
        known = self.lexicon.vectors
        spelled = [next((word for word in part if word in known), None) for part in candidate.parts]
        words = tuple(word for word in spelled if word is not None)
        if len(words) < len(spelled):
            missing = [part[0] for part, word in zip(candidate.parts, spelled, strict=True) if word is None]
            return _Attempt((), None, f"{_quote(missing)} not in {self._space}")
        for word in words:
            if trouble := self.lexicon.trouble(known[word]):
                return _Attempt(words, None, f"the vector of {word!r} {trouble}")
        vector = self.lexicon.combine(words)
        if trouble := self.lexicon.trouble(vector):
            return _Attempt(words, None, f"the mean of {_quote(words)} {trouble}")
        return _Attempt(words, vector, "")


def _subject(candidate: Candidate) -> str:
    return f"{candidate.step} {_quote(part[0] for part in candidate.parts)}"


def _quote(words: Iterable[str]) -> str:
    return " + ".join(map(repr, words))
