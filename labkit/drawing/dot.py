"""A diagram as DOT, with the `graphviz` package. DOT gets boxes and arrows only, never a name or a label.

Each box is a table cell of a fixed size whose colour is its number. After rendering, `layout` finds the cells
again by that colour, and `paint` draws what belongs there. So the picture does not depend on the fonts of the
machine or of the renderer, and nothing a learner typed can break the DOT.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, TypeVar

from labkit.drawing import ranks, style, text

if TYPE_CHECKING:
    from labkit.drawing.diagram import Diagram, Edge, Group, Node

TILE_MARK: Final = "fe"
GROUP_MARK: Final = "fd"
LABEL_MARK: Final = "fc"
HUGE: Final = 200
"""Nodes and connections above which a quick layout has to do."""
HEADER: Final = 8.0
"""Graphviz leaves room around a title by itself; with this, it is just enough."""
_OVER: Final = 34.0
"""More room below titles when connections pass over the tiles."""
_ON_TOP: Final = 16.0
"""More room below titles when something is drawn above a tile."""
MOST_PLACED: Final = 60
"""Connections above which labels stay where Graphviz puts them: to find better places would take too long."""
_FLAT: Final = 6.0
"""Height kept for a label that `placing` sets: the lines bend less around it."""
QUIET: Final = ("refused", "failing", "off")
"""Marks of connections that their look tells; the others are written at them."""
_Thing = TypeVar("_Thing")
_TABLE: Final = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="{}">'


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one node or label, in lines, with the room they take in points.

    `alert` stands below the detail, in red; a `sign` before its first line takes room of its own.
    """

    name: tuple[str, ...]
    detail: tuple[str, ...]
    width: float
    height: float
    alert: tuple[str, ...] = ()
    sign: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """One way to lay a diagram out: `most` columns in a row, the room between columns in inches."""

    most: int = style.MOST_RANKS
    between: float = 0.5


def node_texts(node: Node) -> Texts:
    """The lines below a tile."""
    name = tuple(text.lines(node.name, style.NAME, style.NAME_WIDTH, bold=True))
    told = "; ".join(filter(None, (node.detail, f"role {node.badge}" if node.badge else "")))
    detail = tuple(text.lines(told, style.DETAIL, style.NAME_WIDTH, count=3 if node.badge else 2))
    alert = tuple(text.lines(node.trouble, style.DETAIL, style.NAME_WIDTH, bold=True))
    wide = [text.width(line, style.NAME, True) for line in name]
    wide += [text.width(line, style.DETAIL) for line in detail]
    wide += [text.width(line, style.DETAIL, True) for line in alert]
    height = (len(name) * style.NAME + (len(detail) + len(alert)) * style.DETAIL) * style.LEADING + 3
    return Texts(name, detail, max([style.TILE, *wide]), height, alert)


def label_texts(edge: Edge) -> Texts | None:
    """The lines at a connection, or None when it has neither label nor step."""
    said = tuple(text.lines(edge.label, style.LABEL, style.LABEL_WIDTH, count=3))
    said += tuple(text.lines(edge.counted, style.LABEL, style.LABEL_WIDTH))
    if edge.mark and edge.mark not in QUIET:
        said += (style.MARKS[edge.mark],)
    alert = tuple(text.lines(edge.trouble, style.LABEL, style.LABEL_WIDTH, bold=True, count=3))
    if not said and not alert and not edge.step:
        return None
    sign = bool(alert) and edge.mark in ("refused", "failing")
    wide = max((text.width(line, style.LABEL) for line in said), default=0.0)
    wide = max([wide, *(text.width(line, style.LABEL, True) + (style.SIGN if sign else 0) for line in alert)])
    step = 2 * style.STEP + (3 if said else 0) if edge.step else 0.0
    lines = len(said) + len(alert)
    height = max(lines * style.LABEL * style.LEADING, 2 * style.STEP if edge.step else 0.0)
    return Texts((), said, wide + step, height + 2, alert, sign)


