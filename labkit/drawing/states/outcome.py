"""What an execution did, summed up for each state of the graph and for each of its arrows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from labkit.drawing.states.graph import END, JOIN, START, Arrow, Box, Graph
from labkit.drawing.states.history import History, Visit
from labkit.drawing.text import safe
from labkit.drawing.timeline_words import clock_time, spoken, times
from labkit.judging.card import plural
from labkit.sandbox.states.runs import MapRun

ORDER: Final = ("running", "failed", "stopped", "caught", "retried", "done")
"""The states of a state of the graph. When it was visited often, the first of these that occurs is shown."""
FAR: Final = "far"
"""State of what lies in a Distributed Map: the history of the execution says nothing about it."""
LONGEST: Final = 60
_LONGEST_CAUSE: Final = 120


@dataclass(slots=True)
class Seen:
    """How a state stands. `short` is for its card, `told` the same for the text twin."""

    state: str = ""
    short: str = ""
    told: str = ""
    visits: int = 0
    tries: int = 0


@dataclass(slots=True)
class Way:
    """How often an arrow was taken, the data that went along, and what was new in them: the last first."""

    count: int = 0
    data: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)


class Outcome:
    """An execution, by box and by arrow. `runs` are the Map Runs of the execution by ARN."""

    def __init__(
        self, graph: Graph, history: History, now: float, runs: Mapping[str, MapRun] | None = None
    ) -> None:
        self.graph, self.history, self._now, self._runs = graph, history, now, runs or {}
        by_name: dict[str, list[Visit]] = {}
        for visit in history.visits:
            by_name.setdefault(safe(visit.name), []).append(visit)
        self.seen = {box: self._box(by_name.get(box.name, [])) for box in graph.states}
        for box in graph.states:
            around = _far(box)
            if around is not None and self.seen[around].state:
                self.seen[box] = Seen(
                    FAR, told="it runs in child executions, which have histories of their own"
                )
        self.ways: dict[Arrow, Way] = {arrow: Way() for arrow in graph.arrows}
        self._steps()
        self._small_boxes()

    # -- states ----------------------------------------------------------------------------------

    def _box(self, visits: list[Visit]) -> Seen:
        current = [one for one in visits if one.state != "redriven"]
        if not current:
            return Seen("failed", "failed", "failed") if visits else Seen()
        states = Counter(_state(one) for one in current)
        first = next(one for one in ORDER if states[one])
        last = [one for one in current if _state(one) == first][-1]
        tries = sum(len(one.tries) for one in current)
        if len(current) == 1:
            short = self._one(last, first)
        else:
            short = ", ".join(f"{states[one]:,} {_WORDS[one]}" for one in reversed(ORDER) if states[one])
            short += f": {last.error}" if last.error and first in ("failed", "caught") else ""
        if first in ("done", "retried") and any(one.redriven for one in visits):
            short += ", after a redrive"
        return Seen(first, safe(short), safe(self._told(current, last, short)), len(current), tries)

    def _one(self, visit: Visit, state: str) -> str:
        amount = plural(len(visit.tries), "attempt")
        items = self._items(visit)
        many = f"{amount}, " if len(visit.tries) > 1 else ""
        if state == "running":
            return items or many + self._running(visit)
        if state in ("failed", "caught"):
            told = f"{many}{state}: {visit.error}" if visit.error else f"{many}{state}"
            return ", ".join(filter(None, (told, items)))
        if state == "stopped":
            return "stopped"
        return ", ".join(filter(None, ("done", amount if state == "retried" else "", items)))

    def _running(self, visit: Visit) -> str:
        if visit.waits_since and visit.tries:
            return "waits to try again"
        if visit.kind == "Wait":
            return f"waits since {clock_time(visit.entered)}"
        return f"{'waits' if visit.submitted else 'running'} since {clock_time(visit.entered)}"

    def _items(self, visit: Visit) -> str:
        """How the items of a Map stand."""
        if visit.kind != "Map":
            return ""
        run = self._runs.get(visit.map_run)
        if run is not None:
            counts = Counter[str]()
            for status, size in zip(run.statuses, run.sizes, strict=True):
                counts[_CHILDREN.get(status, "stopped")] += size
        else:
            counts = Counter[str](visit.items.values())
            waiting = visit.size - len(visit.items)
            counts["waiting" if visit.open else "not begun"] = waiting
        told = ", ".join(f"{counts[one]:,} {one}" for one in _ITEMS if counts.get(one, 0) > 0)
        return f"items: {told}" if told else ""

    def _told(self, visits: list[Visit], last: Visit, short: str) -> str:
        parts = [short] if len(visits) == 1 else [f"visited {times(len(visits))}: {short}"]
        tries = sum(len(one.tries) for one in visits)
        if len(visits) > 1 and tries > len(visits):
            parts.append(plural(tries, "attempt"))
        errors = Counter(one.error or "an error" for visit in visits for one in visit.tries if one.failed)
        if errors and (tries > 1):
            parts.append("errors: " + ", ".join(f"{name} ({times(count)})" for name, count in errors.items()))
        if last.cause and last.state in ("failed", "caught"):
            parts.append(cause(last.cause))
        end = last.left or self._now
        if len(visits) == 1 and end - last.entered >= 0.001:
            parts.append(f"{'so far ' if last.open else 'took '}{length(end - last.entered)}")
        return "; ".join(parts)

    # -- arrows ----------------------------------------------------------------------------------

    def _steps(self) -> None:
        for step in self.history.steps:
            arrow = self._arrow(safe(step.source), safe(step.target), step.caught)
            if arrow is not None:
                self._took(arrow, step.data, step.before)
        for visit in self.history.visits:
            box = self.graph.state(visit.name)
            if box is None or visit.state != "done":
                continue
            for arrow in self.graph.leaving(self.graph.join(box) if box.holds else box):
                if arrow.target.kind == END or (arrow.target.kind == JOIN and arrow.target is not box):
                    self._took(arrow, visit.output, visit.input)

    def _arrow(self, source: str, target: str, caught: bool) -> Arrow | None:
        found = [one for one in self.graph.arrows if one.target.is_state and one.target.name == target]
        if not source:
            return next((one for one in found if one.source.kind == START), None)
        found = [one for one in found if self._named(one.source) == source]
        if len(found) > 1:
            found = [one for one in found if (one.kind == "catch") == caught] or found
        return found[0] if found else None

    def _named(self, box: Box) -> str:
        """The state an arrow begins at; those that leave a frame begin at its end."""
        return box.inside.name if box.kind == JOIN and box.inside is not None else box.name

    def hidden(self, arrow: Arrow) -> bool:
        """Whether nobody can tell from here if an arrow was taken: it lies in a Distributed Map."""
        around = _far(arrow.target)
        return around is not None and bool(self.seen[around].state)

    def _took(self, arrow: Arrow, data: str, before: str) -> None:
        way = self.ways[arrow]
        way.count += 1
        way.data.insert(0, data)
        way.new.insert(0, changed(before, data))

    def _small_boxes(self) -> None:
        for box in self.graph.boxes:
            if not box.is_state:
                used = any(
                    self.ways[one].count for one in self.graph.arrows if box in (one.source, one.target)
                )
                self.seen[box] = Seen("done" if used else "")


_WORDS: Final = {
    "running": "running", "failed": "failed", "stopped": "stopped", "caught": "caught", "retried": "done after retries",
    "done": "done",
}  # fmt: skip
_ITEMS: Final = ("done", "failed", "running", "waiting", "stopped", "not begun")


def _far(box: Box) -> Box | None:
    """The Distributed Map around a state."""
    around = box.inside
    while around is not None and not around.far:
        around = around.inside
    return around


_CHILDREN: Final = {
    "PENDING": "waiting", "RUNNING": "running", "SUCCEEDED": "done", "FAILED": "failed", "TIMED_OUT": "failed",
}  # fmt: skip
"""Status of a child execution of a Map Run -> the word for its items."""


def _state(visit: Visit) -> str:
    return "retried" if visit.state == "done" and len(visit.tries) > 1 else visit.state


def shortened(told: object, most: int = LONGEST) -> str:
    """A foreign text on one line, cut where it is too long."""
    line = safe(str(told)[: 4 * most + 100])
    return line if len(line) <= most else line[: most - 3].rstrip() + "..."


def cause(told: str) -> str:
    """Why something failed. Of what a Lambda function tells as JSON, its message."""
    try:
        found = json.loads(told)
    except (ValueError, RecursionError):
        found = None
    said = found.get("errorMessage") if isinstance(found, dict) else None
    return shortened(said or told, _LONGEST_CAUSE)


def length(seconds: float) -> str:
    """How long something took."""
    return spoken(seconds) if seconds >= 1 or seconds < 0.001 else f"{seconds * 1000:.0f} ms"


def changed(before: str, data: str) -> str:
    """What is new in the data after a state: `+ charge {id}`; all of it when it is another thing, or nothing."""
    if before == data:
        return ""
    try:
        old, new = json.loads(before), json.loads(data)
    except (ValueError, RecursionError):
        return brief(data)
    if not (isinstance(old, dict) and isinstance(new, dict) and old.keys() & new.keys()):
        return brief(data)
    more = {name: value for name, value in new.items() if name not in old or old[name] != value}
    less = [name for name in old if name not in new]
    parts = [f"+ {brief(json.dumps(more))}" if more else "", f"- {', '.join(less)}" if less else ""]
    return shortened(" ".join(filter(None, parts)))


def brief(data: str, most: int = LONGEST) -> str:
    """JSON without its outer brackets and quotes: `orderId o-1, total 42`."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return shortened(data, most)
    if isinstance(found, dict):
        return shortened(", ".join(f"{name} {_value(value)}" for name, value in found.items()) or "{}", most)
    if isinstance(found, list):
        shown = ", ".join(map(_value, found[:5])) + (", ..." if len(found) > 5 else "")
        return shortened(f"{plural(len(found), 'item')}: {shown}" if found else "[]", most)
    return shortened(_value(found), most)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(list(value)[:4]) + (", ..." if len(value) > 4 else "") + "}"
    if isinstance(value, list):
        return f"[{len(value)}]"
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
