"""API calls as lanes: one per operation and caller, a mark for each call, empty answers and errors apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from labkit.drawing.timeline_model import Lane, Mark, Past, Sign, Story
from labkit.judging.card import clean, plural
from labkit.sandbox.trace import Event, short_name

SIGNS: Final = {
    "call": Sign("a call", "disc", "#0F5E93"),
    "empty": Sign("received nothing", "ring", "#5A6B86"),
    "error": Sign("an error", "cross", "#B8233B"),
}
_POLL: Final = "ReceiveMessage"


def story(past: Past) -> Story:
    """Every call to the account, or those about one resource."""
    calls = [event for event in past.events if event.kind == "call"]
    known = dict.fromkeys(clean(short_name(event.resource)) for event in calls if event.resource)
    lanes: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in calls:
        if not past.resource or clean(short_name(event.resource)) == past.resource:
            lanes[event.action, f"{event.service}, {event.caller}"].append(event)
    return Story(
        title=f"Calls about {past.resource}" if past.resource else "Calls",
        nouns=("operation", "operations"),
        lanes=tuple(_lane(name, caller, events) for (name, caller), events in lanes.items()),
        looks={},
        signs=SIGNS,
        now=past.now,
        known=tuple(known),
        notices=notices,
        empty=f"No call was made{f' about {past.resource}' if past.resource else ''} yet.",
        counted=False,
    )


def notices(lanes: Sequence[Lane]) -> list[str]:
    """What a reader should see first, in sentences."""
    marks = [mark for lane in lanes for mark in lane.marks]
    errors = [mark for mark in marks if mark.sign == "error"]
    empty = sum(mark.sign == "empty" for mark in marks)
    found = [f"{plural(len(marks), 'call')} in all."]
    if errors:
        codes = ", ".join(dict.fromkeys(mark.more for mark in errors))
        found.append(f"{plural(len(errors), 'call')} ended with an error: {codes}.")
    if empty:
        found.append(f"{plural(empty, 'poll')} came back with nothing.")
    return found


def _lane(name: str, caller: str, events: Sequence[Event]) -> Lane:
    marks = tuple(_mark(event) for event in events)
    errors = sum(mark.sign == "error" for mark in marks)
    detail = f"{caller}, {plural(len(marks), 'call')}" + (f", {plural(errors, 'error')}" if errors else "")
    return Lane(name, (), marks, (caller,), detail=detail, key=f"{name} {caller}")


def _mark(event: Event) -> Mark:
    if event.error:
        return Mark(event.time, "error", "error", clean(event.error))
    if event.action == _POLL and "Messages" not in (event.result or {}):
        return Mark(event.time, "empty", "nothing")
    return Mark(event.time, "call", "")
