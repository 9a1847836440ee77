"""Functions as lanes: one per execution environment, with every run, its cold start, and what was throttled.

Reads the "invocation" events; the environment is known by its log stream. What was not let in has a lane of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from labkit.drawing.timeline_model import Bar, Lane, Look, Mark, Past, Sign, Story
from labkit.drawing.timeline_words import cut
from labkit.judging.card import plural
from labkit.sandbox.trace import Event, short_name

LOOKS: Final = {
    "starting": Look("cold start", fill="#FDF0D5", edge="#A36200", hatch="////"),
    "running": Look("running", fill="#0F5E93", edge="#0B4870", ink="#FFFFFF"),
    "failing": Look("ended with an error", fill="#FBE3E6", edge="#B8233B", hatch="xxxx"),
    "idle": Look("waiting, warm", fill="#EAF3FA", edge="#B9D3E6", done=True),
}
SIGNS: Final = {
    "batch": Sign("the size of its batch", "disc", "#5A6B86"),
    "error": Sign("the error", "cross", "#B8233B"),
    "throttled": Sign("throttled", "ring", "#B01A57"),
    "dropped": Sign("given up", "diamond", "#5A6B86"),
}
_REFUSALS: Final = {
    "InvocationThrottled": ("throttled", "throttled"),
    "RecursiveInvocationStopped": ("dropped", "stopped as a loop"),
    "EventDropped": ("dropped", "given up"),
}
_LONGEST: Final = 140


def story(past: Past) -> Story:
    """Every run of every function, or of one."""
    sizes = _batches(past.events)
    runs: dict[tuple[str, str], list[Event]] = defaultdict(list)
    refused: dict[str, list[Event]] = defaultdict(list)
    for event in past.events:
        if event.kind == "invocation":
            runs[event.resource, str(event.params.get("LogStream", ""))].append(event)
        elif event.action in _REFUSALS:
            refused[event.resource].append(event)
    names = dict.fromkeys([function for function, _ in runs] + list(refused))
    lanes: list[Lane] = []
    for function in names:
        if past.resource and short_name(function) != past.resource:
            continue
        here = [(stream, events) for (one, stream), events in runs.items() if one == function]
        for number, (stream, events) in enumerate(here, 1):
            lanes.append(_lane(function, number, stream, events, sizes, past.now))
        if function in refused:
            lanes.append(_refusals(function, refused[function]))
    return Story(
        title=f"Runs of {past.resource}" if past.resource else "Functions",
        nouns=("environment", "environments"),
        lanes=tuple(lanes),
        looks=LOOKS,
        signs=SIGNS,
        now=past.now,
        known=tuple(short_name(one) for one in names),
        notices=notices,
        empty=f"{past.resource} has not run yet." if past.resource else "No function has run yet.",
        counted=False,
        uneven="runs",
    )


def notices(lanes: Sequence[Lane]) -> list[str]:
    """What a reader should see first, in sentences."""
    marks = [mark for lane in lanes for mark in lane.marks]
    runs = sum(mark.sign in ("", "batch", "error") for mark in marks)
    cold = sum(bar.state == "starting" for lane in lanes for bar in lane.bars)
    found = [f"{plural(runs, 'run')}, {cold:,} of them cold."] if runs else []
    for sign, told in (
        ("error", "ended with an error"),
        ("throttled", "was throttled"),
        ("dropped", "was given up"),
    ):
        count = sum(mark.sign == sign for mark in marks)
        if count:
            found.append(f"{count:,} {told if count == 1 else told.replace('was ', 'were ')}.")
    return found


def _batches(events: Sequence[Event]) -> Mapping[int, int]:
    """Sequence number of a batch -> how many records it held. A run follows from its batch."""
    wanted = ("BatchDelivered", "BatchFailed")
    return {event.sequence: int(event.params.get("Size") or 0) for event in events if event.action in wanted}


def _lane(
    function: str, number: int, stream: str, events: Sequence[Event], sizes: Mapping[int, int], now: float
) -> Lane:
    bars: list[Bar] = []
    marks = []
    for event in events:
        start, warm, end = _times(event.params, event.time)
        if bars and bars[-1].end < start:
            bars.append(Bar(bars[-1].end, start, "idle"))
        if warm > start:
            bars.append(Bar(start, warm, "starting"))
        bars.append(Bar(warm, end, "failing" if event.error else "running"))
        marks.append(_mark(event, sizes.get(event.cause or 0, 0), cold=warm > start))
    bars.append(Bar(bars[-1].end, max(now, bars[-1].end), "idle"))
    name = short_name(function)
    detail = f"environment {number}, {plural(len(events), 'run')}"
    return Lane(name, tuple(bars), tuple(marks), (name,), detail=detail, key=f"{function} {stream}")


def _times(params: Mapping[str, Any], began: float) -> tuple[float, float, float]:
    """When it began, when it was warm, when it ended."""
    init = float(params.get("InitMs") or 0) / 1000
    return began, began + init, began + init + float(params.get("DurationMs") or 0) / 1000


def _mark(event: Event, size: int, cold: bool) -> Mark:
    params = event.params
    attempt = int(params.get("Attempt") or 1)
    told = [
        f"{float(params.get('DurationMs') or 0):,.0f} ms",
        f"cold start {float(params.get('InitMs') or 0):,.0f} ms" if cold else "",
        f"batch of {size}" if size else "",
        f"try {attempt}" if attempt > 1 else "",
    ]
    if event.error:
        told.append(cut(f"{event.error}: {event.message}" if event.message else event.error, _LONGEST))
        end = _times(params, event.time)[2]
        return Mark(end, "error", "failed", ", ".join(filter(None, told)))
    sign = "batch" if size else ""
    return Mark(event.time, sign, "ran", ", ".join(filter(None, told)), str(size) if size else "")


def _refusals(function: str, events: Sequence[Event]) -> Lane:
    marks = tuple(
        Mark(event.time, *_REFUSALS[event.action], cut(event.note or event.message or event.error, _LONGEST))
        for event in events
    )
    name = short_name(function)
    detail = f"not let in, {plural(len(events), 'time')}"
    return Lane(name, (), marks, (name,), detail=detail, key=f"{function} refused")
