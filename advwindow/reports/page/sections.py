"""The sections of the page, in the order of the PDF and with its words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from advwindow.reports.page import images, tables
from advwindow.reports.page.cells import caution, figure
from advwindow.reports.page.illustrated import Illustrated
from advwindow.reports.page.markup import Markup, join, tag
from advwindow.reports.page.sheet import Section

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ATTACKS = (
    "With 95 % intervals; robust: classified correctly and not fooled. Right: layers by verdict, and layers that fell "
    "under noise."
)
_BEGINNINGS = (
    "Where in depth meaning begins to break: the first layer that is eroded or collapsed, that is collapsed, and that "
    "is hijacked; and the drift averaged over all layers, beside that of noise of the same size."
)
_LIVES = (
    "The budget at which half of a layer's clean alignment is gone, with its 95 % interval, in layers that are aligned "
    "with words{thinned}. Between the budgets that were tried the curve is taken to be straight; below the smallest "
    "and beyond the largest nothing is claimed but the side."
)
_THINNED = " (of many layers, evenly spaced ones)"
_TRACE = (
    "How it is made: a ridge regression learns, on clean images, to predict word vectors from the layer's activations. "
    "It is cross-fitted: the layer has never seen this image's concept, neither its pictures nor its word, and can "
    "only guess from what the image has in common with other concepts."
)
_CONCEPTS = (
    "2 vs 2 accuracy of single concepts at {layer}, where {attack} drifts most; sorted by the loss under that attack. "
    "The deeper the tint, the greater the loss; guessing gives 50 %."
)
_LOST = " Bold: among the words that lost their meaning, by the rule below."
_AUDIT = (
    "A pass means that this sign of a broken attack or of masked gradients was looked for and not seen. "
    "`advwindow explain CODE` tells what each check does."
)
_CHECKS = "Checks S1 to S15 after Carlini et al. 2019, indicators I1 to I6 after Pintor et al. 2022."
_NUMBERS = (
    "Alignment on clean images, under noise of the same size and under the attack; drift and drift beyond noise with "
    "95 % intervals of single layers; p of the drift, adjusted over layers; the upper 95 % bound of what is left, and "
    "the bound below which a layer has collapsed; share of fooled images closer to the true word."
)


def opening(data: Mapping[str, Any]) -> Markup:
    """What happened: the answer, the attacks, the verdicts."""
    missing = (
        tag(
            "p",
            tag("strong", f"Incomplete: {data['missing'][0]}."),
            f" {'; '.join(data['missing'][1:])}. The same command goes on from here.",
            class_="missing",
        )
        if data["missing"]
        else Markup()
    )
    answers = [_answer(study, several=data["several"]) for study in data["studies"]]
    table = figure(tables.attack_table(data["studies"], several=data["several"]), _ATTACKS)
    return join([missing, *answers, table])


def _answer(study: Mapping[str, Any], *, several: bool) -> Markup:
    parts = [
        tag("p", tag("strong", study["title"])) if several else Markup(),
        tag("p", study["question"], class_="question"),
        tag("p", " ".join(study["answer"]), class_="answer"),
        tag("p", " ".join([*study["details"], f"{study['facts']}."]), class_="note"),
        Markup() if several else caution(study["caveats"]),
    ]
    return tag("div", *parts, class_="answers")


def study_sections(study: Mapping[str, Any], place: int, *, several: bool) -> list[Section]:
    """Everything about one study; sections without data are left out."""
    level = 3 if several else 2
    drawn = Illustrated(study, place)
    found = [
        ("verdicts", "Verdicts", _verdicts(study, place, drawn)),
        ("budgets", "Accuracy and meaning, budget by budget", drawn.figures("robustness", "collapse-map")),
        ("alignment", "Alignment with words, layer by layer", drawn.figures("alignment", "two-vs-two")),
        ("references", "Words, and what else?", drawn.figures("references")),
        ("drift", "Drift: what each layer loses", _drift(study, place, drawn)),
        ("one-vs-two", "True word or wrong word?", drawn.figures("one-vs-two")),
        ("half-life", "Semantic half-life: the budget that halves the meaning", _lives(study["lives"], drawn)),
        ("geometry", "Concepts: how their geometry moves", drawn.figures("concept-map", "matrices")),
        ("images", "Images", join(images.gallery(shown, study["pictures"]) for shown in study["examples"])),
        ("trace", "Word trace: what each layer says", _trace(study)),
        ("concepts", "Concepts that lost most", _concepts(study)),
        ("words", "Where each concept's word comes from", tables.word_table(study["words"])),
        ("audit", "Can the attack be believed?", join(map(_audit, study["audits"]))),
    ]
    sections = [Section(f"{key}-{place}", title, body, level) for key, title, body in found if body]
    rest = drawn.rest()
    return [*sections, Section(f"more-{place}", "More figures", rest, level)] if rest else sections


def _verdicts(study: Mapping[str, Any], place: int, drawn: Illustrated) -> Markup:
    caption = study["figures"]["verdicts"]["caption"]
    matrix = figure(tables.verdict_matrix(study, place), caption)
    strongest = drawn.figures("headline") if len(study["attacks"]) > 1 else drawn.skip("headline")
    return join([matrix, strongest])


def _drift(study: Mapping[str, Any], place: int, drawn: Illustrated) -> Markup:
    beginnings = figure(tables.beginning_table(study["beginnings"], place), _BEGINNINGS)
    return join([drawn.figures("drift"), beginnings, drawn.figures("beyond-noise")])


def _lives(pieces: Sequence[Mapping[str, Any]], drawn: Illustrated) -> Markup:
    figures = [drawn.figures("retention")]
    for lives in pieces:
        told = []
        if lives is pieces[-1]:
            told = [_LIVES.format(thinned=_THINNED if lives["thinned"] else ""), " ", " ".join(lives["notes"])]
        remarks = [part for each in lives["remarks"] for part in (" ", tag("sup", each["mark"]), " ", each["text"])]
        figures.append(figure(tables.half_life_table(lives), *told, *remarks))
    return join(figures)


def _trace(study: Mapping[str, Any]) -> Markup:
    trace = study["trace"]
    return figure(images.trace_table(trace, study["pictures"]), f"{trace['caption']} {_TRACE}") if trace else Markup()


def _concepts(study: Mapping[str, Any]) -> Markup:
    concepts = study["concepts"]
    bold = any(cell["lost"] for row in concepts["rows"] for cell in row["cells"] if "lost" in cell)
    caption = _CONCEPTS.format(layer=concepts["layer"], attack=concepts["attack"]) + (_LOST if bold else "")
    return join([figure(tables.concept_table(concepts), caption), tag("p", " ".join(study["losers"]))])


def _audit(found: Mapping[str, Any]) -> Markup:
    told, _, command = _AUDIT.partition("`")
    command, _, end = command.partition("`")
    head = f"The audit ({found['level']}) of {found['title']} on {found['images']} images: {found['tally']}. {told}"
    skipped = f" Left out at this level: {', '.join(found['skipped'])}." if found["skipped"] else ""
    return join([tag("p", head, tag("code", command), end), figure(tables.audit_table(found), f"{_CHECKS}{skipped}")])


def number_sections(studies: Sequence[Mapping[str, Any]], *, several: bool) -> Markup:
    """The numbers behind the verdicts, of all studies and attacks."""
    parts = [tag("p", _NUMBERS, class_="note")]
    for place, study in enumerate(studies):
        if several:
            parts.append(tag("h3", study["title"]))
        for number, attack in enumerate(study["numbers"]):
            heading = tag("h4" if several else "h3", attack["title"])
            body = tables.number_table(attack, place, number)
            parts.append(tag("div", heading, body, data_study=place, data_attack=number))
    return join(parts)


def provenance(data: Mapping[str, Any]) -> Markup:
    """Where the numbers are from, and how to get them again."""
    return join(
        [
            tables.provenance_table(data["provenance"]),
            tag("h3", "To get these numbers again"),
            tag("pre", tag("code", "\n".join(data["again"])), tabindex=0),
            tag("h3", "The sweep, with every default filled in"),
            tag("pre", tag("code", "\n".join(data["sweep"])), tabindex=0),
        ]
    )
