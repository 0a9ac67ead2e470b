"""Robustness curves: what is left of accuracy as the budget grows, for every attack and for all of them together."""

from __future__ import annotations

import functools
import math
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator
from matplotlib.transforms import ScaledTranslation

from advwindow.attacks import MINIMAL, parse_eps
from advwindow.reports.figures.captions import Words
from advwindow.reports.figures.panels import figure_of, values
from advwindow.reports.style import FAINT, INK, MM, WIDTH, drawable, house_style, tidy
from advwindow.reports.text import attack_name, count, distance, norm_name, percent, printable, shorten
from advwindow.runs import wilson

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.transforms import Transform
    from numpy.typing import NDArray

    from advwindow.reports.reading.studies import Attacked, Study
    from advwindow.runs import CellSpec

    Array = NDArray[np.float64]
    Looks = Mapping[str, Mapping[str, Any]]

#: Rows of `robustness_points`.
POINTS: dict[str, type[pl.DataType]] = {
    "norm": pl.String, "attack": pl.String, "kind": pl.String, "eps": pl.String, "budget": pl.Float64,
    "images": pl.Int64, "standing": pl.Int64, "robust": pl.Float64, "low": pl.Float64, "high": pl.Float64,
}  # fmt: skip
#: Attacks that one figure can tell apart: six colours, each with a full and a dashed line.
MOST_ATTACKS = 12

#: What all attacks leave together.
WORST = "worst per image of all attacks"
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS = ("o", "D", "s", "^", "v", "P", "X", "<", ">", "p", "*", "h")
_WORST: dict[str, Any] = {"color": INK, "linestyle": "-", "marker": "", "linewidth": 2.2}
_CLEAN: dict[str, Any] = {"color": INK, "marker": "o", "markersize": 4, "linestyle": ""}
_BAND = 0.12
#: Millimetres: margins, gap between panels, a panel, a line of keys; a key without its letters, a letter.
_LEFT, _RIGHT, _GAP, _TOP, _BOTTOM, _PANEL, _LINE, _HANDLE, _LETTER = 14.0, 4.0, 12.0, 5.0, 9.5, 46.0, 3.5, 11.0, 1.1
_TITLE_WIDTH, _EPS_WIDTH, _FAMILY_WIDTH = 36, 9, 44
#: Points: how far the marks of attacks at one budget stand apart at most, from each other and in all.
_STEP, _SPREAD = 1.8, 9.0
#: Budgets further apart than this factor are drawn on a square-root scale.
_FAR = 10.0


class Family(NamedTuple):
    """An attack at all its budgets.

    Attributes:
        title: what to call it without norm and budget; unique among those of its norm.
        norm: of the budgets.
        attacks: by size of the budget; one where the smallest perturbation was sought.
    """

    title: str
    norm: str
    attacks: tuple[Attacked, ...]

    @property
    def minimal(self) -> bool:
        """Whether it sought the smallest perturbation rather than one within a budget."""
        return self.attacks[0].spec.eps == MINIMAL


def families(study: Study) -> list[Family]:
    """The attacks of a study that differ in nothing but the budget, together; in the order of the study."""
    groups: dict[tuple[str, bool], list[Attacked]] = {}
    for attack in study.attacks:
        key = (attack.spec.model_dump_json(exclude={"eps"}), attack.spec.eps == MINIMAL)
        groups.setdefault(key, []).append(attack)
    titles = _titles([group[0].spec for group in groups.values()])
    return [
        Family(title, group[0].spec.norm, tuple(sorted(group, key=size_of)))
        for title, group in zip(titles, groups.values(), strict=True)
    ]


def size_of(attack: Attacked) -> float:
    """The budget as a number, infinite where the smallest perturbation was sought."""
    return math.inf if attack.spec.eps == MINIMAL else parse_eps(attack.spec.eps)


