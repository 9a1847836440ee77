"""The text twin of a state machine: every state and arrow in plain English, with what an execution did."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from labkit.drawing.states.conditions import ELSE
from labkit.drawing.states.graph import END, JOIN, MISSING, START, UNKNOWN, Arrow, Box, Graph
from labkit.drawing.states.outcome import FAR, ORDER, Outcome, brief
from labkit.drawing.timeline_words import times
from labkit.judging.card import plural, wrap

_DATA: Final = 100
_CALLED: Final = {"Task": "calls", "Wait": "waits", "Fail": "error"}


def twin(graph: Graph, outcome: Outcome | None) -> str:
    """All states in the order of the definition, each with where it leads."""
    lines = []
    for arrow in graph.arrows:
        if arrow.source.kind == START:
            lines.append(f"  Start -> {arrow.target.name}{_went(arrow, outcome)}")
    return "\n".join([*lines, *_part(graph, outcome, None, 1)])


def _part(graph: Graph, outcome: Outcome | None, inside: Box | None, depth: int) -> Iterator[str]:
    inner = [box for box in graph.within(inside) if box.is_state or box.kind == MISSING]
    branches = sorted({box.branch for box in inner})
    for branch in branches:
        lead = depth
        if inside is not None and inside.kind == "Parallel":
            yield f"{'  ' * depth}Branch {branch + 1}"
            lead += 1
        for box in inner:
            if box.branch == branch:
                yield from _state(graph, outcome, box, lead)


def _state(graph: Graph, outcome: Outcome | None, box: Box, depth: int) -> Iterator[str]:
    lead = "  " * depth
    kind = {MISSING: "not in the definition", UNKNOWN: "of no known type"}.get(box.kind, box.kind)
    told = [f"{box.name} ({kind})"]
    if box.detail:
        word = _CALLED.get(box.kind)
        told.append(f": {word} {box.detail}" if word else f": {box.detail}")
    if box.more:
        told.append(f"; {box.more}")
    yield wrap("".join(told), lead, lead + "    ")
    if outcome is not None and box in outcome.seen:
        yield wrap(f"[{outcome.seen[box].told or 'not visited'}]", lead + "  ", lead + "   ")
    if graph.within(box) and box.holds:
        yield from _part(graph, outcome, box, depth + 2)
    for arrow in _ways(graph, box):
        yield wrap(_way(arrow, outcome), lead + "  ", lead + "     ")


def _ways(graph: Graph, box: Box) -> list[Arrow]:
    """The arrows that leave a state, what goes well first. Those into its own frame are told by the frame."""
    join = graph.join(box)
    found = graph.leaving(box) + (graph.leaving(join) if join is not box else [])
    return [
        arrow
        for arrow in sorted(found, key=lambda one: one.kind == "catch")
        if arrow.target.inside is not box
    ]


def _way(arrow: Arrow, outcome: Outcome | None) -> str:
    target = {END: "the end", JOIN: "done with this item" if _in_map(arrow) else "the end of the branch"}.get(
        arrow.target.kind, arrow.target.name
    )
    when = ""
    if arrow.kind == "catch":
        when = f"on {arrow.label} "
    elif arrow.label:
        when = "else " if arrow.label == ELSE else f"if {arrow.label} "
    return f"{when}-> {target}{_went(arrow, outcome)}"


def _in_map(arrow: Arrow) -> bool:
    around = arrow.target.inside
    return around is not None and around.kind == "Map"


def _went(arrow: Arrow, outcome: Outcome | None) -> str:
    if outcome is None or outcome.hidden(arrow):
        return ""
    way = outcome.ways[arrow]
    if not way.count:
        return " (not taken)"
    often = f" {times(way.count)}, the last time" if way.count > 1 else ""
    return f" (taken{often} with {brief(way.data[0], _DATA)})"


def notice(graph: Graph, outcome: Outcome | None) -> str:
    """What to see first."""
    if outcome is None:
        states = plural(len(graph.states), "state")
        catches = sum(arrow.kind == "catch" for arrow in graph.arrows)
        retries = sum(bool(box.more) for box in graph.states)
        more = [
            f"{retries:,} with Retry" if retries else "",
            f"{plural(catches, 'way')} for errors" if catches else "",
        ]
        return f"{', '.join(filter(None, (states, *more)))}."
    told = []
    for state in ORDER:
        names = [box.name for box in graph.states if outcome.seen[box].state == state]
        if names and state != "done":
            shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            told.append(f"{_NOTICED[state]}: {shown}.")
    known = [box for box in graph.states if outcome.seen[box].state != FAR]
    visited = sum(bool(outcome.seen[box].state) for box in known)
    return " ".join([f"{visited:,} of {plural(len(known), 'state')} visited.", *told])


_NOTICED: Final = {
    "running": "At work now", "failed": "Failed", "stopped": "Stopped", "caught": "Failed and caught",
    "retried": "Done after retries",
}  # fmt: skip


def payload(graph: Graph, outcome: Outcome | None) -> dict[str, Any]:
    """The figure for programs."""
    states = []
    for box in graph.boxes:
        one: dict[str, Any] = {
            "id": box.id, "type": box.kind, "name": box.name, "detail": box.detail, "retry": box.more,
            "inside": box.inside.id if box.inside else None, "branch": box.branch,
        }  # fmt: skip
        if outcome is not None and box in outcome.seen:
            seen = outcome.seen[box]
            one |= {
                "state": seen.state or "not visited",
                "told": seen.told,
                "visits": seen.visits,
                "attempts": seen.tries,
            }
        states.append(one)
    edges = []
    for arrow in graph.arrows:
        way: dict[str, Any] = {
            "from": arrow.source.id, "to": arrow.target.id, "kind": arrow.kind, "label": arrow.label,
        }  # fmt: skip
        if outcome is not None:
            way |= {"taken": outcome.ways[arrow].count, "data": outcome.ways[arrow].data[:5]}
        edges.append(way)
    return {"states": states, "edges": edges}
