"""What happened in the account on its clock, as a figure: `lab.timeline()`.

The lanes come from `labkit/drawing/lanes/`, the picture from matplotlib, the words from `timeline_text`. Nothing
here changes the account: no event is recorded and no timeout is played.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from labkit.drawing.lanes import states, tasks, teller
from labkit.drawing.picture import Picture
from labkit.drawing.timeline_counts import count
from labkit.drawing.timeline_history import Source, happened
from labkit.drawing.timeline_text import counts_text, lanes_text
from labkit.drawing.timeline_words import cut, date_of, moment
from labkit.errors import NotFound, UsageError
from labkit.judging.card import plural
from labkit.sandbox.trace import short_name

if TYPE_CHECKING:
    from labkit.drawing.timeline_model import Story
    from labkit.sandbox.trace import Event

MOST_LANES: Final = 40
"""With more, a lane each would be too thin to read: the lanes are counted by state instead."""
_EPOCH: Final = 1e9
NO_LIBRARY: Final = "The picture needs matplotlib: `pip install matplotlib` in the lab's environment."


def timeline(
    source: Source,
    resource: str | None = None,
    kind: str = "messages",
    since: int | float | datetime | timedelta | None = None,
) -> Picture:
    """What happened over time: the lives of messages (`kind="messages"`), calls, deliveries, runs of functions,
    an execution (`kind="states"`) or the tasks of ECS (`kind="tasks"`).

    `source` is a sandbox or a trace. `resource` is a name, an ARN or a URL: only what has to do with it. `since` is
    a `trace.mark()`, a time (a datetime, or seconds since 1970), or how long ago (a timedelta).
    Raises `NotFound` for a resource or kind that is not there, with the nearest names.
    """
    tell = teller(kind)
    past = happened(source, cut(short_name(resource), 200) if resource else "")
    if kind == "messages" and past.resource and past.resource not in past.names:
        tell = next((one.story for one in (states, tasks) if past.resource in one.names(past)), tell)
    story = tell(past)
    if past.resource and past.resource not in story.known and past.resource not in past.names:
        raise NotFound("resource", past.resource, dict.fromkeys((*story.known, *past.names)))
    start = _start(since, past.events, story.now)
    if start is not None:
        story = replace(story.since(start), empty=_nothing_since(start, story.now))
    return _picture(story, start)


def _start(since: object, events: Sequence[Event], now: float) -> float | None:
    if since is None:
        return None
    if isinstance(since, timedelta):
        return now - since.total_seconds()
    if isinstance(since, datetime):
        return (since if since.tzinfo else since.replace(tzinfo=UTC)).timestamp()
    if isinstance(since, (int, float)) and not isinstance(since, bool):
        if since >= _EPOCH:
            return float(since)
        return next((event.time for event in events if event.sequence > since), math.nextafter(now, math.inf))
    raise UsageError(
        "since is a mark of the trace (sandbox.trace.mark()), a time, or how long ago: "
        f"timeline(since=timedelta(minutes=5)). It is {since!r}."
    )


def _nothing_since(start: float, now: float) -> str:
    told = f"It is {moment(now)} UTC now"
    if start > now + 0.5:
        return f"{moment(start)} UTC is in the future: {told[0].lower()}{told[1:]}. Nothing has happened after it."
    return f"Nothing of that kind has happened since {moment(start)} UTC. {told}."


def _picture(story: Story, start: float | None) -> Picture:
    if not story.lanes:
        return Picture("", story.title, story.empty, "", kind="timeline")
    begin = max(story.begin, start or 0.0)
    notices = " ".join(story.notices(story.lanes))
    if story.counted and len(story.lanes) > MOST_LANES:
        return _counted(story, begin, notices)
    shown = _busiest(story)
    left_out = len(story.lanes) - len(shown.lanes)
    more = f" The {left_out:,} least busy are left out." if left_out else ""
    drawing, note = _drawn("lanes_svg", shown, begin)
    title = _title(story, begin)
    return Picture(drawing, title, notices + more, lanes_text(shown), kind="timeline", note=note)


def _counted(story: Story, begin: float, notices: str) -> Picture:
    amount = plural(len(story.lanes), *story.nouns)
    why = f"{amount} are too many for a lane each, so this counts them by state."
    counts = count(story.lanes, list(story.looks), begin, story.now)
    drawing, note = _drawn("areas_svg", replace(story, many=True), counts)
    twin = counts_text(story, counts)
    title = _title(story, begin)
    return Picture(drawing, title, f"{notices} {why}".strip(), twin, kind="timeline", note=note)


def _busiest(story: Story) -> Story:
    if len(story.lanes) <= MOST_LANES:
        return story
    ranked = sorted(range(len(story.lanes)), key=lambda place: (-len(story.lanes[place].marks), place))
    return replace(story, lanes=tuple(story.lanes[place] for place in sorted(ranked[:MOST_LANES])))


def _title(story: Story, begin: float) -> str:
    amount = plural(len(story.lanes), *story.nouns)
    start, end = moment(begin), moment(story.now, date_of(begin))
    return f"{story.title}: {amount}, {start}{'' if start.endswith(end) else f' to {end}'} UTC"


def _drawn(function: str, *parts: object) -> tuple[str, str]:
    """The SVG and no note; without matplotlib, no SVG and a line of help."""
    try:
        plot = importlib.import_module("labkit.drawing.timeline_plot")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "labkit":
            raise
        return "", NO_LIBRARY
    return str(getattr(plot, function)(*parts)), ""
