"""An execution of a state machine as lanes: one per state, with every attempt, the waits between, and how it ended.

Reads the history of the execution. A state inside a Map has a lane for each item.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from labkit.drawing.states.account import NO_HISTORY, Execution, called
from labkit.drawing.states.graph import Graph
from labkit.drawing.states.history import History, Try, Visit
from labkit.drawing.states.outcome import cause
from labkit.drawing.timeline_model import Bar, Lane, Look, Mark, Past, Sign, Story
from labkit.drawing.timeline_words import cut, spoken
from labkit.judging.card import plural
from labkit.sandbox.trace import short_name

LOOKS: Final = {
    "working": Look("an attempt", fill="#0F5E93", edge="#0B4870", ink="#FFFFFF"),
    "failing": Look("an attempt that failed", fill="#FBE3E6", edge="#B8233B", hatch="xxxx"),
    "retry": Look("waits for the next attempt", fill="#FDF0D5", edge="#A36200"),
    "pause": Look("a Wait state waits", fill="#EAF3FA", edge="#4E86B0", dashed=True),
    "around": Look("works on branches or items", fill="#F2F4F7", edge="#9AA7B8"),
    "over": Look("over", done=True),
}
SIGNS: Final = {
    "failed": Sign("an attempt that failed, with its number", "disc", "#A36200"),
    "done": Sign("done", "check", "#4A6A00"),
    "caught": Sign("caught by a Catch", "down", "#A33B00"),
    "error": Sign("failed for good", "cross", "#B8233B"),
    "stopped": Sign("stopped", "square", "#5A6B86"),
}
_LONGEST: Final = 80
_FRAMES: Final = ("Parallel", "Map")


def names(past: Past) -> dict[str, Execution | None]:
    """Every name one can ask for: of a state machine (its latest execution), of an execution, the end of its ARN."""
    found: dict[str, Execution | None] = {cut(one.name, 200): None for one in past.machines}
    found.update({cut(short_name(one.arn), 200): one for each in past.machines for one in each.children})
    for one in _executions(past):
        called = (one.machine, one.name, f"{one.machine}:{one.name}", short_name(one.arn))
        found.update({cut(name, 200): one for name in called})
    return found


def _executions(past: Past) -> list[Execution]:
    """All of them, the oldest first."""
    return sorted((one for each in past.machines for one in each.executions), key=lambda one: one.run.started)


def story(past: Past) -> Story:
    """The execution that was asked for, or the latest one."""
    known, ran = names(past), _executions(past)
    told = known.get(past.resource) if past.resource else next(reversed(ran), None)
    if told is None:
        empty = f"{past.resource} has no execution yet." if past.resource else "No state machine has run yet."
        return Story("Executions", ("state", "states"), (), LOOKS, SIGNS, past.now, tuple(known), empty=empty)
    run, title = told.run, f"Execution {called(told.name)} of {cut(told.machine, 60)}"
    graph = Graph(run.definition)
    history = History(told.events, run.status, graph.errors, graph.again)
    now = past.now if run.status == "RUNNING" else max(run.ended or 0.0, history.ended)
    of_machine = sum(one.machine == told.machine for one in ran)
    asked = past.resource in ("", told.machine)
    return Story(
        title=title,
        nouns=("state", "states"),
        lanes=tuple(_lanes(history, now)),
        looks=LOOKS,
        signs=SIGNS,
        now=now,
        known=tuple(known),
        notices=lambda lanes: _notices(lanes, run.status, of_machine if asked else 1),
        empty=f"{title} has not begun: move the clock." if told.told else NO_HISTORY,
        counted=False,
        uneven="steps",
        over=run.status != "RUNNING",
    )


def _lanes(history: History, now: float) -> list[Lane]:
    rows: dict[tuple[str, tuple[int, ...]], list[Visit]] = {}
    for visit in history.visits:
        rows.setdefault((visit.name, visit.path), []).append(visit)
    return [_lane(name, path, visits, now) for (name, path), visits in rows.items()]


def _lane(name: str, path: tuple[int, ...], visits: Sequence[Visit], now: float) -> Lane:
    bars: list[Bar] = []
    marks: list[Mark] = []
    for visit in visits:
        if bars and bars[-1].end < visit.entered:
            bars.append(Bar(bars[-1].end, visit.entered, "over"))
        bars += _bars(visit, now)
        marks += _marks(visit)
    tries = sum(len(visit.tries) for visit in visits)
    item = f"item {', '.join(map(str, path))}" if path else ""
    counted = plural(tries, "attempt") if tries and visits[0].kind not in _FRAMES else ""
    detail = ", ".join(filter(None, (visits[0].kind, item, counted)))
    shown = f"{cut(name, _LONGEST)} [{'.'.join(map(str, path))}]" if path else cut(name, _LONGEST)
    return Lane(shown, tuple(bars), tuple(marks), (), _now(visits[-1]), detail, f"{name} {path}")


def _now(visit: Visit) -> str:
    if not visit.open:
        return ""
    if visit.waits_since and visit.tries:
        return "now waiting for the next attempt"
    return "now waiting" if visit.kind == "Wait" or visit.submitted else "now running"


def _bars(visit: Visit, now: float) -> list[Bar]:
    end = visit.left or now
    if visit.kind == "Wait":
        return [Bar(visit.entered, end, "pause", said=f"waits {spoken(end - visit.entered)}")]
    if not visit.tries:
        return [Bar(visit.entered, end, "over")]
    bars: list[Bar] = []
    for place, one in enumerate(visit.tries):
        state = "failing" if one.failed else "around" if visit.kind in _FRAMES else "working"
        bars.append(Bar(one.start, one.end or end, state))
        later = visit.tries[place + 1] if place + 1 < len(visit.tries) else None
        following = later.start if later else 0.0
        until = following or (now if visit.open and visit.waits_since else 0.0)
        if until > (one.end or until):
            wait = "over" if later and later.redriven else "retry"
            bars.append(Bar(one.end, until, wait, said=f"waits {_wait(until - one.end)}"))
    return bars if visit.open else [*bars, Bar(end, end, "over")]


def _wait(seconds: float) -> str:
    """How long a wait is: jitter gives parts of seconds."""
    return f"{seconds:.2g} s" if seconds < 60 and abs(seconds - round(seconds)) > 0.05 else spoken(seconds)


def _marks(visit: Visit) -> list[Mark]:
    marks = []
    again = len(visit.tries) > 1 or visit.open
    for place, one in enumerate(visit.tries):
        if one.failed and again:
            more = _why(one)
            later = visit.tries[place + 1] if place + 1 < len(visit.tries) else None
            if later is not None:
                more += "; redriven later" if later.redriven else f"; waits {_wait(later.start - one.end)}"
            marks.append(Mark(one.end, "failed", f"attempt {place + 1} failed", more, str(place + 1)))
    last = visit.tries[-1] if visit.tries and visit.tries[-1].failed else None
    why = "" if again and last else _why(last) if last else cut(visit.error, _LONGEST)
    if visit.state == "done":
        marks.append(
            Mark(visit.left, "done", "done", f"attempt {len(visit.tries)}" if again and visit.tries else "")
        )
    elif visit.state == "caught":
        marks.append(Mark(visit.left, "caught", "caught", why))
    elif visit.state == "stopped":
        marks.append(Mark(visit.left, "stopped", "stopped"))
    elif visit.state in ("failed", "redriven"):
        more = ", ".join(filter(None, (why, "redriven later" if visit.state == "redriven" else "")))
        marks.append(Mark(visit.left or visit.entered, "error", "failed for good", more))
    return marks


def _why(one: Try) -> str:
    told = one.error or "an error"
    return cut(f"{told}: {cause(one.cause)}" if one.cause else told, 2 * _LONGEST)


def _notices(lanes: Sequence[Lane], status: str, executions: int) -> list[str]:
    """What a reader should see first, in sentences."""
    found = []
    for lane in lanes:
        waits = [bar.said.removeprefix("waits ") for bar in lane.bars if bar.state == "retry"]
        if waits:
            shown = ", ".join(waits[:6]) + (" and more" if len(waits) > 6 else "")
            found.append(f"{lane.name} was tried again after {shown}.")
    more = [f"And {len(found) - 3:,} more states were tried again."] if len(found) > 3 else []
    told = [*found[:3], *more] or ["Nothing had to be tried again."]
    if executions > 1:
        told.append(f"This is the latest of {executions:,} executions: name another one by its ARN.")
    return [f"It is {status}.", *told]