def robustness_points(study: Study) -> pl.DataFrame:
    """What the figure draws: robust accuracy with Wilson's 95 % interval, one row per point of a curve.

    ``kind`` is ``"budget"`` for an attack within budgets, whose images are judged as its own table judges them;
    ``"distance"`` for one that sought the smallest perturbation: the share of images that it has not fooled within a
    distance, which holds until the next row; ``"worst"`` for the images that no attack of the norm has fooled within
    the budget, be it with a smaller budget or at a smaller distance (as `advwindow.comparison` counts). It has a row at
    each budget, and at those distances at which more images are fooled than a line between the budgets would show.
    The first row of each curve, at budget 0, is clean accuracy.
    """
    found: list[dict[str, Any]] = []
    groups: dict[str, list[Family]] = {}
    for family in families(study):
        groups.setdefault(family.norm, []).append(family)
    for norm, members in groups.items():
        for family in members:
            found += _minimal_rows(family) if family.minimal else _budget_rows(family)
        found += _worst_rows(norm, members) if len(members) > 1 else []
    return pl.DataFrame(found, schema=POINTS)


def robustness(points: pl.DataFrame) -> Figure:
    """Robust accuracy against budget, one panel per norm, the keys above.

    Args:
        points: of `robustness_points`, of at most `MOST_ATTACKS` attacks.
    """
    tables = points.partition_by("norm", maintain_order=True)
    looks = attack_looks(points)
    with house_style():
        names = [*labels_of(looks), WORST, *_clean_keys()]
        figure, panels = panel_grid(len(tables), columns=2, lines=key_lines(names), height=_PANEL)
        keys: dict[str, Artist] = {}
        for axes, table in zip(panels, tables, strict=True):
            axes.set_title(norm_name(table["norm"][0]), loc="left", fontsize=7, fontweight="bold", color=INK, pad=4)
            keys |= draw_robustness(axes, table, looks=looks)
            axes.set_ylabel(axes.get_ylabel() if axes in panels[::2] else "")
        keys_above(figure, {name: keys[name] for name in names if name in keys})
    return figure


