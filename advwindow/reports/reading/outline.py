"""The order of a report: its sections, their titles and what stands in each, once for every medium."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Section(NamedTuple):
    """A part of what is told about a study.

    Attributes:
        key: for links.
        title: of its heading.
        blocks: names of figures and tables, in their order.
    """

    key: str
    title: str
    blocks: tuple[str, ...]


SECTIONS = (
    Section("verdicts", "Verdicts", ("verdicts", "headline")),
    Section("budgets", "Accuracy and meaning, budget by budget", ("robustness", "collapse-map")),
    Section("alignment", "Alignment with words, layer by layer", ("alignment", "two-vs-two")),
    Section("references", "Words, and what else?", ("references",)),
    Section("drift", "Drift: what each layer loses", ("drift", "beyond-noise")),
    Section("one-vs-two", "True word or wrong word?", ("one-vs-two",)),
    Section("half-life", "Semantic half-life: the budget that halves the meaning", ("retention", "lives")),
    Section("geometry", "Concepts: how their geometry moves", ("concept-map", "matrices")),
    Section("images", "Images", ("examples",)),
    Section("trace", "Word trace: what each layer says", ("trace",)),
    Section("concepts", "Concepts that lost most", ("concepts",)),
    Section("words", "Where each concept’s word comes from", ("words",)),
    Section("audit", "Can the attack be believed?", ("audits",)),
)
#: Tables that are shown where the study has something for them, by their names there.
TABLES = ("lives", "examples", "trace", "concepts", "words", "audits")
BEGINNINGS = "beginnings"
#: A map of more attacks fills a page of its own: what may break stands before it.
_TALL = 12


def outline(study: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The sections for which a study has data, each with the blocks that there are.

    Args:
        study: what is told about it, with its figures by name.

    Returns:
        Sections as mappings of ``key``, ``title`` and ``blocks``.

    Raises:
        ValueError: a figure has no place in the report.
    """
    figures = [name for name in study["figures"] if name != "headline" or len(study["attacks"]) > 1]
    lost = set(study["figures"]) - {name for section in SECTIONS for name in section.blocks}
    if lost:
        msg = f"figures without a section: {sorted(lost)}"
        raise ValueError(msg)
    there = {*figures, *(name for name in TABLES if study[name])}
    sections = []
    for section in SECTIONS:
        blocks = [name for name in section.blocks if name in there]
        if blocks:
            blocks = _with_beginnings(section.key, blocks, figures, tall=len(study["attacks"]) > _TALL)
            sections.append({"key": section.key, "title": section.title, "blocks": blocks})
    return sections


def _with_beginnings(key: str, blocks: list[str], figures: Sequence[str], *, tall: bool) -> list[str]:
    """Where meaning begins to break stands beside the map of collapse, or beside the drift without such a map."""
    beside = "collapse-map" if "collapse-map" in figures else "drift"
    if beside not in blocks or key not in {"budgets", "drift"}:
        return blocks
    place = blocks.index(beside)
    return [*blocks[: place + (not tall)], BEGINNINGS, *blocks[place + (not tall) :]]
