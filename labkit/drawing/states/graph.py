"""A definition as a graph: states, the frames of Parallel and Map, and what leads where. Nothing is drawn here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from labkit.drawing.states import conditions
from labkit.drawing.states.services import call
from labkit.drawing.text import safe
from labkit.drawing.timeline_words import spoken
from labkit.judging.card import plural

TYPES: Final = ("Task", "Choice", "Parallel", "Map", "Wait", "Pass", "Succeed", "Fail")
START: Final = "start"
END: Final = "end"
JOIN: Final = "join"
MISSING: Final = "missing"
"""Kinds of boxes that are no states: the beginning, the end, the end of a frame, a state that is not there."""
ANY_ERROR: Final = "any error"
UNKNOWN: Final = "unknown"
"""The kind of a state whose type AWS does not know."""
_DEEPEST: Final = 12
_RETRIES: Final = 3
"""MaxAttempts of a retrier that names none (developer guide, error handling)."""


@dataclass(eq=False, slots=True)
class Box:
    """A state, or one of the small boxes around them. `inside` is the Parallel or Map it lies in.

    `detail` says what it does, `more` how often it is tried again. `word` is the service it calls.
    """

    id: int
    kind: str
    name: str
    detail: str = ""
    more: str = ""
    word: str = ""
    inside: Box | None = None
    branch: int = 0
    far: bool = False

    @property
    def holds(self) -> bool:
        """Whether other states lie in it."""
        return self.kind in ("Parallel", "Map")

    @property
    def is_state(self) -> bool:
        """Whether it is a state of the definition."""
        return self.kind in TYPES or self.kind == UNKNOWN


@dataclass(eq=False, slots=True)
class Arrow:
    """From box to box. `kind` is "next", "choice", "catch" or "inner" (into a frame, and to its end)."""

    source: Box
    target: Box
    kind: str = "next"
    said: list[str] = field(default_factory=list)

    @property
    def label(self) -> str:
        """All that leads this way: conditions or error names."""
        return (" or " if self.kind == "choice" else ", ").join(dict.fromkeys(self.said))


class Graph:
    """All boxes and arrows of a definition. A name that leads nowhere gets a box that says so."""

    def __init__(self, definition: Mapping[str, Any]) -> None:
        self.definition = definition
        self.boxes: list[Box] = []
        self.arrows: list[Arrow] = []
        self.comment = safe(definition.get("Comment", ""))
        self._block(definition, None, 0)

    # -- looking ---------------------------------------------------------------------------------

    def state(self, name: str) -> Box | None:
        """The state of that name. Names are unique in a definition."""
        return next((box for box in self.boxes if box.is_state and box.name == safe(name)), None)

    def within(self, box: Box | None) -> list[Box]:
        """The boxes that lie directly in a frame, or outside all frames."""
        return [one for one in self.boxes if one.inside is box]

    def leaving(self, box: Box) -> list[Arrow]:
        """The arrows that begin at a box; those that leave its frame too."""
        return [arrow for arrow in self.arrows if arrow.source is box]

    def join(self, box: Box) -> Box:
        """Where the ways through a Parallel or Map meet again; the box itself when it holds nothing."""
        return next((one for one in self.boxes if one.kind == JOIN and one.inside is box), box)

    @property
    def errors(self) -> dict[str, str]:
        """The errors of Fail states, where the definition names them."""
        fails = {box.name: box.detail for box in self.states if box.kind == "Fail"}
        return {name: error for name, error in fails.items() if error and not error.startswith("$")}

    @property
    def again(self) -> set[str]:
        """The states that may be tried again."""
        return {box.name for box in self.states if box.more}

    @property
    def states(self) -> list[Box]:
        """The states, in the order of the definition."""
        return [box for box in self.boxes if box.is_state]

    # -- building --------------------------------------------------------------------------------

    def _add(self, kind: str, name: str, inside: Box | None, branch: int, **more: Any) -> Box:
        box = Box(len(self.boxes), kind, name, inside=inside, branch=branch, **more)
        self.boxes.append(box)
        return box

    def _block(self, block: Mapping[str, Any], inside: Box | None, depth: int) -> None:
        """One part with `StartAt` and `States`. Outside all frames it has a beginning and an end."""
        states = block.get("States")
        if inside is None:
            begin = self._add(START, "Start", None, 0)
            self._part(states, block.get("StartAt"), begin, None, 0, depth)
            if any(arrow.target.kind == END for arrow in self.arrows):  # the end is drawn last
                self._renumber()

    def _part(self, states: Any, start: Any, begin: Box, inside: Box | None, branch: int, depth: int) -> None:
        found = {name: state for name, state in (states or {}).items() if isinstance(state, dict)} \
            if isinstance(states, dict) else {}  # fmt: skip
        made: dict[str, Box] = {}
        for name, state in found.items():
            made[name] = self._state(name, state, inside, branch)
        kind = "next" if inside is None else "inner"
        if start is not None:
            self._lead(begin, self._target(made, start, inside, branch), kind)
        for name, state in found.items():
            self._inner(made[name], state, depth)
            for target, how, said in _ways(state):
                source = self.join(made[name]) if how != "catch" else made[name]
                self._lead(source, self._target(made, target, inside, branch), how, said)
            if state.get("End") is True:
                self._lead(self.join(made[name]), self._end(inside), "next" if inside is None else "inner")
            elif inside is not None and state.get("Type") == "Succeed":
                self._lead(made[name], self._end(inside), "inner")

    def _state(self, name: str, state: Mapping[str, Any], inside: Box | None, branch: int) -> Box:
        kind = str(state.get("Type"))
        box = self._add(kind if kind in TYPES else UNKNOWN, safe(name), inside, branch)
        box.detail, box.more = _detail(state), _retries(state)
        if kind not in TYPES:
            box.detail = f"there is no Type {safe(kind)!r}" if "Type" in state else "it has no Type"
        if kind == "Task":
            called = call(state)
            box.word, box.detail = called.word, "; ".join(filter(None, (called.told, called.waits)))
        if kind == "Map":
            config = _processor(state).get("ProcessorConfig")
            box.far = isinstance(config, dict) and config.get("Mode") == "DISTRIBUTED"
        return box

    def _inner(self, box: Box, state: Mapping[str, Any], depth: int) -> None:
        if depth >= _DEEPEST or not box.holds:
            return
        branches = state.get("Branches") if box.kind == "Parallel" else [_processor(state)]
        parts = [one for one in branches if isinstance(one, dict)] if isinstance(branches, list) else []
        parts = [one for one in parts if one.get("States")]
        if not parts:
            return
        self._add(JOIN, "", box, 0)
        for number, part in enumerate(parts):
            self._part(part.get("States"), part.get("StartAt"), box, box, number, depth + 1)

    def _target(self, made: Mapping[str, Box], name: Any, inside: Box | None, branch: int) -> Box:
        if isinstance(name, str) and name in made:
            return made[name]
        shown = safe(name)
        for box in self.boxes:
            if box.kind == MISSING and box.name == shown and box.inside is inside:
                return box
        return self._add(MISSING, shown, inside, branch, detail="there is no such state")

    def _end(self, inside: Box | None) -> Box:
        if inside is not None:
            return self.join(inside)
        found = next((box for box in self.boxes if box.kind == END), None)
        return found or self._add(END, "End", None, 0)

    def _lead(self, source: Box, target: Box, kind: str, said: str = "") -> None:
        known = (one for one in self.arrows if one.source is source and one.target is target)
        arrow = next((one for one in known if (one.kind == "catch") == (kind == "catch")), None)
        if arrow is None:
            arrow = Arrow(source, target, kind)
            self.arrows.append(arrow)
        if said:
            arrow.said.append(said)

    def _renumber(self) -> None:
        self.boxes.sort(key=lambda box: box.kind == END)
        for number, box in enumerate(self.boxes):
            box.id = number


def _processor(state: Mapping[str, Any]) -> dict[str, Any]:
    found = state.get("ItemProcessor") or state.get("Iterator")
    return found if isinstance(found, dict) else {}


def _ways(state: Mapping[str, Any]) -> Iterator[tuple[Any, str, str]]:
    """Every state that this one names as a next one: target, kind of arrow, what is said at it."""
    if state.get("Type") == "Choice":
        for one in _list(state.get("Choices")):
            yield one.get("Next"), "choice", conditions.rule(one)
        if "Default" in state:
            yield state["Default"], "choice", conditions.ELSE
    elif "Next" in state:
        yield state["Next"], "next", ""
    for one in _list(state.get("Catch")):
        yield one.get("Next"), "catch", errors(one)


def _list(told: Any) -> list[dict[str, Any]]:
    return [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []


def errors(rule: Mapping[str, Any]) -> str:
    """The errors a Retry or Catch is for; all of them are "any error"."""
    names = rule.get("ErrorEquals")
    told = [safe(one) for one in names] if isinstance(names, list) else []
    return ", ".join(ANY_ERROR if one == "States.ALL" else one for one in told) or "no error"


def _retries(state: Mapping[str, Any]) -> str:
    told = []
    for one in _list(state.get("Retry")):
        most = one.get("MaxAttempts", _RETRIES)
        if most == 0:
            told.append(f"never after {errors(one)}")
        elif isinstance(most, int) and not isinstance(most, bool):
            name = errors(one)
            told.append(plural(most, "retry", "retries") + ("" if name == ANY_ERROR else f" for {name}"))
        else:
            told.append(f"retries for {errors(one)}")
    return "; ".join(told)


def _detail(state: Mapping[str, Any]) -> str:
    kind = state.get("Type")
    if kind == "Wait":
        return _wait(state)
    if kind == "Fail":
        return conditions.expression(state["Error"]) if "Error" in state else ""
    if kind == "Parallel":
        return plural(len(_list(state.get("Branches"))), "branch", "branches")
    if kind == "Map":
        return _map(state)
    if kind == "Pass" and "Result" in state:
        return f"gives {conditions.value(state['Result'])}"
    return ""


def _wait(state: Mapping[str, Any]) -> str:
    seconds = state.get("Seconds")
    if isinstance(seconds, (int, float)) and not isinstance(seconds, bool):
        return spoken(seconds)
    if "SecondsPath" in state:
        return f"{conditions.path(state['SecondsPath'])} seconds"
    if isinstance(seconds, str):
        return f"{conditions.expression(seconds)} seconds"
    until = state.get("Timestamp", state.get("TimestampPath"))
    return f"until {conditions.path(conditions.expression(until))}" if until else ""


def _map(state: Mapping[str, Any]) -> str:
    config = _processor(state).get("ProcessorConfig")
    far = isinstance(config, dict) and config.get("Mode") == "DISTRIBUTED"
    most = state.get("MaxConcurrency")
    told = ["a child execution for each item" if far else "for each item"]
    if isinstance(most, int) and most > 0:
        told.append(f"{most} at once")
    for name, unit in (("ToleratedFailurePercentage", " %"), ("ToleratedFailureCount", "")):
        share = state.get(name)
        if isinstance(share, (int, float)):
            told.append(f"tolerates {share:g}{unit} failed")
    return ", ".join(told)


def readable(told: object) -> dict[str, Any] | None:
    """A definition as a dictionary, or None when it is none: no JSON, or without any state."""
    try:
        found = json.loads(told) if isinstance(told, (str, bytes)) else told
    except (ValueError, RecursionError):
        return None
    states = found.get("States") if isinstance(found, dict) else None
    return dict(found) if isinstance(found, dict) and isinstance(states, dict) and states else None