def panel_grid(count: int, *, columns: int, lines: int, height: float) -> tuple[Figure, list[Axes]]:
    """A figure of the page's width with panels against budget, below lines of keys.

    Args:
        count: number of panels.
        columns: panels side by side at most.
        lines: of keys.
        height: of a panel in millimetres.
    """
    columns = min(columns, count)
    row = _TOP + height + _BOTTOM
    total = lines * _LINE + 1 + -(-count // columns) * row
    width = (WIDTH / MM - _LEFT - _RIGHT - (columns - 1) * _GAP) / columns
    figure = Figure(figsize=(WIDTH, total * MM))
    boxes = [
        (_LEFT + place % columns * (width + _GAP), total - lines * _LINE - 1 - (place // columns + 1) * row + _BOTTOM)
        for place in range(count)
    ]
    wide, tall = width * MM / WIDTH, height / total
    return figure, [figure.add_axes((left * MM / WIDTH, low / total, wide, tall)) for left, low in boxes]


def key_lines(names: Sequence[str]) -> int:
    """The least number of lines that keys above a figure take."""
    room = WIDTH / MM - _LEFT
    return next(n for n in range(1, len(names) + 1) if n == len(names) or _keys_width(names, n) <= room)


def _keys_width(names: Sequence[str], lines: int) -> float:
    """Millimetres that keys take in so many lines; columns are filled one after the other."""
    columns = [names[start : start + lines] for start in range(0, len(names), lines)]
    return sum(_HANDLE + _LETTER * max(map(len, column)) for column in columns)


def keys_above(figure: Figure, keys: Mapping[str, Artist]) -> None:
    """Keys above all panels, in as few lines as have room."""
    figure.legend(
        list(keys.values()), list(keys), loc="upper left", bbox_to_anchor=(_LEFT * MM / WIDTH, 0.999), frameon=False,
        ncols=-(-len(keys) // key_lines(list(keys))), borderaxespad=0.1, borderpad=0, handlelength=2.6,
        handletextpad=0.5, columnspacing=1.4,
    )  # fmt: skip


def attack_looks(points: pl.DataFrame) -> Looks:
    """How to draw each attack, by title; those of the same title look the same under every norm."""
    titles = points.filter(pl.col("kind") != "worst")["attack"].unique(maintain_order=True)
    return {str(title): look(place) for place, title in enumerate(titles)}


def look(place: int) -> Mapping[str, Any]:
    """How to draw one of several attacks: colour, line and mark, so that each tells it by itself or with another."""
    solid = place // len(_COLORS) % 2 == 0
    color = _COLORS[place % len(_COLORS)]
    return {
        "color": color, "linestyle": "-" if solid else (0, (4, 1.6)), "marker": _MARKERS[place % len(_MARKERS)],
        "markerfacecolor": color if solid else "white", "markeredgewidth": 0.7, "linewidth": 1.1, "markersize": 3.4,
    }  # fmt: skip


def labels_of(titles: Iterable[str]) -> dict[str, str]:
    """Titles by what a key has room for; numbered where that would be the same."""
    found: dict[str, str] = {}
    for place, title in enumerate(titles, start=1):
        label = drawable(shorten(title, _TITLE_WIDTH))
        found[label if label not in found else drawable(shorten(f"{place}. {title}", _TITLE_WIDTH))] = title
    return found


def draw_robustness(axes: Axes, points: pl.DataFrame, *, looks: Looks | None = None) -> dict[str, Artist]:
    """The curves of one norm.

    Args:
        axes: where to.
        points: rows of `robustness_points` of one norm.
        looks: of the attacks, by title; chosen anew if None.

    Returns:
        The keys.
    """
    looks = looks or attack_looks(points)
    _dress(axes, points)
    tables = {str(table["attack"][0]): table for table in points.partition_by("attack", maintain_order=True)}
    fixed = [title for title, table in tables.items() if table["kind"][0] == "budget"]
    for title, table in tables.items():
        if title in fixed:
            _bars(axes, table, looks[title], moved(axes, fixed.index(title), len(fixed)))
        elif title in looks:
            _steps(axes, table, looks[title], _BAND / 1.5)
        else:
            _worst(axes, table)
    _clean(axes, points)
    keys = {label: Line2D([], [], **looks[title]) for label, title in labels_of(looks).items() if title in tables}
    return keys | ({WORST: Line2D([], [], **_WORST)} if WORST in tables else {}) | _clean_keys()


def stepped(curve: pl.DataFrame) -> bool:
    """Whether a curve falls at each of its points and not between them."""
    return bool((curve["eps"] == "").all())


def _dress(axes: Axes, points: pl.DataFrame) -> None:
    tidy(axes)
    axes.set_ylim(-0.03, 1.03)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes.set_ylabel("robust accuracy")
    axes.grid(axis="y", linewidth=0.3, color="#DDDDDD")
    axes.set_axisbelow(True)
    written = points.filter((pl.col("eps") != "") & (pl.col("budget") > 0))
    budgets = dict(written.select("eps", "budget").unique(maintain_order=True).sort("budget").iter_rows())
    far = float(points["budget"].max() or 1.0)  # type: ignore[arg-type]  # a column of floats
    name_budgets(axes, budgets, far=min(far, 2 * max(budgets.values())) if budgets else far)


def name_budgets(axes: Axes, budgets: Mapping[str, float], *, far: float) -> None:
    """Make the horizontal axis one of budgets, named as they were written as far as there is room.

    Args:
        axes: whose.
        budgets: numbers by the text the user wrote, increasing; matplotlib chooses ticks if there are none.
        far: the largest number that is drawn.
    """
    label = "budget" if budgets else "distance"
    if budgets and far / min(budgets.values()) > _FAR:
        axes.set_xscale("function", functions=(_root, _square))
        label = f"{label} (square-root scale)"
    axes.set_xlabel(label)
    axes.set_xlim(0, far)
    axes.set_xlim(*_padded(axes, far))
    if not budgets:
        return
    texts = {0.0: "0"} | {value: drawable(shorten(text, _EPS_WIDTH)) for text, value in budgets.items()}
    room = float(axes.get_window_extent().width) / figure_of(axes).dpi / MM
    ends = axes.transScale.transform([[value, 0] for value in (*axes.get_xlim(), *texts)])[:, 0]
    at = dict(zip(texts, (ends[2:] - ends[0]) / (ends[1] - ends[0]) * room, strict=True))
    shown: list[float] = []
    for value in [max(texts), 0.0, *sorted(texts, reverse=True)]:  # the ends first: what is between gives way to them
        halves = {other: _LETTER * (len(texts[value]) + len(texts[other])) / 2 + 2 for other in shown}
        if value not in shown and all(abs(at[value] - at[other]) >= halves[other] for other in shown):
            shown.append(value)
    axes.set_xticks(list(texts), [text if value in shown else "" for value, text in texts.items()])
    axes.xaxis.set_minor_locator(NullLocator())


def _padded(axes: Axes, far: float) -> tuple[float, float]:
    """Ends of the axis with a margin that looks the same on both sides."""
    wide = float(axes.transScale.transform((far, 0))[0])
    back = axes.transScale.inverted()
    return tuple(float(back.transform((end * wide, 0))[0]) for end in (-0.04, 1.04))  # type: ignore[return-value]


def _root(x: Array) -> Array:
    found: Array = np.sign(x) * np.sqrt(np.abs(x))
    return found


def _square(x: Array) -> Array:
    found: Array = np.sign(x) * np.square(x)
    return found


def moved(axes: Axes, place: int, count: int) -> Transform:
    """Data coordinates shifted sideways, so that one of several marks at the same budget can be seen beside the others.

    Args:
        axes: whose.
        place: of the mark.
        count: of marks.
    """
    points = (place - (count - 1) / 2) * min(_STEP, _SPREAD / count)
    return axes.transData + ScaledTranslation(points / 72, 0, figure_of(axes).dpi_scale_trans)


def _bars(axes: Axes, table: pl.DataFrame, look: Mapping[str, Any], at: Transform) -> None:
    budget, height = values(table, "budget"), values(table, "robust")
    inside = budget > 0  # clean accuracy is everybody's
    marked = np.flatnonzero(inside).tolist()
    axes.plot(budget, height, transform=at, label=table["attack"][0], zorder=4, markevery=marked, **look)
    ends = values(table, "low")[inside], values(table, "high")[inside]
    axes.vlines(budget[inside], *ends, color=look["color"], linewidth=0.7, transform=at, zorder=3)


def _steps(axes: Axes, table: pl.DataFrame, look: Mapping[str, Any], alpha: float, zorder: int = 4) -> None:
    """A survival curve: it falls at each distance and stays as it is to the end of the axis."""
    reached = values(table, "budget")
    at = np.append(reached, max(axes.get_xlim()[1], reached[-1]))
    height, low, high = (np.append(found := values(table, column), found[-1]) for column in ("robust", "low", "high"))
    axes.fill_between(at, low, high, step="post", color=look["color"], alpha=alpha, linewidth=0, zorder=2)
    name, every = table["attack"][0], (0.07, 0.16)
    axes.plot(at, height, label=name, drawstyle="steps-post", zorder=zorder, markevery=every, **look)


def _worst(axes: Axes, table: pl.DataFrame) -> None:
    if stepped(table):
        _steps(axes, table, _WORST, _BAND, zorder=3)
        return
    at = values(table, "budget")
    axes.fill_between(at, values(table, "low"), values(table, "high"), color=INK, alpha=_BAND, linewidth=0, zorder=1)
    axes.plot(at, values(table, "robust"), label=WORST, zorder=3, **_WORST)


def _clean(axes: Axes, points: pl.DataFrame) -> None:
    first = points.row(0, named=True)
    axes.axhline(first["robust"], color=FAINT, linewidth=0.6, linestyle=":", zorder=1)
    axes.vlines([0], first["low"], first["high"], color=INK, linewidth=0.9, zorder=5)
    axes.plot([0], [first["robust"]], label="clean", zorder=6, **_CLEAN)


def _clean_keys() -> dict[str, Artist]:
    band = Patch(facecolor=INK, alpha=2 * _BAND, linewidth=0)
    return {"clean images": Line2D([], [], **_CLEAN), "bars and bands: 95 %": band}


def robustness_words(points: pl.DataFrame) -> Words:
    """Caption and alternative text.

    Args:
        points: of `robustness_points`.
    """
    clean = points.row(0, named=True)
    images = count(clean["images"], "image")
    first = f"Accuracy against the budget. {_share(clean)} of {images} are classified correctly when clean."
    panels = points.partition_by("norm", maintain_order=True)
    caption = " ".join([first, *map(_told, panels), "Brackets and bars are Wilson's 95 % intervals."])
    each = [
        f"{norm_name(table['norm'][0])}, {table['attack'][0]}: {_course(table)}."
        for panel in panels
        for table in panel.partition_by("attack", "kind", maintain_order=True)
    ]
    return Words(
        caption, " ".join([f"Robust accuracy against budget, {count(len(panels), 'panel')}, one per norm.", *each])
    )


def robustness_illustration(study: Study) -> list[tuple[str, tuple[Figure, ...], Words, pl.DataFrame]]:
    """Name, pieces, words and data of the figure; nothing where no attack has several budgets or seeks the smallest."""
    found = families(study)
    if not any(family.minimal or len({size_of(attack) for attack in family.attacks}) > 1 for family in found):
        return []
    points = robustness_points(study)
    titles = list(dict.fromkeys(family.title for family in found))
    pieces = (titles[start : start + MOST_ATTACKS] for start in range(0, len(titles), MOST_ATTACKS))
    figures = tuple(robustness(_of(points, piece)) for piece in pieces)
    return [("robustness", figures, robustness_words(points), points)]


def _of(points: pl.DataFrame, titles: Sequence[str]) -> pl.DataFrame:
    """Points of some attacks; those of all together stay where some attack of their norm does."""
    own = points.filter((pl.col("kind") != "worst") & pl.col("attack").is_in(titles))
    return points.filter(
        pl.col("norm").is_in(own["norm"].unique().to_list())
        & ((pl.col("kind") == "worst") | pl.col("attack").is_in(titles))
    )


def _told(panel: pl.DataFrame) -> str:
    """The worst of a norm in a sentence: all attacks together, or the only one."""
    curves = panel.partition_by("kind", "attack", maintain_order=True)
    chosen = next((table for table in curves if table["kind"][0] == "worst"), curves[0])
    written = chosen.filter(pl.col("eps") != "")
    norm, last = norm_name(panel["norm"][0]), (chosen if written.is_empty() else written).row(-1, named=True)
    name = "all attacks together" if last["kind"] == "worst" else last["attack"]
    verb = "leave" if last["kind"] == "worst" else "leaves"
    return f"{norm}: {name} {verb} {_share(last)} at {_at(last)}; {_half(chosen)}."


def _half(curve: pl.DataFrame) -> str:
    """Where half of the clean accuracy is gone."""
    rows = curve.rows(named=True)
    fallen = [place for place, row in enumerate(rows) if row["robust"] <= rows[0]["robust"] / 2]
    if not rows[0]["standing"]:
        return "there is no accuracy to lose"
    if not fallen:
        return "more than half of the accuracy is left there"
    before, here = rows[fallen[0] - 1], rows[fallen[0]]
    if stepped(curve):
        return f"half of the accuracy is gone within {_at(here)}"
    return f"half of the accuracy is gone between {_at(before)} and {_at(here)}"


def _course(curve: pl.DataFrame) -> str:
    first, last = curve.row(0, named=True), curve.row(-1, named=True)
    return f"from {percent(first['robust'])} to {percent(last['robust'])} at {_at(last)}"


def _at(row: Mapping[str, Any]) -> str:
    return printable(row["eps"]) or (distance(row["budget"], row["norm"]) if row["budget"] else "0")


def _share(row: Mapping[str, Any]) -> str:
    return f"{percent(row['robust'])} [{round(100 * row['low'])}, {round(100 * row['high'])}]"


def _titles(specs: Sequence[CellSpec]) -> list[str]:
    """Names of attacks; where several of a norm share one, with the parameters in which they differ, else numbered."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    given: list[dict[str, Any]] = []
    for spec in specs:
        given.append({**spec.parameters, "draws": spec.draws, "budget": "min" if spec.eps == MINIMAL else "fixed"})
        groups.setdefault((spec.norm, _name(spec)), []).append(given[-1])
    taken: Counter[tuple[str, str]] = Counter()
    found = []
    for spec, own in zip(specs, given, strict=True):
        twins = groups[spec.norm, _name(spec)]
        told = [f"{key} {own[key]}" for key in own if any(twin.get(key) != own[key] for twin in twins)]
        title = shorten(printable(f"{_name(spec)} ({', '.join(told)})" if told else _name(spec)), _FAMILY_WIDTH)
        taken[spec.norm, title] += 1
        found.append(title if taken[spec.norm, title] == 1 else f"{title} [{taken[spec.norm, title]}]")
    return found


def _name(spec: CellSpec) -> str:
    goal, blind = f" to {spec.target}" if spec.target else "", " oblivious" if spec.access == "oblivious" else ""
    return f"{attack_name(spec.attack)}{goal}{blind}"


def _reach(attack: Attacked) -> pl.DataFrame:
    """What it takes to fool each image: minus infinity where none is needed, infinity where the attack did not."""
    budget = size_of(attack)
    size = pl.col("distance").cast(pl.Float64) if math.isinf(budget) else pl.lit(budget)
    wrong = pl.when(pl.col("target").is_null()).then("success").otherwise(pl.col("prediction") != pl.col("label"))
    reach = (
        pl.when(pl.col("status") == "skipped_misclassified").then(-math.inf).when(wrong).then(size).otherwise(math.inf)
    )
    return attack.samples.select("sample_id", reach=reach)


def _budget_rows(family: Family) -> list[dict[str, Any]]:
    reaches = [(attack, _reach(attack)["reach"]) for attack in family.attacks]
    head = {"norm": family.norm, "attack": family.title, "kind": "budget"}
    rows = [head | {"eps": attack.spec.eps} | _counted(reach, size_of(attack)) for attack, reach in reaches]
    return [head | {"eps": "0"} | _counted(reaches[0][1], 0.0), *rows]


def _minimal_rows(family: Family) -> list[dict[str, Any]]:
    reach = _reach(family.attacks[0])["reach"]
    head = {"norm": family.norm, "attack": family.title, "kind": "distance", "eps": ""}
    return [head | _counted(reach, at) for at in (0.0, *_distances(reach))]


def _worst_rows(norm: str, members: Sequence[Family]) -> list[dict[str, Any]]:
    """At every budget, and at distances at which more images are fooled than a line between the budgets would show."""
    together = pl.concat(_reach(attack) for family in members for attack in family.attacks)
    reach = together.group_by("sample_id", maintain_order=True).agg(pl.col("reach").min())["reach"]
    fixed = sorted((attack for each in members if not each.minimal for attack in each.attacks), key=size_of)
    budgets = {size_of(attack): attack.spec.eps for attack in reversed(fixed)}
    head: dict[str, Any] = {"norm": norm, "attack": WORST, "kind": "worst"}
    steps = [head | {"eps": ""} | _counted(reach, at) for at in (0.0, *_distances(reach)) if at not in budgets]
    if not budgets:
        return steps
    rows = [head | {"eps": budgets.get(at, "0")} | _counted(reach, at) for at in (0.0, *sorted(budgets))]
    inside = [step for step in steps if 0 < step["budget"] < max(budgets)]
    line = np.interp(
        [step["budget"] for step in inside], [row["budget"] for row in rows], [row["robust"] for row in rows]
    )
    below = [step for step, height in zip(inside, line, strict=True) if step["robust"] < height]
    return sorted([*rows, *below], key=lambda row: row["budget"])


def _distances(reach: pl.Series) -> list[float]:
    return [float(each) for each in reach.unique().sort() if 0 < each < math.inf]


def _counted(reach: pl.Series, budget: float) -> dict[str, Any]:
    """How many images withstand all that lies within a budget; at 0 how many are classified correctly."""
    standing = int((reach > (budget or -math.inf)).sum())
    robust, low, high = _interval(standing, len(reach))
    return {"budget": budget, "images": len(reach), "standing": standing, "robust": robust, "low": low, "high": high}


@functools.lru_cache(maxsize=4096)
def _interval(standing: int, images: int) -> tuple[float, float, float]:
    return wilson(standing, images)
