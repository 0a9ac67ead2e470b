"""The sections of the page, in the order of the PDF and with its words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from advwindow.reports.page import tables
from advwindow.reports.page.markup import Markup, join, tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from advwindow.reports.page.drawing import Drawn

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


@dataclass(frozen=True)
class Section:
    """A part of the page with a heading of its own.

    Attributes:
        key: its id.
        title: of the heading.
        body: what follows.
        level: of the heading, 2 or more.
    """

    key: str
    title: str
    body: Markup
    level: int = 2

    def render(self) -> Markup:
        """The section with its heading."""
        link = tag("a", "#", href=f"#{self.key}", aria_label=f"Link to {self.title}")
        heading = tag(f"h{self.level}", self.title, link)
        return tag("section", heading, self.body, id=self.key)


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
    table = _figure(tables.attack_table(data["studies"], several=data["several"]), _ATTACKS)
    return join([missing, *answers, table])


def _answer(study: Mapping[str, Any], *, several: bool) -> Markup:
    parts = [
        tag("p", tag("strong", study["title"])) if several else Markup(),
        tag("p", study["question"], class_="question"),
        tag("p", " ".join(study["answer"]), class_="answer"),
        tag("p", " ".join([*study["details"], f"{study['facts']}."]), class_="note"),
        Markup() if several else _cautions(study["caveats"]),
    ]
    return tag("div", *parts, class_="answers")


def _cautions(sentences: Sequence[str]) -> Markup:
    return tag("p", tag("strong", "Keep in mind. "), " ".join(sentences), class_="note") if sentences else Markup()


def study_sections(study: Mapping[str, Any], place: int, *, several: bool) -> list[Section]:
    """Everything about one study; sections without data are left out."""
    level = 3 if several else 2
    drawn = _Illustrated(study, place)
    found = [
        ("verdicts", "Verdicts", _verdicts(study, place, drawn)),
        ("budgets", "Accuracy and meaning, budget by budget", drawn.figures("robustness", "collapse-map")),
        ("alignment", "Alignment with words, layer by layer", drawn.figures("alignment", "two-vs-two")),
        ("references", "Words, and what else?", drawn.figures("references")),
        ("drift", "Drift: what each layer loses", _drift(study, place, drawn)),
        ("one-vs-two", "True word or wrong word?", drawn.figures("one-vs-two")),
        ("half-life", "Semantic half-life: the budget that halves the meaning", _lives(study["lives"], drawn)),
        ("geometry", "Concepts: how their geometry moves", drawn.figures("concept-map", "matrices")),
        ("images", "Images", join(tables.gallery(shown, study["pictures"]) for shown in study["examples"])),
        ("trace", "Word trace: what each layer says", _trace(study)),
        ("concepts", "Concepts that lost most", _concepts(study)),
        ("words", "Where each concept's word comes from", tables.word_table(study["words"])),
        ("audit", "Can the attack be believed?", join(map(_audit, study["audits"]))),
    ]
    sections = [Section(f"{key}-{place}", title, body, level) for key, title, body in found if body]
    rest = drawn.rest()
    return [*sections, Section(f"more-{place}", "More figures", rest, level)] if rest else sections


def _verdicts(study: Mapping[str, Any], place: int, drawn: _Illustrated) -> Markup:
    caption = study["figures"]["verdicts"]["caption"]
    matrix = _figure(tables.verdict_matrix(study, place), caption)
    strongest = drawn.figures("headline") if len(study["attacks"]) > 1 else drawn.skip("headline")
    return join([matrix, strongest])


def _drift(study: Mapping[str, Any], place: int, drawn: _Illustrated) -> Markup:
    beginnings = _figure(tables.beginning_table(study["beginnings"], place), _BEGINNINGS)
    return join([drawn.figures("drift"), beginnings, drawn.figures("beyond-noise")])


def _lives(pieces: Sequence[Mapping[str, Any]], drawn: _Illustrated) -> Markup:
    figures = [drawn.figures("retention")]
    for lives in pieces:
        told = []
        if lives is pieces[-1]:
            told = [_LIVES.format(thinned=_THINNED if lives["thinned"] else ""), " ", " ".join(lives["notes"])]
        remarks = [part for each in lives["remarks"] for part in (" ", tag("sup", each["mark"]), " ", each["text"])]
        figures.append(_figure(tables.half_life_table(lives), *told, *remarks))
    return join(figures)


def _trace(study: Mapping[str, Any]) -> Markup:
    trace = study["trace"]
    return _figure(tables.trace_table(trace, study["pictures"]), f"{trace['caption']} {_TRACE}") if trace else Markup()


def _concepts(study: Mapping[str, Any]) -> Markup:
    concepts = study["concepts"]
    bold = any(cell["lost"] for row in concepts["rows"] for cell in row["cells"] if "lost" in cell)
    caption = _CONCEPTS.format(layer=concepts["layer"], attack=concepts["attack"]) + (_LOST if bold else "")
    return join([_figure(tables.concept_table(concepts), caption), tag("p", " ".join(study["losers"]))])


def _audit(found: Mapping[str, Any]) -> Markup:
    told, _, command = _AUDIT.partition("`")
    command, _, end = command.partition("`")
    head = f"The audit ({found['level']}) of {found['title']} on {found['images']} images: {found['tally']}. {told}"
    skipped = f" Left out at this level: {', '.join(found['skipped'])}." if found["skipped"] else ""
    return join([tag("p", head, tag("code", command), end), _figure(tables.audit_table(found), f"{_CHECKS}{skipped}")])


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


class _Illustrated:
    """The figures of a study, each told once."""

    def __init__(self, study: Mapping[str, Any], place: int) -> None:
        self._study, self._place = study, place
        self._left = [name for name in study["figures"] if name != "verdicts"]

    def figures(self, *names: str) -> Markup:
        """Those of these names that there are."""
        shown = [name for name in names if name in self._left]
        self._left = [name for name in self._left if name not in shown]
        return join(self._illustration(name) for name in shown)

    def skip(self, name: str) -> Markup:
        """Leave one out."""
        self._left = [each for each in self._left if each != name]
        return Markup()

    def rest(self) -> Markup:
        """Those not yet told."""
        return self.figures(*self._left)

    def _illustration(self, name: str) -> Markup:
        shown = self._study["figures"][name]
        key = f"figure-{self._place}-{name}"
        if "plates" in shown:
            return self._plates(shown, key)
        pieces: Sequence[Drawn] = shown["pieces"]
        titles: Sequence[int | None] = shown["attacks"]
        panels = [panel for piece in pieces for panel in piece.panels]
        keys = [tag("li", swatch, tag("span", text)) for swatch, text in pieces[0].keys]
        wide = " wide" if len(panels) == 1 else ""
        views = [
            tag(
                "div",
                tag(
                    "svg",
                    panel.svg,
                    viewBox=" ".join(map(str, panel.view)),
                    class_="panel",
                    data_axes=" ".join(map(str, panel.axes)),
                    data_first=panel.first,
                    data_step=panel.step,
                ),
                class_="view",
                data_study=self._place,
                data_attack=titles[number],
                data_panel=number,
            )
            for number, panel in enumerate(panels)
        ]
        return tag(
            "figure",
            tag("ul", *keys, class_="keys"),
            tag("div", *views, class_=f"panels{wide}", role="group", aria_describedby=key),
            tag("figcaption", shown["caption"]),
            tag("p", shown["alt"], id=key, class_="unseen"),
            data_figure=name,
            data_study=self._place,
        )

    def _plates(self, shown: Mapping[str, Any], key: str) -> Markup:
        """A figure that is shown whole, on white in dark pages, too: its colours are a scale."""
        return tag(
            "figure",
            tag("div", *shown["plates"], class_="plates", role="img", aria_labelledby=key, tabindex=0),
            tag("figcaption", shown["caption"]),
            tag("p", shown["alt"], id=key, class_="unseen"),
            data_study=self._place,
        )


def _figure(body: Markup, *caption: str) -> Markup:
    told = join(caption)
    return tag("figure", body, tag("figcaption", told)) if told else tag("figure", body)
