"""Where everything lies. Graphviz gets boxes of measured sizes and arrows, never a name: see `labkit/drawing/dot.py`.

A state machine runs from top to bottom, as the console of AWS draws it. A Parallel or Map is a frame: its own card on
top, the ways through it below, and the point where they meet at its bottom.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from labkit.drawing import style, text
from labkit.drawing.dot import HUGE, LABEL_MARK, TILE_MARK
from labkit.drawing.layout import Layout, read
from labkit.drawing.render import render
from labkit.drawing.states.graph import ANY_ERROR, JOIN, MISSING, UNKNOWN, Arrow, Box, Graph
from labkit.drawing.states.outcome import Outcome, Seen

if TYPE_CHECKING:
    from collections.abc import Sequence

CHIP: Final = 26.0
PAD: Final = 7.0
SIGN: Final = 12.0
DOT: Final = 7.0
_PILL: Final = 19.0
_LABEL: Final = 104.0
_CELL: Final = '<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0"><TR>{}</TR></TABLE>>'
_WIDTHS: Final = (136.0, 104.0, 84.0)
"""How wide the words of a card may be. The narrower ones are for figures that would not fit on a page."""

_PATIENCE: Final = 1.0
"""Seconds after which no narrower layout is tried."""


@dataclass(frozen=True, slots=True)
class Words:
    """The lines on a card and the size of the card. The last lines say how it went; a sign stands before them."""

    name: tuple[str, ...]
    detail: tuple[str, ...]
    more: tuple[str, ...]
    outcome: tuple[str, ...]
    width: float
    height: float


def words_of(box: Box, seen: Seen | None, most: float) -> Words:
    """What stands on a card."""
    if box.kind == JOIN:
        return Words((), (), (), (), DOT, DOT)
    if not box.is_state and not box.detail:
        return Words((box.name,), (), (), (), text.width(box.name, style.DETAIL, True) + 22, _PILL)
    name = tuple(text.lines(box.name, style.NAME, most, bold=True))
    kind = {MISSING: "Missing", UNKNOWN: "Unknown"}.get(box.kind, box.kind)
    told = f"{kind}: {box.detail}" if box.detail else kind
    detail = tuple(text.lines(told, style.DETAIL, most, count=3))
    more = () if seen is not None and seen.state else tuple(text.lines(box.more, style.DETAIL, most - SIGN))
    outcome = tuple(text.lines(seen.short, style.DETAIL, most - SIGN, bold=True, count=3)) if seen else ()
    wide = [text.width(line, style.NAME, True) for line in name]
    wide += [text.width(line, style.DETAIL) for line in detail]
    wide += [text.width(line, style.DETAIL) + SIGN for line in more]
    wide += [text.width(line, style.DETAIL, True) + SIGN for line in outcome]
    lines = len(name) * style.NAME + (len(detail) + len(more) + len(outcome)) * style.DETAIL
    height = max(lines * style.LEADING + 2 * PAD - 2, CHIP + 2 * PAD - 2)
    return Words(name, detail, more, outcome, max(wide, default=40.0) + CHIP + 3 * PAD, height)


@dataclass(frozen=True, slots=True)
class Label:
    """The lines at an arrow: what leads this way, and below it the data that went along."""

    said: tuple[str, ...]
    data: tuple[str, ...]
    width: float
    height: float


def label_of(arrow: Arrow, outcome: Outcome | None, data: bool) -> Label | None:
    """What stands at an arrow, or None when nothing does."""
    named = "" if arrow.label == ANY_ERROR else arrow.label  # the legend says what a dashed line is
    said = tuple(text.lines(named, style.LABEL, _LABEL, bold=True, count=3))
    told: tuple[str, ...] = ()
    if outcome is not None:
        way = outcome.ways[arrow]
        if way.count > 1 and arrow.target.inside is None:  # inside a frame the cards say it
            said += (f"{way.count:,} times",)
        if data and way.new and way.new[0] and arrow.target.kind != JOIN:
            told = tuple(text.lines(way.new[0], style.LABEL - 1, _LABEL, count=2))
    if not said and not told:
        return None
    wide = [text.width(line, style.LABEL, True) for line in said] + [
        text.width(one, style.LABEL - 1) for one in told
    ]
    height = (len(said) * style.LABEL + len(told) * (style.LABEL - 1)) * style.LEADING + 4
    return Label(said, told, max(wide) + 8, height)


@dataclass(slots=True)
class Plan:
    """A laid-out figure, with the words that were measured for it."""

    layout: Layout
    words: dict[Box, Words]
    labels: dict[int, Label]


def planned(graph: Graph, outcome: Outcome | None, data: bool) -> Plan:
    """The widest layout that fits on a page, else the narrowest. Raises `NoRenderer`."""
    plans: list[Plan] = []
    began = time.monotonic()
    for most in _WIDTHS:
        words = {box: words_of(box, outcome.seen.get(box) if outcome else None, most) for box in graph.boxes}
        found = {number: label_of(arrow, outcome, data) for number, arrow in enumerate(graph.arrows)}
        labels = {number: one for number, one in found.items() if one is not None}
        layout = read(render(source(graph, words, labels, tight=bool(plans))))
        plans.append(Plan(layout, words, labels))
        if layout.width <= style.COMFORTABLE or time.monotonic() - began > _PATIENCE:
            break
    return min(plans, key=lambda one: (one.layout.width > style.COMFORTABLE, one.layout.width))


# -- DOT -----------------------------------------------------------------------------------------


def source(graph: Graph, words: dict[Box, Words], labels: dict[int, Label], tight: bool = False) -> str:
    """The graph as DOT."""
    import graphviz

    dot = graphviz.Digraph()
    dot.attr(
        rankdir="TB", ranksep="0.26", nodesep="0.18" if tight else "0.3", splines="spline", fontname="Helvetica",
        outputorder="edgesfirst", pad="0.06", compound="true", nslimit="4", nslimit1="4",
    )  # fmt: skip
    if len(graph.boxes) + len(graph.arrows) > HUGE:
        dot.attr(mclimit="0.05", nslimit="0.1", nslimit1="0.1", splines="line")
    dot.attr("node", shape="plain", fontname="Helvetica")
    dot.attr("edge", arrowsize="0.62", fontname="Helvetica")
    _fill(dot, graph, None, words)
    for number, arrow in enumerate(graph.arrows):
        more = {"id": f"e{number}", "weight": _weight(arrow)}
        if number in labels:
            more["label"] = _cell(LABEL_MARK, number, labels[number].width, labels[number].height)
        if arrow.target.kind == JOIN:
            more["arrowhead"] = "none"
        source = arrow.source
        if (
            arrow.kind == "catch" and graph.join(source) is not source
        ):  # a frame is caught as a whole: at its edge
            source, more["ltail"] = graph.join(source), f"cluster_g{source.id}"
        dot.edge(f"n{source.id}", f"n{arrow.target.id}", **more)
    _keep_ends_low(dot, graph)
    return str(dot.source)


def _weight(arrow: Arrow) -> str:
    """What goes well runs straight down; what goes wrong may bend."""
    return {"catch": "1", "choice": "3"}.get(arrow.kind, "8")


def _fill(dot: Any, graph: Graph, inside: Box | None, words: dict[Box, Words]) -> None:
    inner = graph.within(inside)
    branches = {box.branch for box in inner if box.kind != JOIN}
    for branch in sorted(branches):
        some = [box for box in inner if box.branch == branch and box.kind != JOIN]
        if inside is not None and len(branches) > 1:
            with dot.subgraph(name=f"cluster_b{inside.id}_{branch}") as part:
                part.attr(style="invis", margin="3", label="")
                _some(part, graph, some, words)
        else:
            _some(dot, graph, some, words)
    for box in inner:
        if box.kind == JOIN:
            dot.node(f"n{box.id}", label=_cell(TILE_MARK, box.id, words[box].width, words[box].height))


def _some(dot: Any, graph: Graph, boxes: Sequence[Box], words: dict[Box, Words]) -> None:
    for box in boxes:
        cell = _cell(TILE_MARK, box.id, words[box].width, words[box].height)
        if not graph.within(box) or not box.holds:
            dot.node(f"n{box.id}", label=cell)
            continue
        with dot.subgraph(name=f"cluster_g{box.id}") as frame:
            frame.attr(label="", margin="9", style="solid")
            frame.node(f"n{box.id}", label=cell)
            _fill(frame, graph, box, words)


def _keep_ends_low(dot: Any, graph: Graph) -> None:
    """The point where a frame's ways meet stays below everything in it."""
    leads = {arrow.source for arrow in graph.arrows if arrow.kind != "catch"}
    for box in graph.boxes:
        if box.inside is not None and box.is_state and box not in leads and graph.join(box) not in leads:
            dot.edge(f"n{graph.join(box).id}", f"n{graph.join(box.inside).id}", style="invis", weight="0")


def _cell(mark: str, number: int, width: float, height: float) -> str:
    size = f'FIXEDSIZE="TRUE" WIDTH="{math.ceil(width)}" HEIGHT="{math.ceil(height)}"'
    return _CELL.format(f'<TD {size} BGCOLOR="#{mark}{number:04x}"></TD>')
