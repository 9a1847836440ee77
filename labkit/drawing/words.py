"""The text twin of a diagram: everything the drawing shows, in lines that can be read and searched."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from labkit.drawing.style import LINES, MARKS
from labkit.judging.card import plural, wrap

if TYPE_CHECKING:
    from labkit.drawing.diagram import Diagram, Edge, Group, Node


EMPTY: Final = "nothing here yet"
"""Said of a group in which nothing lies."""


def twin(diagram: Diagram) -> str:
    """Nodes with their groups, then connections: those with a number first, in order."""
    if not diagram.nodes and not diagram.groups:
        return "Nothing is drawn here yet."
    lines = ["Resources", *_inside(diagram, None, 1)]
    if diagram.edges:
        names = called(diagram)
        numbered = sorted(diagram.edges, key=lambda edge: edge.step or 1000)
        lines += ["", "Connections", *(f"  {_edge_line(diagram, edge, names)}" for edge in numbered)]
    return "\n".join(lines)


def _inside(diagram: Diagram, group: Group | None, depth: int) -> list[str]:
    lead = "  " * depth
    lines = [lead + node_line(node) for node in diagram.nodes if node.group is group]
    for inner in diagram.groups:
        if inner.parent is group:
            held = _inside(diagram, inner, depth + 1) or [f"{lead}  {EMPTY}"]
            lines += [lead + inner.title, *held]
    return lines


def node_line(node: Node) -> str:
    """A node in words."""
    detail = f": {node.detail}" if node.detail else ""
    mark = f" [{MARKS[node.mark]}]" if node.mark else ""
    kind = f" ({node.service.title})" if node.count == 1 else ""  # a pile is named after its kind
    badge = f"; works with the role {node.badge}" if node.badge else ""
    trouble = f"; {node.trouble}" if node.trouble else ""
    return f"{node.name}{kind}{detail}{badge}{trouble}{mark}"


def called(diagram: Diagram) -> dict[str, str]:
    """Node id -> what it is called where its group does not stand beside it: the shortest name that is clear."""
    choices = [
        {node.id: node.name for node in diagram.nodes},
        {node.id: f"{node.name} ({node.service.title})" for node in diagram.nodes},
        {node.id: f"{node.name} ({node.service.title}{_place(node)})" for node in diagram.nodes},
    ]
    names: dict[str, str] = {}
    for choice in choices:
        counts = Counter(choice.values())
        for node_id, name in choice.items():
            if counts[name] == 1:
                names.setdefault(node_id, name)
    return {node_id: names.get(node_id, name) for node_id, name in choices[-1].items()}


def _place(node: Node) -> str:
    return f", {' / '.join(node.group.path)}" if node.group else ""


def _edge_line(diagram: Diagram, edge: Edge, names: dict[str, str]) -> str:
    step = f"{edge.step}. " if edge.step else "- "
    said = "; ".join(filter(None, (edge.label, edge.counted, edge.trouble)))
    label = f": {said}" if said else ""
    more = "\n" + wrap(edge.more, "      ") if edge.more else ""
    meaning = diagram.legend.get(edge.style, LINES[edge.style].meaning) if edge.style != "request" else ""
    kind = f" ({meaning})" if meaning and meaning != edge.label else ""
    mark = f" [{MARKS[edge.mark]}]" if edge.mark else ""
    return f"{step}{names[edge.source.id]} -> {names[edge.target.id]}{label}{kind}{mark}{more}"


def notice(diagram: Diagram) -> str:
    """The sentence that says what to notice, when the author gave none."""
    if diagram.notice:
        return diagram.notice
    resources = sum(node.count for node in diagram.nodes)
    counted = f"{plural(resources, 'resource')} and {plural(len(diagram.edges), 'connection')}."
    steps = [edge.step for edge in diagram.edges if edge.step]
    return f"{counted} Follow the numbers {min(steps)} to {max(steps)}." if len(set(steps)) > 1 else counted


def payload(diagram: Diagram) -> dict[str, Any]:
    """The diagram for programs."""
    return {
        "nodes": [
            {
                "id": node.id, "service": node.service.word, "name": node.name, "detail": node.detail,
                "group": node.group.id if node.group else None, "count": node.count, "mark": node.mark,
                "role": node.badge, "trouble": node.trouble,
            }
            for node in diagram.nodes
        ],
        "groups": [
            {
                "id": group.id, "kind": group.kind, "name": group.name,
                "parent": group.parent.id if group.parent else None,
            }
            for group in diagram.groups
        ],
        "edges": [
            {
                "from": edge.source.id, "to": edge.target.id, "label": edge.label, "step": edge.step,
                "style": edge.style, "mark": edge.mark, "observed": edge.observed, "calls": edge.calls,
                "counted": edge.counted, "trouble": edge.trouble, "more": edge.more,
            }
            for edge in diagram.edges
        ],
    }  # fmt: skip
