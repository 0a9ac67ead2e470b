"""The drawings of a study with their captions, and with words for those who do not see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from advwindow.reports.page.markup import tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from advwindow.reports.page.drawing import Drawn
    from advwindow.reports.page.markup import Markup


class Illustrated:
    """The figures of a study by their names."""

    def __init__(self, study: Mapping[str, Any], place: int) -> None:
        self._study, self._place = study, place

    def figure(self, name: str) -> Markup:
        """A drawing with its caption."""
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