def source(diagram: Diagram, plan: Plan) -> str:
    """The diagram as DOT."""
    import graphviz

    graph = graphviz.Digraph()
    graph.attr(
        rankdir="LR", ranksep=f"{plan.between:g}", nodesep="0.28", splines="spline", fontname="Helvetica",
        outputorder="edgesfirst", labelloc="t", labeljust="l", nslimit="4", nslimit1="4", pad="0.06",
    )  # fmt: skip
    if len(diagram.nodes) + len(diagram.edges) > HUGE:
        graph.attr(mclimit="0.2", nslimit="1", nslimit1="1", splines="polyline")
    graph.attr("node", shape="plain", fontname="Helvetica")
    pairs = [(edge.source.id, edge.target.id) for edge in diagram.edges]
    behind = _behind_the_outside(diagram, pairs)
    column, back = ranks.columns([node.id for node in diagram.nodes], [*pairs, *behind])
    header = HEADER + _room_needed(diagram, back, pairs, column)
    graph.attr("edge", arrowsize="0.62", fontname="Helvetica", weight="3")
    texts = {node.id: node_texts(node) for node in diagram.nodes}
    room = max((one.height for one in texts.values()), default=0.0)  # equal heights make straight lines
    _fill(graph, diagram, None, texts, (room, header))
    _connect(graph, diagram, plan, pairs, column, back)
    rows = _shelves(diagram, pairs, {node: place % plan.most for node, place in column.items()}, plan.most)
    for row in reversed(rows):
        for left, right in pairwise(row):
            graph.edge(left[1], right[0], style="invis", weight="24")
    beside = {first for row in rows for first, _ in row[1:]}
    for outside, first in reversed(behind):
        if first not in beside:
            graph.edge(outside, first, style="invis", weight="1")
    return str(graph.source)


def _fill(
    graph: Any, diagram: Diagram, group: Group | None, texts: dict[str, Texts], room: tuple[float, float]
) -> None:
    for number, node in _last_first(diagram.nodes):
        if node.group is group:
            graph.node(node.id, label=_node_label(number, texts[node.id].width, room[0]))
    inner = [(number, one) for number, one in _last_first(diagram.groups) if one.parent is group]
    for number, one in inner:
        with graph.subgraph(name=f"cluster_{one.id}") as frame:
            holds = any(node.group is one for node in diagram.nodes)
            height = room[1] if holds else min(room[1], HEADER + _ON_TOP)
            frame.attr(label=_cell(GROUP_MARK, number, header_width(one), height), margin="13")
            if _is_empty(diagram, one):  # a cluster without nodes is not drawn at all
                frame.node(f"{one.id}_empty", label="", shape="box", width="2.2", height="0.6", style="invis")
            _fill(frame, diagram, one, texts, room)


def _last_first(things: Sequence[_Thing]) -> Iterator[tuple[int, _Thing]]:
    """Numbered, the last one first: what Graphviz reads later it puts higher when it draws from left to right."""
    return reversed(list(enumerate(things)))


def header_width(group: Group) -> float:
    """The room the head of a group takes: its pictogram and its title."""
    return 26 + text.width(group_title(group), style.TITLE, True)


def group_title(group: Group) -> str:
    """The title of a group, cut where it is too long."""
    return text.cut(group.title, style.TITLE, 2 * style.NAME_WIDTH, bold=True)


def _room_needed(
    diagram: Diagram, back: set[ranks.Pair], pairs: Sequence[ranks.Pair], column: Mapping[str, int]
) -> float:
    """Room for what is drawn above the tiles: a mark, a pile, a line that passes over a column."""
    if back or any(column[b] - column[a] > 1 for a, b in pairs):
        return _OVER
    on_top = any(node.mark or node.count > 1 for node in diagram.nodes) or any(a == b for a, b in pairs)
    return _ON_TOP if on_top else 0.0


def _is_empty(diagram: Diagram, group: Group) -> bool:
    return not any(node.group is group for node in diagram.nodes) and not any(
        one.parent is group for one in diagram.groups
    )


def _cell(mark: str, number: int, width: float, height: float, port: str = "") -> str:
    size = f'FIXEDSIZE="TRUE" WIDTH="{math.ceil(width)}" HEIGHT="{math.ceil(height)}"'
    cell = f'<TD {port}{size} BGCOLOR="#{mark}{number:04x}"></TD>'
    return f"<{_TABLE.format(0)}<TR>{cell}</TR></TABLE>>"


