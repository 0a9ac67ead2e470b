"""A page from its sections: one file that asks the network for nothing, and whose policy forbids it to."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from advwindow.reports.page.markup import Markup, tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


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


def sheet(
    data: Mapping[str, Any],
    sections: Sequence[Section],
    *,
    kind: str,
    styles: Sequence[str],
    script: str = "",
    answers: Markup | None = None,
) -> str:
    """The whole page.

    Args:
        data: title, description, images, words, date and plan.
        sections: in their order; the first is what keyboards skip to.
        kind: of report, above the title.
        styles: names of style sheets beside this module.
        script: name of a script beside this module; none where empty.
        answers: JSON for the script.
    """
    scripts = [Markup(piece(script))] if script else []
    body = tag(
        "body",
        tag("a", "Skip to the report", href=f"#{sections[0].key}", class_="skip"),
        _masthead(data, kind),
        tag("div", _contents(sections), tag("main", *(section.render() for section in sections)), class_="sheet"),
        tag("footer", f"advwindow · plan {data['plan']}"),
        *([tag("script", answers, type="application/json", id="answers")] if answers else []),
        *(tag("script", code) for code in scripts),
    )
    return f"<!DOCTYPE html>\n{tag('html', _head(data, [piece(name) for name in styles], scripts), body, lang='en')}\n"


def piece(name: str) -> str:
    """A file beside this module."""
    return resources.files("advwindow.reports.page").joinpath(name).read_text(encoding="utf-8")


def _head(data: Mapping[str, Any], styles: Sequence[str], scripts: Sequence[str]) -> Markup:
    allowed = f"style-src {' '.join(map(_hash, styles))}; " + "".join(f"script-src {_hash(code)}; " for code in scripts)
    policy = f"default-src 'none'; img-src data:; {allowed}base-uri 'none'; form-action 'none'"
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("meta", name="description", content=data["description"]),
        tag("title", data["title"]),
        *(tag("style", Markup(style)) for style in styles),
    )


def _masthead(data: Mapping[str, Any], kind: str) -> Markup:
    about = f"Images {data['images']} · words {data['words']} · {data['date']}"
    return tag("header", tag("p", kind, class_="brand"), tag("h1", data["title"]), tag("p", about, class_="about"))


def _contents(sections: Sequence[Section]) -> Markup:
    links = [tag("li", tag("a", section.title, href=f"#{section.key}")) for section in sections]
    return tag("nav", tag("details", tag("summary", "Contents"), tag("ol", *links), open=""), aria_label="Contents")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