def _node_label(number: int, width: float, room: float) -> str:
    tile = _cell(TILE_MARK, number, style.TILE, style.TILE, 'PORT="t" ')[1:-1]
    below = f'<TD FIXEDSIZE="TRUE" WIDTH="{math.ceil(width)}" HEIGHT="{math.ceil(room)}"></TD>'
    return f"<{_TABLE.format(0)}<TR><TD>{tile}</TD></TR><TR>{below}</TR></TABLE>>"


# -- connections ---------------------------------------------------------------------------------


def _connect(
    graph: Any,
    diagram: Diagram,
    plan: Plan,
    pairs: Sequence[ranks.Pair],
    column: Mapping[str, int],
    back: set[ranks.Pair],
) -> None:
    forward = [pair for pair in pairs if pair not in back]
    leaves = ranks.leaves(column, forward, plan.most)
    folded = ranks.folds(column, forward, plan.most)
    for number, edge in _last_first(diagram.edges):
        pair = (edge.source.id, edge.target.id)
        if edge.source is edge.target:  # `paint` draws those: Graphviz makes knots of them
            continue
        more = {"id": f"e{number}", "constraint": "false" if pair in folded else "true"}
        if (said := label_texts(edge)) is not None:
            near = column[pair[1]] - column[pair[0]] == 1 and len(diagram.edges) <= MOST_PLACED
            height = min(said.height, _FLAT) if near else said.height
            more["label"] = _cell(LABEL_MARK, number, said.width, height)
        _draw_edge(graph, pair, pair in back, more)
    for leaf, before in leaves.items():
        graph.edge(before, leaf, style="invis")


def _behind_the_outside(diagram: Diagram, pairs: Sequence[ranks.Pair]) -> list[ranks.Pair]:
    """Invisible pairs that keep all groups to the right of whoever stands outside and begins the story."""
    leads, follows = {a for a, _ in pairs}, {b for _, b in pairs}
    begins = [node.id for node in diagram.nodes if node.group is None and node.id in leads - follows]
    if not begins:
        return []
    return [(begins[0], node.id) for node in diagram.nodes if node.group and node.id not in follows]


def _draw_edge(graph: Any, pair: ranks.Pair, back: bool, more: dict[str, str]) -> None:
    tail, head = pair
    if back:  # written the other way round, so that it does not change the columns; over the tiles
        graph.edge(f"{head}:t:n", f"{tail}:t:n", dir="back", **more)
    elif more["constraint"] == "false":  # to another row: from wherever it is nearest
        graph.edge(f"{tail}:t", f"{head}:t", **more)
    else:
        graph.edge(f"{tail}:t:e", f"{head}:t:w", **more)


def _shelves(
    diagram: Diagram, pairs: Sequence[ranks.Pair], column: dict[str, int], most: int
) -> list[list[tuple[str, str]]]:
    """Parts that hang together with nothing else, set beside one another, row by row, in their group.

    Without this they would all stand in one endless column. Each part is its first and its last node.
    """
    group_of = {node.id: node.group for node in diagram.nodes}
    parts: dict[int, list[tuple[int, str, str]]] = {}
    for part in ranks.components([node.id for node in diagram.nodes], pairs):
        places = {id(group_of[node]) for node in part}
        if len(places) == 1:
            first, last = (pick(part, key=column.__getitem__) for pick in (min, max))
            parts.setdefault(places.pop(), []).append((column[last] - column[first] + 1, first, last))
    rows: list[list[tuple[str, str]]] = []
    for some in parts.values():
        some.sort(key=lambda part: -part[0])
        square = math.ceil(math.sqrt(1.8 * sum(wide for wide, _, _ in some)))
        room = min(most - min(column[first] for _, first, _ in some), max(square, some[0][0]))
        rows += _packed(some, room)
    return rows


def _packed(parts: Sequence[tuple[int, str, str]], room: int) -> list[list[tuple[str, str]]]:
    rows: list[list[tuple[str, str]]] = []
    left = 0
    for wide, first, last in parts:
        if wide > left:
            rows.append([])
            left = room
        rows[-1].append((first, last))
        left -= wide
    return rows
